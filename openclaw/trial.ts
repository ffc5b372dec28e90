import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import type { LocalService } from './host.ts'
import { listModels, meshState, ownPeer, type GridModel } from './models.ts'

/** How long a node may take to start and, where it is to discover, to find a contributor, in milliseconds. */
const PATIENCE_MS = 20_000

/** How long the other contributors get to tell their models once the first has, in milliseconds. */
const SETTLE_MS = 5000

/** Consecutive looks that must find nobody left to tell its models: contributors are found one by one. */
const QUIET_LOOKS = 3

const POLL_MS = 250

/** The models and the mesh that a node reaches. */
export interface Reached {
  /** Undefined where no node answers. */
  models: GridModel[] | undefined
  /** Whether it has a mesh to join. */
  joins: boolean | undefined
}

/** Where a node's gateway answers, and what it takes. */
export interface Gateway {
  baseUrl: string
  apiKey: string
}

/** Asks the node that is already running; with `discover`, once its contributors have told their models. */
export async function askService(gateway: Gateway, discover: boolean): Promise<Reached> {
  return await settled(gateway, { discover, waits: 'if it answers', signal: new AbortController().signal })
}

/** Starts a node this way and asks it; the node runs for as long as that takes. */
export async function tryService(
  { command, args, env }: LocalService,
  gateway: Gateway,
  discover: boolean
): Promise<Reached> {
  const child = spawn(command, args, { stdio: 'ignore', env: { ...process.env, ...env } })
  const ended = new AbortController()
  const exited = once(child, 'close')
    .catch(() => undefined)
    .then(() => ended.abort())
  try {
    return await settled(gateway, { discover, waits: 'until it answers', signal: ended.signal })
  } finally {
    child.kill('SIGTERM')
    await exited
  }
}

/** Looks until all contributors in reach have told their models, or time is up. */
async function settled(
  { baseUrl, apiKey }: Gateway,
  options: { discover: boolean; waits: 'if it answers' | 'until it answers'; signal: AbortSignal }
): Promise<Reached> {
  const { discover, waits, signal } = options
  let deadline = performance.now() + (waits === 'if it answers' ? SETTLE_MS : PATIENCE_MS)
  let reached: Reached = { models: undefined, joins: undefined }
  let met = false
  let quiet = 0
  while (performance.now() < deadline && !signal.aborted) {
    const models = await listModels(baseUrl, apiKey, signal)
    const { joins, meeting = 0 } = await meshState(baseUrl, apiKey, signal)
    reached = { models: models ?? reached.models, joins: joins ?? reached.joins }
    if (reached.models === undefined && waits === 'if it answers') break
    if (models !== undefined) {
      if (!discover || joins === false) break
      if (!met && (await servedByOthers(models, baseUrl, apiKey))) {
        met = true
        deadline = Math.min(deadline, performance.now() + SETTLE_MS)
      }
      quiet = met && meeting === 0 ? quiet + 1 : 0
      if (quiet >= QUIET_LOOKS) break
    }
    await delay(POLL_MS)
  }
  return reached
}

async function servedByOthers(models: GridModel[], baseUrl: string, apiKey: string): Promise<boolean> {
  const own = await ownPeer(baseUrl, apiKey)
  return models.some(({ peers }) => peers.some((peer) => peer !== own))
}
