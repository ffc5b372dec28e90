import { KEY_MARKER } from './constants.ts'
import type { ModelDefinition } from './host.ts'

/** Longest wait for the list of models, in milliseconds. */
const TIMEOUT_MS = 5000

/** Longest answer that OpenClaw asks for, in tokens; half of the context where that is less. */
const MAX_ANSWER_TOKENS = 8192

/** Context of a model that carries an agent's session, in tokens. */
const COMFORTABLE_CONTEXT = 32_768

/** Context below which an agent's first turn (about 11,000 tokens, and its answer) does not fit, in tokens. */
export const LEAST_CONTEXT = 16_000

/** Context that OpenClaw is told where no engine tells it, in tokens: it compacts a session before a larger one would be refused. */
const ASSUMED_CONTEXT = COMFORTABLE_CONTEXT

/** A model that can chat, with what decides whether it becomes the default. */
export interface GridModel {
  definition: ModelDefinition
  /** Only shows that the mesh works. */
  demonstration: boolean
  /** Ids of the peers that serve it. */
  peers: string[]
}

/** The models that a node's gateway lists now and that can chat; undefined where no node answers. */
export async function listModels(
  baseUrl: string,
  apiKey: string = KEY_MARKER,
  signal?: AbortSignal
): Promise<GridModel[] | undefined> {
  const { data } = await get(`${baseUrl}/models`, apiKey, signal)
  return Array.isArray(data) ? data.map(toGridModel).filter((model) => model !== undefined) : undefined
}

/** The peer id of the node behind a gateway; undefined where none answers. */
export async function ownPeer(
  baseUrl: string,
  apiKey: string,
  signal?: AbortSignal
): Promise<string | undefined> {
  const { peer } = await get(new URL('/pubkey', baseUrl).href, apiKey, signal)
  return typeof peer === 'string' ? peer : undefined
}

/** A node's account of its mesh; a field is undefined where no node answers, or an older one. */
export interface MeshState {
  /** Whether it has a mesh to join. */
  joins: boolean | undefined
  /** Contributors it is reaching that have not told their models yet. */
  meeting: number | undefined
}

/** Asks the node behind a gateway about its mesh. */
export async function meshState(baseUrl: string, apiKey: string, signal?: AbortSignal): Promise<MeshState> {
  const { joins, meeting } = await get(new URL('/mesh', baseUrl).href, apiKey, signal)
  return {
    joins: typeof joins === 'boolean' ? joins : undefined,
    meeting: typeof meeting === 'number' ? meeting : undefined
  }
}

/** The program behind a base URL: a node with its models, a node that wants another key, another program, or none. */
export type Probe =
  { kind: 'node'; models: string[] } | { kind: 'refused' } | { kind: 'stranger' } | { kind: 'silent' }

/** Finds out which program answers at a base URL. */
export async function probe(baseUrl: string, apiKey: string): Promise<Probe> {
  let response: Response
  try {
    response = await request(`${baseUrl}/models`, apiKey)
  } catch {
    return { kind: 'silent' }
  }
  const body = await response.json().catch(() => undefined)
  if (response.status === 401) return { kind: 'refused' }
  const { data } = record(body)
  if (!response.ok || !Array.isArray(data)) return { kind: 'stranger' }
  return { kind: 'node', models: data.map((item) => record(item).id).filter((id) => typeof id === 'string') }
}

async function get(url: string, apiKey: string, signal?: AbortSignal): Promise<Record<string, unknown>> {
  try {
    const response = await request(url, apiKey, signal)
    return response.ok ? record(await response.json()) : {}
  } catch {
    // Nobody listens there, or somebody who is no node: for OpenClaw both are «not running».
    return {}
  }
}

function request(url: string, apiKey: string, signal?: AbortSignal): Promise<Response> {
  const timeout = AbortSignal.timeout(TIMEOUT_MS)
  return fetch(url, {
    headers: { authorization: `Bearer ${apiKey}` },
    signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout])
  })
}

/**
 * The model to use when nobody has chosen. A demonstration comes last; then what decides is whether a whole agent
 * session fits, whether the model can call tools, and whether at least a first turn fits.
 */
export function preferredModel(models: GridModel[]): GridModel | undefined {
  const worth = ({ definition: { contextWindow, compat }, demonstration }: GridModel): number =>
    (demonstration ? 0 : 8) +
    (contextWindow >= COMFORTABLE_CONTEXT ? 4 : 0) +
    (compat.supportsTools ? 2 : 0) +
    (contextWindow >= LEAST_CONTEXT ? 1 : 0)
  return models.toSorted((a, b) => worth(b) - worth(a))[0]
}

function toGridModel(value: unknown): GridModel | undefined {
  const { id, context_length: told, lobstah } = record(value)
  const { capabilities, demonstration, peers } = record(lobstah)
  if (typeof id !== 'string') return undefined
  const contextWindow = typeof told === 'number' && told >= 1 ? told : ASSUMED_CONTEXT
  const can = (name: string): boolean => Array.isArray(capabilities) && capabilities.includes(name)
  if (!can('chat')) return undefined
  return {
    demonstration: demonstration === true,
    peers: Array.isArray(peers) ? peers.filter((peer) => typeof peer === 'string') : [],
    definition: {
      id,
      name: `${id} (Lobstah grid)`,
      reasoning: can('thinking'),
      input: can('vision') ? ['text', 'image'] : ['text'],
      cost: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 },
      // The true one: with a smaller one OpenClaw leaves no room for an answer.
      contextWindow,
      maxTokens: Math.max(1, Math.min(MAX_ANSWER_TOKENS, Math.floor(contextWindow / 2))),
      compat: {
        supportsTools: can('tools'),
        supportsDeveloperRole: false,
        supportsStore: false,
        // By which the node keeps a session with the peer that has its prompt cached.
        sendSessionAffinityHeaders: true
      }
    }
  }
}

/** The object that a value is, or an empty one. */
export function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}
