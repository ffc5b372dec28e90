import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import type { LocalService } from './host.ts'
import { joinsMesh, listModels, ownPeer, type GridModel } from './models.ts'

/** How long a node may take to start and, where it is to discover, to find somebody, in milliseconds. */
const PATIENCE_MS = 20_000

const POLL_MS = 250

/** What a node could reach. */
export interface Reached {
  /** Undefined where no node answers. */
  models: GridModel[] | undefined
  /** Whether it belongs to a mesh. */
  joins: boolean | undefined
}

/** What the node reaches that runs already. */
export async function askService(baseUrl: string, apiKey: string): Promise<Reached> {
  return { models: await listModels(baseUrl, apiKey), joins: await joinsMesh(baseUrl, apiKey) }
}

/**
 * What a node started this way reaches; it runs for as long as that takes. With `discover` one that belongs to a
 * mesh is given time to meet a peer.
 */
export async function tryService(
  { command, args, env }: LocalService,
  baseUrl: string,
  apiKey: string,
  discover: boolean
): Promise<Reached> {
  const child = spawn(command, args, { stdio: 'ignore', env: { ...process.env, ...env } })
  const ended = new AbortController()
  const exited = once(child, 'close')
    .catch(() => undefined)
    .then(() => ended.abort())
  const deadline = performance.now() + PATIENCE_MS
  let [models, joins]: [Reached['models'], Reached['joins']] = [undefined, undefined]
  try {
    while (performance.now() < deadline && !ended.signal.aborted) {
      models = (await listModels(baseUrl, apiKey, ended.signal)) ?? models
      joins ??= await joinsMesh(baseUrl, apiKey, ended.signal)
      const waits = discover && joins !== false
      if (models !== undefined && (!waits || (await servedByOthers(models, baseUrl, apiKey)))) break
      await delay(POLL_MS)
    }
    return { models, joins }
  } finally {
    child.kill('SIGTERM')
    await exited
  }
}

async function servedByOthers(models: GridModel[], baseUrl: string, apiKey: string): Promise<boolean> {
  const own = await ownPeer(baseUrl, apiKey)
  return models.some(({ peers }) => peers.some((peer) => peer !== own))
}
