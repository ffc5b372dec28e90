import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import type { LocalService } from './host.ts'
import { listModels, ownPeer, type GridModel } from './models.ts'

/** How long a node may take to start and, where it is to discover, to find somebody, in milliseconds. */
const PATIENCE_MS = 20_000

const POLL_MS = 250

/**
 * The models that a node started this way finds; it runs for as long as that takes. With `discover` it is given
 * time to meet a peer. Undefined where it does not come up.
 */
export async function tryService(
  { command, args, env }: LocalService,
  baseUrl: string,
  apiKey: string,
  discover: boolean
): Promise<GridModel[] | undefined> {
  const child = spawn(command, args, { stdio: 'ignore', env: { ...process.env, ...env } })
  const ended = new AbortController()
  const exited = once(child, 'close')
    .catch(() => undefined)
    .then(() => ended.abort())
  const deadline = performance.now() + PATIENCE_MS
  let models: GridModel[] | undefined
  try {
    while (performance.now() < deadline && !ended.signal.aborted) {
      models = (await listModels(baseUrl, apiKey, ended.signal)) ?? models
      if (models !== undefined && (!discover || (await servedByOthers(models, baseUrl, apiKey)))) break
      await delay(POLL_MS)
    }
    return models
  } finally {
    child.kill('SIGTERM')
    await exited
  }
}

async function servedByOthers(models: GridModel[], baseUrl: string, apiKey: string): Promise<boolean> {
  const own = await ownPeer(baseUrl, apiKey)
  return models.some(({ peers }) => peers.some((peer) => peer !== own))
}
