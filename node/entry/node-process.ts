import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { LevelDatastore } from 'datastore-level'
import { gateway, type Gateway } from '../../http-gateway/index.ts'
import type { Config } from '../config/index.ts'
import type { DetectedEngine } from '../engines/index.ts'
import { loadOrCreateIdentity } from '../identity/index.ts'
import { ledger } from '../ledger/index.ts'
import { createLobstah, type Lobstah } from '../lobstah.ts'
import { chooseEngine } from './choose-engine.ts'
import { HomeInUseError } from './errors.ts'
import { logging } from './logging.ts'
import { removeRuntime, writeRuntime } from './runtime-file.ts'

/** Longest time that running answers get when the node stops, in milliseconds. */
const DRAIN_MS = 10_000

/** A node as a process runs it: with its home, its engine and its gateway. */
export interface NodeProcess {
  lobstah: Lobstah
  gateway: Gateway | undefined
  engine: DetectedEngine | undefined
  warnings: string[]
  stop(): Promise<void>
}

/** Starts a node on its home. Throws what a person can mend: see the errors' messages. */
export async function startNode(config: Config, env: NodeJS.ProcessEnv): Promise<NodeProcess> {
  await mkdir(config.home, { recursive: true, mode: 0o700 })
  const undo: (() => Promise<void>)[] = []
  const stop = async (): Promise<void> => {
    for (const step of undo.splice(0).toReversed()) await step()
  }
  try {
    const datastore = await openDatastore(config.home)
    undo.push(() => datastore.close())
    const { privateKey, peerId, publicKey, warnings } = await loadOrCreateIdentity(
      join(config.home, 'identity.key')
    )
    const peer = peerId.toString()
    const engine = await chooseEngine(config, env)
    const log = logging({ level: config.logLevel, json: config.json })
    const friends = new Set(config.friends)
    const lobstah = await createLobstah({
      privateKey,
      ledger: ledger({ file: join(config.home, 'ledger.sqlite') })({ peer }),
      ...(engine === undefined ? {} : { engine: engine.engine }),
      contribute: config.contribute,
      relay: config.relay,
      bootstrap: [...config.bootstrap],
      ...(config.listen === undefined ? {} : { listen: [...config.listen] }),
      announce: [...config.announce],
      datastore,
      slots: config.slots,
      queue: config.queue,
      prices: config.prices,
      serves: (other) => config.serveAccess === 'mesh' || friends.has(other),
      asks: (other) => config.askAccess === 'mesh' || friends.has(other),
      creditLine: (other) => (friends.has(other) ? config.creditLine.friends : config.creditLine.strangers),
      drainMs: DRAIN_MS,
      logger: log.components
    })
    undo.push(() => lobstah.stop())
    const http = config.gateway ? buildGateway(config, lobstah, publicKey, log) : undefined
    // The port is taken before anybody is contacted: a second node on it must not be announced.
    await http?.start()
    undo.push(async () => {
      await Promise.all([http?.stop(), lobstah.drain()])
    })
    await lobstah.start()
    await writeRuntime(config.home, { pid: process.pid, gateway: http?.url ?? null, peer })
    undo.push(() => removeRuntime(config.home))
    return { lobstah, gateway: http, engine, warnings, stop }
  } catch (err) {
    await stop()
    throw err
  }
}

function buildGateway(
  config: Config,
  lobstah: Lobstah,
  publicKey: string,
  log: ReturnType<typeof logging>
): Gateway {
  return gateway({
    host: config.gatewayHost,
    port: config.gatewayPort,
    apiKeys: [...config.apiKeys],
    drainMs: DRAIN_MS
  })({
    consumer: lobstah.consumer,
    ledger: lobstah.ledger,
    identity: { peer: lobstah.peer, publicKey },
    capacity: () => {
      const { models = [], ...load } = lobstah.contributor?.capacity() ?? { slots: 0, active: 0, queued: 0 }
      return { contributing: config.contribute, ...load, models: models.map(({ id }) => id) }
    },
    addresses: () => lobstah.libp2p.getMultiaddrs().map(String),
    logger: log.gateway
  })
}

/** The peers' database is also the lock of a home: LevelDB lets nobody else in, and lets go when a process dies. */
async function openDatastore(home: string): Promise<LevelDatastore> {
  const datastore = new LevelDatastore(join(home, 'peers'))
  try {
    // Not datastore.open(): its error does not tell the cause.
    await datastore.db.open({ createIfMissing: true })
    return datastore
  } catch (err) {
    if (isLocked(err)) throw new HomeInUseError(home, { cause: err })
    throw err
  }
}

function isLocked(err: unknown): boolean {
  for (let cause = err; cause instanceof Error; cause = cause.cause) {
    if ('code' in cause && cause.code === 'LEVEL_LOCKED') return true
  }
  return false
}
