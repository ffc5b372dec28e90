/**
 * The part of OpenClaw 2026.9's plugin API that this plugin uses. OpenClaw is this package's host, never its dependency,
 * so the few shapes are said here.
 */

/** A model as OpenClaw's catalog holds it; costs are in dollars, of which the mesh takes none. */
export interface ModelDefinition {
  id: string
  name: string
  reasoning: boolean
  input: ('text' | 'image')[]
  cost: { input: 0; output: 0; cacheRead: 0; cacheWrite: 0 }
  contextWindow: number
  maxTokens: number
  compat: {
    supportsTools: boolean
    supportsDeveloperRole: false
    supportsStore: false
    sendSessionAffinityHeaders: true
  }
}

/** A server that OpenClaw starts when a model is first asked, and stops with itself. */
export interface LocalService {
  /** Absolute path. */
  command: string
  args: string[]
  env: Record<string, string>
  healthUrl: string
  readyTimeoutMs: number
  /** 0: not before OpenClaw itself ends. */
  idleStopMs: number
}

/** One entry of `models.providers` in openclaw.json. */
export interface ProviderConfig {
  baseUrl: string
  api: 'openai-completions'
  apiKey: string
  timeoutSeconds?: number
  /** In a patch undefined removes it. */
  localService?: LocalService | undefined
  models: ModelDefinition[]
}

/** openclaw.json, as far as this plugin reads it: all of it comes from outside. */
export interface HostConfig {
  models?: { providers?: Record<string, unknown> } & Record<string, unknown>
  plugins?: { entries?: Record<string, unknown> } & Record<string, unknown>
  agents?: { defaults?: Record<string, unknown> } & Record<string, unknown>
  [field: string]: unknown
}

export interface Prompter {
  note(message: string, title?: string): Promise<void>
  text(prompt: {
    message: string
    initialValue?: string
    placeholder?: string
    validate?: (value: string) => string | undefined
  }): Promise<string>
  confirm(prompt: { message: string; initialValue: boolean }): Promise<boolean>
  select<T extends string>(prompt: {
    message: string
    options: { value: T; label: string; hint?: string }[]
    initialValue?: T
  }): Promise<T>
  progress(label: string): { update(message: string): void; stop(message?: string): void }
}

export interface AuthContext {
  config: HostConfig
  env?: NodeJS.ProcessEnv
  prompter: Prompter
  opts?: Record<string, unknown>
  signal?: AbortSignal
}

export interface NonInteractiveContext {
  config: HostConfig
  opts: Record<string, unknown>
  runtime: { log(message: string): void; error(message: string): void }
}

export interface AuthResult {
  profiles: []
  configPatch: HostConfig
  defaultModel?: string
  notes: string[]
}

interface ModelContext {
  config?: HostConfig
  modelId: string
}

/** A model that is asked for by name, with where it is answered. */
export type DynamicModel = ModelDefinition & { provider: string; api: string; baseUrl: string }

/** A turn's answer as OpenClaw holds it; `content` is empty where a turn failed before its first word. */
export interface AssistantMessage {
  role: 'assistant'
  content: { type: string; text?: string }[]
  api: string
  provider: string
  model: string
  usage: Record<string, unknown>
  stopReason: string
  errorMessage?: string | undefined
  errorCode?: string | undefined
  errorType?: string | undefined
  errorBody?: string | undefined
  /** Milliseconds since 1970. */
  timestamp: number
}

/** The events of a turn's stream that this plugin makes or replaces; all others pass through. */
export type AssistantEvent =
  | { type: 'start'; partial: AssistantMessage }
  | { type: 'text_start'; contentIndex: number; partial: AssistantMessage }
  | { type: 'text_delta'; contentIndex: number; delta: string; partial?: AssistantMessage }
  | { type: 'text_end'; contentIndex: number; content: string; partial: AssistantMessage }
  | { type: 'done'; reason: 'stop' | 'length' | 'toolUse'; message: AssistantMessage }
  | { type: 'error'; reason: 'aborted' | 'error'; error: AssistantMessage }

/** A turn's answer, event by event, and whole at its end. */
export interface AssistantStream extends AsyncIterable<AssistantEvent> {
  result(): Promise<AssistantMessage>
}

/** Sends a turn to a model. */
export type StreamFunction = (
  model: { id: string; api: string; provider: string; baseUrl?: string },
  context: unknown,
  options?: unknown
) => AssistantStream | Promise<AssistantStream>

/** A model provider as OpenClaw registers it. */
export interface ProviderPlugin {
  id: string
  label: string
  docsPath?: string
  envVars: string[]
  auth: {
    id: string
    label: string
    hint: string
    kind: 'custom'
    run(context: AuthContext): Promise<AuthResult>
    runNonInteractive(context: NonInteractiveContext): Promise<HostConfig | null>
  }[]
  catalog: {
    order: 'late'
    run(context: { config: HostConfig; signal?: AbortSignal }): Promise<{ provider: ProviderConfig } | null>
  }
  prepareDynamicModel(context: ModelContext): Promise<DynamicModel | undefined>
  resolveDynamicModel(context: ModelContext): DynamicModel | undefined
  resolveSyntheticAuth(): { apiKey: string; source: string; mode: 'api-key' }
  wrapStreamFn(context: { config?: HostConfig; streamFn?: StreamFunction }): StreamFunction | undefined
  buildUnknownModelHint(context: ModelContext & { baseUrl?: string }): string
  wizard: {
    setup: Record<string, unknown>
    modelPicker: { label: string; hint: string; methodId: string }
  }
}

export interface PluginApi {
  /** Where this plugin's package is installed; what runs is a copy of it that does not last. */
  rootDir?: string
  registerProvider(provider: ProviderPlugin): void
}

/** The default export of a plugin's entry. */
export interface PluginEntry {
  id: string
  name: string
  description: string
  register(api: PluginApi): void
}
