import {
  addressProblem,
  currentChoices,
  defaultAccess,
  friendsProblem,
  peersOf,
  split,
  toBaseUrl,
  type Access,
  type Choices
} from './choices.ts'
import { KEY_MARKER, PROVIDER } from './constants.ts'
import type {
  AuthContext,
  AuthResult,
  HostConfig,
  NonInteractiveContext,
  Prompter,
  ProviderConfig
} from './host.ts'
import { listModels, preferredModel, record, type GridModel } from './models.ts'
import { localService } from './service.ts'
import { TEXTS, afterwards } from './texts.ts'
import { tryService } from './trial.ts'

/** Longest answer in seconds: a model on a slow machine may think for minutes. */
const ANSWER_TIMEOUT_S = 600

/** Asks a person; the wizard's way, and that of `openclaw models auth login`. */
export async function onboard(context: AuthContext): Promise<AuthResult> {
  const { config, prompter, opts = {}, env = process.env } = context
  const choices = await askChoices(currentChoices(config, {}), opts, prompter)
  const progress = prompter.progress('Looking for models')
  const settled = await settle(choices, apiKeyOf(opts, config, env), env).finally(() => progress.stop())
  const { patch, model, notes } = settled
  return {
    profiles: [],
    configPatch: patch,
    ...(model === undefined ? {} : { defaultModel: `${PROVIDER}/${model}` }),
    notes
  }
}

/** Asks nobody: flags, then what was chosen before, then `LOBSTAH_…` variables, then no to everything. */
export async function onboardSilently(context: NonInteractiveContext): Promise<HostConfig | null> {
  const { config, opts, runtime } = context
  const { env } = process
  const known = currentChoices(config, env)
  const baseUrl = toBaseUrl(text(opts.customBaseUrl) ?? known.baseUrl)
  const problem =
    baseUrl === undefined
      ? `${text(opts.customBaseUrl) ?? known.baseUrl}: expected an http or https URL`
      : (addressProblem(known.bootstrap.join(',')) ?? friendsProblem(known.friends.join(',')))
  if (baseUrl === undefined || problem !== undefined) {
    runtime.error(problem ?? '')
    return null
  }
  const { patch, model, notes } = await settle({ ...known, baseUrl }, apiKeyOf(opts, config, env), env)
  for (const note of notes) runtime.log(note)
  return merged(config, patch, text(opts.customModelId) ?? model)
}

async function askChoices(
  known: Choices,
  opts: Record<string, unknown>,
  prompter: Prompter
): Promise<Choices> {
  await prompter.note(TEXTS.safety, 'Lobstah grid')
  const baseUrl = await prompter.text({
    message: 'Base URL of your node’s gateway',
    initialValue: text(opts.customBaseUrl) ?? known.baseUrl,
    validate: (value) => (toBaseUrl(value) === undefined ? 'expected an http or https URL' : undefined)
  })
  await prompter.note(TEXTS.discover, 'Discover')
  const discover = await prompter.confirm({
    message: 'Discover and ask models of the mesh?',
    initialValue: false
  })
  await prompter.note(TEXTS.contribute, 'Contribute')
  const contribute = await prompter.confirm({
    message: 'Contribute this machine’s models?',
    initialValue: false
  })
  const choices = { ...known, baseUrl: toBaseUrl(baseUrl) ?? known.baseUrl, discover, contribute }
  return discover || contribute ? { ...choices, ...(await askMesh(known, prompter)) } : choices
}

async function askMesh(
  known: Choices,
  prompter: Prompter
): Promise<Pick<Choices, 'bootstrap' | 'access' | 'friends'>> {
  await prompter.note(TEXTS.join, 'Join a mesh')
  const bootstrap = split(
    await prompter.text({
      message: 'Invite or address to join by',
      initialValue: known.bootstrap.join(','),
      placeholder: '/ip4/192.0.2.1/tcp/17476/p2p/12D3KooW…',
      validate: addressProblem
    })
  )
  const access = await prompter.select<Access>({
    message: 'Whom do you ask and serve?',
    options: [
      { value: 'friends', label: 'Friends only', hint: 'the peers that you name next' },
      { value: 'mesh', label: 'Any peer of the mesh', hint: 'strangers may read prompts and send tool calls' }
    ],
    initialValue: defaultAccess(bootstrap)
  })
  if (access === 'mesh') return { bootstrap, access, friends: known.friends }
  const friends = await prompter.text({
    message: 'Peer ids of your friends, by commas',
    initialValue: [...new Set([...known.friends, ...peersOf(bootstrap)])].join(','),
    validate: friendsProblem
  })
  return { bootstrap, access, friends: split(friends) }
}

interface Settled {
  patch: HostConfig
  /** The model to use by default, if any can be reached. */
  model: string | undefined
  notes: string[]
}

/** What openclaw.json must hold for the choices to take effect, with the models that can be reached now. */
async function settle(choices: Choices, apiKey: string, env: NodeJS.ProcessEnv): Promise<Settled> {
  const service = localService(choices, env)
  let models = await listModels(choices.baseUrl, apiKey)
  if (models === undefined && service !== undefined) {
    const joins = choices.discover && choices.bootstrap.length > 0
    models = await tryService(service, choices.baseUrl, apiKey, joins)
  }
  const provider: ProviderConfig = {
    baseUrl: choices.baseUrl,
    api: 'openai-completions',
    apiKey,
    timeoutSeconds: ANSWER_TIMEOUT_S,
    ...(service === undefined ? {} : { localService: service }),
    models: definitions(models)
  }
  return {
    patch: {
      models: { mode: 'merge', providers: { [PROVIDER]: provider } },
      plugins: { entries: { [PROVIDER]: { enabled: true, config: { ...choices } } } }
    },
    model: preferredModel(models ?? []),
    notes: afterwards(choices, models?.length, service !== undefined)
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
