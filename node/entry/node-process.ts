import { join } from 'node:path'
import { Registry, collectDefaultMetrics } from 'prom-client'
import { gateway, homeToken, type Gateway } from '../../http-gateway/index.ts'
import type { Config } from '../config/index.ts'
import { loadOrCreateIdentity } from '../identity/index.ts'
import { ledger } from '../ledger/index.ts'
import { createLobstah, type Lobstah } from '../lobstah.ts'
import { ledgerObserver } from '../metrics/index.ts'
import { undoAll } from '../undo.ts'
import { chooseEngine, type ChosenEngine } from './choose-engine.ts'
import { keysFile } from './commands/keys.ts'
import { openDatastore } from './home-lock.ts'
import { Friends } from './friends-file.ts'
import { libp2pSettings } from './libp2p-settings.ts'
import { logging } from './logging.ts'
import { accessWarnings, keepMembership, meshConfig, nodeConfig, type MeshConfig } from './mesh-config.ts'
import { removeRuntime, writeRuntime } from './runtime-file.ts'

/** Longest time that running answers get when the node stops, in milliseconds. */
const DRAIN_MS = 10_000

/** A node as a process runs it: with its home, its engine and its gateway. */
export interface NodeProcess {
  lobstah: Lobstah
  /** The settings in force, the mesh's included. */
  config: MeshConfig
  gateway: Gateway | undefined
  engine: ChosenEngine | undefined
  warnings: string[]
  stop(): Promise<void>
}

/** Starts a node on its home. Throws what a person can mend: see the errors' messages. */
export async function startNode(settings: Config, env: NodeJS.ProcessEnv): Promise<NodeProcess> {
  const config = nodeConfig(await meshConfig(settings))
  const undo: (() => Promise<void>)[] = []
  const stop = (): Promise<void> => undoAll(undo.splice(0))
  try {
    const datastore = await openDatastore(config.home)
    undo.push(() => datastore.close())
    await keepMembership(config)
    const { privateKey, peerId, publicKey, warnings } = await loadOrCreateIdentity(
      join(config.home, 'identity.key')
    )
    const peer = peerId.toString()
    const engine = await chooseEngine(config, env)
    undo.push(() => engine?.engine.close() ?? Promise.resolve())
    const log = logging({ level: config.logLevel, json: config.json })
    const metrics = new Registry()
    collectDefaultMetrics({ register: metrics })
    const friends = new Friends(config, (err) =>
      log.gateway.warn('the friends stay as they were', { reason: String(err) })
    )
    undo.push(() => Promise.resolve(friends.stop()))
    const lobstah = await createLobstah({
      privateKey,
      ledger: ledger({ file: join(config.home, 'ledger.sqlite') })({
        peer,
        onGroup: ledgerObserver(metrics)
      }),
      ...(engine === undefined ? {} : { engine: engine.engine }),
      contribute: config.contribute,
      relay: config.relay,
      ...(config.stunPort === undefined ? {} : { stunPort: config.stunPort }),
      ...(await libp2pSettings(config)),
      bootstrap: [...config.bootstrap],
      datastore,
      slots: config.slots,
      queue: config.queue,
      prices: config.prices,
      serves: (other) => config.serveAccess === 'mesh' || friends.has(other),
      asks: (other) => config.askAccess === 'mesh' || (config.askAccess === 'friends' && friends.has(other)),
      maxPrice: config.maxPrice ?? {},
      creditLine: (other) =>
        config.creditLine.peers[other] ??
        (friends.has(other) ? config.creditLine.friends : config.creditLine.strangers),
      sharedLine: {
        limit: config.creditLine.allStrangers,
        covers: (other) => config.creditLine.peers[other] === undefined && !friends.has(other)
      },
      drainMs: DRAIN_MS,
      logger: log.components,
      metrics
    })
    undo.push(() => lobstah.stop())
    const http = config.gateway
      ? buildGateway(config, lobstah, { publicKey, log, metrics, token: await homeToken(config.home) })
      : undefined
    // The port is taken before anybody is contacted: a second node on it must not be announced.
    await http?.start()
    undo.push(async () => {
      await Promise.all([http?.stop(), lobstah.drain()])
    })
    await lobstah.start()
    await writeRuntime(config.home, {
      pid: process.pid,
      gateway: http?.url ?? null,
      peer,
      addresses: lobstah.libp2p.getMultiaddrs().map(String)
    })
    undo.push(() => removeRuntime(config.home))
    return {
      lobstah,
      config,
      gateway: http,
      engine,
      warnings: [...warnings, ...accessWarnings(config), ...engineWarnings(config, engine)],
      stop
    }
  } catch (err) {
    // What kept it from starting is to be told, not what failed after it.
    await stop().catch(() => undefined)
    throw err
  }
}

function engineWarnings({ contribute }: Config, engine: ChosenEngine | undefined): string[] {
  if (!contribute || engine === undefined) return []
  if (engine.absent === undefined) return engine.engine.notes?.() ?? []
  return [
    `nothing is served yet: ${engine.reason}; start it (such as: ollama serve), or name another (--engine, --model-file)`
  ]
}

interface GatewayParts {
  publicKey: string
  log: ReturnType<typeof logging>
  metrics: Registry
  /** By it the home's own commands are known. */
  token: string
}

function buildGateway(
  config: Config,
  lobstah: Lobstah,
  { publicKey, log, metrics, token }: GatewayParts
): Gateway {
  return gateway({
    host: config.gatewayHost,
    port: config.gatewayPort,
    apiKeys: [...config.apiKeys],
    allowedHosts: [...config.allowedHosts],
    allowedOrigins: [...config.allowedOrigins],
    keysFile: keysFile(config.home),
    spendingFile: join(config.home, 'spending.json'),
    token,
    ...(config.gatewayCert === undefined ? {} : { certFile: config.gatewayCert }),
    ...(config.gatewayKey === undefined ? {} : { keyFile: config.gatewayKey }),
    drainMs: DRAIN_MS
  })({
    consumer: lobstah.consumer,
    ledger: lobstah.ledger,
    identity: { peer: lobstah.peer, publicKey },
    capacity: () => {
      const { models = [], ...load } = lobstah.contributor?.capacity() ?? { slots: 0, active: 0, queued: 0 }
      return { contributing: config.contribute, ...load, models: models.map(({ id }) => id) }
    },
    mesh: () => ({
      joins: config.bootstrap.length > 0,
      connected: lobstah.libp2p.getPeers().length,
      meeting: lobstah.directory.meeting
    }),
    registry: metrics,
    addresses: () => lobstah.libp2p.getMultiaddrs().map(String),
    logger: log.gateway
  })
}
