import {
  addressProblem,
  currentChoices,
  friendsProblem,
  keptChoices,
  nostrProblem,
  toBaseUrl,
  trackerProblem
} from './choices.ts'
import { KEY_MARKER, PROVIDER } from './constants.ts'
import type { AuthContext, AuthResult, HostConfig, NonInteractiveContext, ProviderConfig } from './host.ts'
import { takeInvites } from './invites.ts'
import { preferredModel, probe, record, type GridModel } from './models.ts'
import { askChoices, defaultAccess, type Answers } from './questions.ts'
import { localService, type Place } from './service.ts'
import { afterwards } from './texts.ts'
import { askService, tryService } from './trial.ts'

/** Longest answer in seconds: a model on a slow machine may think for minutes. */
const ANSWER_TIMEOUT_S = 600

/** Asks a person; the wizard's way, and that of `openclaw models auth login`. */
export async function onboard(context: AuthContext, root?: string): Promise<AuthResult> {
  const { config, prompter, opts = {}, env = process.env } = context
  const answers = await askChoices(currentChoices(config, {}), { opts, place: { env, root }, prompter })
  const progress = prompter.progress('Looking for models')
  const settled = await settle(answers, apiKeyOf(opts, config, env), { env, root }).finally(() =>
    progress.stop()
  )
  const { patch, model, notes } = settled
  return {
    profiles: [],
    configPatch: patch,
    ...(model === undefined ? {} : { defaultModel: `${PROVIDER}/${model}` }),
    notes
  }
}

/** Asks nobody: flags, then what was chosen before, then `LOBSTAH_…` variables, then no to everything. */
export async function onboardSilently(
  context: NonInteractiveContext,
  root?: string
): Promise<HostConfig | null> {
  const { config, opts, runtime } = context
  const { env } = process
  const known = currentChoices(config, env)
  const baseUrl = toBaseUrl(text(opts.customBaseUrl) ?? known.baseUrl)
  const problem =
    baseUrl === undefined
      ? `${text(opts.customBaseUrl) ?? known.baseUrl}: expected an http or https URL`
      : (addressProblem(known.bootstrap.join(',')) ??
        friendsProblem(known.friends.join(',')) ??
        trackerProblem(known.tracker.join(',')) ??
        nostrProblem(known.nostr.join(',')))
  if (baseUrl === undefined || problem !== undefined) {
    runtime.error(problem ?? '')
    return null
  }
  const taken = await takeInvites(known.discover || known.contribute ? known.bootstrap : [], { env, root })
  if (typeof taken === 'string') {
    runtime.error(taken)
    return null
  }
  const access = known.access ?? defaultAccess(taken)
  const choices = { ...known, baseUrl, bootstrap: taken.addresses, access }
  const answers = { choices, joined: taken.joined }
  const { patch, model, notes } = await settle(answers, apiKeyOf(opts, config, env), { env, root })
  for (const note of notes) runtime.log(note)
  return merged(config, patch, text(opts.customModelId) ?? model)
}

interface Settled {
  patch: HostConfig
  /** The model to use by default, if any can be reached. */
  model: string | undefined
  notes: string[]
}

/** The contents of openclaw.json that put the choices into effect, with the models that can be reached now. */
async function settle({ choices, joined }: Answers, apiKey: string, place: Place): Promise<Settled> {
  const service = localService(choices, place)
  const gateway = { baseUrl: choices.baseUrl, apiKey }
  let reached = await askService(gateway, choices.discover)
  const refused = reached.models === undefined && (await probe(choices.baseUrl, apiKey)).kind === 'refused'
  // A second node would find the port and the home taken.
  if (reached.models === undefined && !refused && service !== undefined)
    reached = await tryService(service, gateway, choices.discover)
  const { models } = reached
  const preferred = preferredModel(models ?? [])
  const provider: ProviderConfig = {
    baseUrl: choices.baseUrl,
    api: 'openai-completions',
    apiKey,
    timeoutSeconds: ANSWER_TIMEOUT_S,
    localService: service,
    models: definitions(models)
  }
  return {
    patch: {
      models: { mode: 'merge', providers: { [PROVIDER]: provider } },
      plugins: { entries: { [PROVIDER]: { enabled: true, config: keptChoices(choices) } } }
    },
    model: preferred?.definition.id,
    notes: afterwards(choices, {
      found: models?.length,
      preferred,
      refused,
      starts: service !== undefined,
      joins: joined || reached.joins === true
    })
  }
}

function definitions(models: GridModel[] = []): ProviderConfig['models'] {
  return models.map(({ definition }) => definition)
}

function merged(config: HostConfig, patch: HostConfig, model: string | undefined): HostConfig {
  const entry = record(record(config.plugins?.entries)[PROVIDER])
  const defaults = config.agents?.defaults
  return {
    ...config,
    models: {
      ...config.models,
      ...patch.models,
      providers: { ...config.models?.providers, ...patch.models?.providers }
    },
    plugins: {
      ...config.plugins,
      entries: {
        ...config.plugins?.entries,
        [PROVIDER]: { ...entry, ...record(patch.plugins?.entries?.[PROVIDER]) }
      }
    },
    ...(model === undefined
      ? {}
      : {
          agents: {
            ...config.agents,
            defaults: { ...defaults, model: { ...record(defaults?.model), primary: `${PROVIDER}/${model}` } }
          }
        })
  }
}

function apiKeyOf(opts: Record<string, unknown>, config: HostConfig, env: NodeJS.ProcessEnv): string {
  const kept = text(record(record(config.models?.providers)[PROVIDER]).apiKey)
  return text(opts.customApiKey) ?? text(env.LOBSTAH_API_KEY) ?? kept ?? KEY_MARKER
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}
