/**
 * @packageDocumentation
 *
 * The OpenClaw plugin: makes the mesh a model provider, `lobstah/<model>`, and has OpenClaw start a node that does
 * what was chosen at onboarding. It talks to the node over HTTP alone and imports nothing outside this folder, so
 * that it packs without dependencies.
 */
import { currentChoices } from './choices.ts'
import { KEY_MARKER, PROVIDER } from './constants.ts'
import { explained, type Target } from './explain.ts'
import type { DynamicModel, HostConfig, ModelDefinition, PluginEntry, ProviderConfig } from './host.ts'
import { listModels, record } from './models.ts'
import { onboard, onboardSilently } from './onboarding.ts'
import { unknownModelHint } from './texts.ts'

const LABEL = 'Lobstah grid'

/** The models seen so far, by name: resolving one must not wait. */
const seen = new Map<string, ModelDefinition>()

const plugin: PluginEntry = {
  id: PROVIDER,
  name: LABEL,
  description: 'Asks a peer-to-peer grid of local models, through lobstah-node',
  register(api) {
    api.registerProvider({
      id: PROVIDER,
      label: LABEL,
      envVars: ['LOBSTAH_API_KEY'],
      auth: [
        {
          id: 'custom',
          label: LABEL,
          hint: 'Models of your own machines and of friends, peer to peer',
          kind: 'custom',
          run: (context) => onboard(context, api.rootDir),
          runNonInteractive: (context) => onboardSilently(context, api.rootDir)
        }
      ],
      catalog: {
        order: 'late',
        run: async ({ config, signal }) => {
          const configured = providerOf(config)
          const models = await definitions(configured, signal)
          return models.length === 0 ? null : { provider: { ...configured, models } }
        }
      },
      prepareDynamicModel: async ({ config = {}, modelId }) => {
        const configured = providerOf(config)
        await definitions(configured)
        return dynamic(configured, modelId)
      },
      resolveDynamicModel: ({ config = {}, modelId }) => dynamic(providerOf(config), modelId),
      resolveSyntheticAuth: () => ({
        apiKey: KEY_MARKER,
        source: `${LABEL}: no key needed`,
        mode: 'api-key'
      }),
      wrapStreamFn: ({ config = {}, streamFn }) =>
        streamFn && explained(streamFn, () => targetOf(providerOf(config))),
      buildUnknownModelHint: ({ config = {}, modelId, baseUrl }) =>
        unknownModelHint(modelId, baseUrl ?? providerOf(config).baseUrl),
      wizard: {
        setup: {
          choiceId: PROVIDER,
          choiceLabel: LABEL,
          choiceHint: 'Models of your own machines and of friends, peer to peer',
          groupId: PROVIDER,
          groupLabel: 'Lobstah',
          groupHint: 'Peer-to-peer grid of local models',
          methodId: 'custom'
        },
        modelPicker: { label: LABEL, hint: 'Set the grid up', methodId: 'custom' }
      }
    })
  }
}
export default plugin

/** The provider's entry in openclaw.json, with what it leaves out. */
function providerOf(config: HostConfig): ProviderConfig {
  const kept = record(record(config.models?.providers)[PROVIDER])
  const { baseUrl } = currentChoices(config, {})
  const apiKey = typeof kept.apiKey === 'string' ? kept.apiKey : KEY_MARKER
  const models = Array.isArray(kept.models) ? (kept.models as ModelDefinition[]) : []
  return { ...kept, baseUrl, api: 'openai-completions', apiKey, models }
}

function targetOf({ baseUrl, apiKey, localService }: ProviderConfig): Target {
  const command = localService && [localService.command, ...localService.args].join(' ')
  return { baseUrl, apiKey, command }
}

/** The models that are served now; where no node runs, those that were configured when one did. */
async function definitions(provider: ProviderConfig, signal?: AbortSignal): Promise<ModelDefinition[]> {
  const live = await listModels(provider.baseUrl, provider.apiKey, signal)
  if (live === undefined) return provider.models
  seen.clear()
  for (const { definition } of live) seen.set(definition.id, definition)
  return [...seen.values()]
}

function dynamic({ baseUrl, api, models }: ProviderConfig, id: string): DynamicModel | undefined {
  const found = seen.get(id) ?? models.find((model) => model.id === id)
  return found && { ...found, provider: PROVIDER, api, baseUrl }
}
