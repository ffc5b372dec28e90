import type { Engine } from './engine.ts'

/** The user's settings that concern engines; each engine reads those that mean something to it. */
export interface EngineSettings {
  /** Base URL of the program, where it is not the usual one. */
  url?: string | undefined
  apiKey?: string | undefined
  /** Path of a GGUF file. */
  modelPath?: string | undefined
  /** CPU threads. */
  threads?: number | undefined
  /** Tokens of prompt and answer together. */
  contextLength?: number | undefined
  /** Requests answered at the same time. */
  slots?: number | undefined
  /** Environment variables, of which an engine reads its own program's. */
  environment?: Readonly<Record<string, string | undefined>> | undefined
}

/** An engine, and what messages call it, such as `Ollama at http://127.0.0.1:11434`. */
export interface OpenedEngine {
  engine: Engine
  label: string
}

/**
 * How detection treats an engine: `take` it without asking, `ask` whether it answers, `skip` it, or take it
 * when nothing else answers (`last`).
 */
export type Detection = 'take' | 'ask' | 'skip' | 'last'

/** All that the rest of the program knows of one kind of engine: each folder exports one. */
export interface EngineDescriptor {
  /** The models that it serves, for `--help`. */
  readonly summary: string
  detection(settings: EngineSettings): Detection
  /** Contacts nobody. Throws EngineSettingsError for settings that cannot be meant. */
  open(settings: EngineSettings): OpenedEngine
}
