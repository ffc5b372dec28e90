import { join } from 'node:path'
import { Registry, collectDefaultMetrics } from 'prom-client'
import { homeToken, type Gateway } from '../../http-gateway/index.ts'
import type { Config } from '../config/index.ts'
import { loadOrCreateIdentity, type Identity } from '../identity/index.ts'
import { history, type History } from '../history/index.ts'
import { ledger, type Ledger } from '../ledger/index.ts'
import type { lastResort } from '../last-resort.ts'
import { createLobstah, type Lobstah, type LobstahInit } from '../lobstah.ts'
import { ledgerObserver, watchLedgerSize } from '../metrics/index.ts'
import { startControl, type ControlServer } from './control/control-server.ts'
import { reportNode } from './control/report-node.ts'
import { chooseEngine, type ChosenEngine } from './choose-engine.ts'
import { Friends } from './friends-file.ts'
import { openDatastore } from './home-lock.ts'
import { chooseLastResort, lastResortWarnings } from './choose-last-resort.ts'
import { libp2pSettings } from './libp2p-settings.ts'
import { logging, type Logging } from './logging.ts'
import { accessWarnings, keepMembership, meshConfig, nodeConfig, type MeshConfig } from './mesh-config.ts'
import type { Authority } from '../membership/index.ts'
import type { Owner } from '../owner/index.ts'
import { meshAuthority } from './mesh-authority.ts'
import { buildGateway } from './node-gateway.ts'
import { RecentLog } from './recent-log.ts'
import { rendezvousSettings, rendezvousWarnings } from './rendezvous-settings.ts'
import { LiveSettings } from './live-settings.ts'
import { machineOwner } from './machine-owner.ts'
import { liveWeights, rulesFor } from './peer-rules.ts'
import { removeRuntime, writeRuntime } from './runtime-file.ts'
import type { StopSignal } from './stop-signal.ts'
import { startTracker } from './tracker-server.ts'

/** Time that running answers get when a node stops, in milliseconds: less than systemd and Docker wait. */
const DRAIN_MS = 10_000

/** The same in a terminal, where a second Ctrl-C stops the node at once. */
const TERMINAL_DRAIN_MS = 600_000

/** A node as a process runs it: with its home, its engine and its gateway. */
export interface NodeProcess {
  lobstah: Lobstah
  /** The settings in force, the mesh's included. */
  config: MeshConfig
  gateway: Gateway | undefined
  engine: ChosenEngine | undefined
  owner: Owner
  warnings: string[]
  stop(): Promise<void>
}

/** Collaborators shared by the parts of a node. */
export interface Parts {
  config: MeshConfig
  identity: Identity
  datastore: Awaited<ReturnType<typeof openDatastore>>
  authority: Authority | undefined
  engine: ChosenEngine | undefined
  friends: Friends
  live: LiveSettings
  ledger: Ledger
  owner: Owner
  log: Logging
  metrics: Registry
  drainMs: number
  lastResort: ReturnType<typeof lastResort> | undefined
  recentLog: RecentLog
  history: History
}

/** Starts a node on its home. Throws errors that say what a person can do. */
export async function startNode(
  settings: Config,
  env: NodeJS.ProcessEnv,
  stopping: StopSignal
): Promise<NodeProcess> {
  const config = nodeConfig(await meshConfig(settings))
  const undo = new AsyncDisposableStack()
  try {
    let active = (): number => 0
    const parts = await openParts(config, env, undo, () => active())
    // The last to go: while running answers finish, commands can still see that the node stops.
    const door = undo.use(new AsyncDisposableStack())
    door.defer(() => removeRuntime(config.home))
    const lobstah = await createLobstah(await lobstahInit(parts))
    active = () => lobstah.contributor?.capacity().active ?? 0
    undo.defer(() => lobstah.stop())
    const token = await homeToken(config.home)
    const http = config.gateway ? buildGateway(parts, lobstah, token, env) : undefined
    // The port is taken before anybody is contacted: a second node on it must not be announced.
    await http?.start()
    undo.defer(async () => {
      await Promise.all([http?.stop(), lobstah.drain()])
    })
    const tracker = await startTracker(config, parts.log.components)
    undo.defer(() => tracker?.stop())
    await lobstah.start()
    const { engine, identity } = parts
    const control = await startControl({
      token,
      report: () =>
        reportNode(lobstah, config, {
          gateway: http?.url ?? null,
          engine: engine?.engine.name ?? null,
          stopping: stopping.isRequested
        }),
      stop: () => stopping.request()
    })
    door.defer(() => control.close())
    await writeRuntime(config.home, runtimeOf(lobstah, http, control))
    const warnings = [
      ...identity.warnings,
      ...accessWarnings(config),
      ...rendezvousWarnings(config),
      ...engineWarnings(config, engine),
      ...lastResortWarnings(config)
    ]
    const running = undo.move()
    const { owner } = parts
    return { lobstah, config, gateway: http, engine, owner, warnings, stop: () => running.disposeAsync() }
  } catch (err) {
    // The reason that it did not start matters, not what failed afterwards.
    await undo.disposeAsync().catch(() => undefined)
    throw err
  }
}

/** Opens the home, and what needs nobody else: the key, the engine, the friends, the log. */
async function openParts(
  config: MeshConfig,
  env: NodeJS.ProcessEnv,
  undo: AsyncDisposableStack,
  active: () => number
): Promise<Parts> {
  const datastore = await openDatastore(config.home)
  undo.defer(() => datastore.close())
  // Left behind by a crash: the ports that it names may belong to other programs by now.
  await removeRuntime(config.home)
  await keepMembership(config)
  const identity = await loadOrCreateIdentity(join(config.home, 'identity.key'))
  const mesh = await meshAuthority(config.home, config.membership, identity.privateKey)
  undo.defer(() => mesh.stop())
  const engine = await chooseEngine(config, env)
  undo.defer(() => engine?.engine.close())
  const recentLog = new RecentLog()
  const log = logging({ level: config.logLevel, json: config.json, file: config.logFile, recent: recentLog })
  const past = history({
    file: join(config.home, 'history.sqlite'),
    onError: (err) => log.gateway.warn('the history cannot be used', { reason: String(err) })
  })
  undo.defer(() => past.stop())
  const metrics = new Registry()
  collectDefaultMetrics({ register: metrics })
  const friends = new Friends(config, (err) =>
    log.gateway.warn('the friends stay as they were', { reason: String(err) })
  )
  undo.defer(() => friends.stop())
  const resort = await chooseLastResort(config)
  undo.defer(() => resort?.close())
  const live = new LiveSettings(config, (err) =>
    log.gateway.warn('the limits stay as they were', { reason: String(err) })
  )
  undo.defer(() => live.stop())
  const file = join(config.home, 'ledger.sqlite')
  watchLedgerSize(metrics, file)
  const book = ledger({ file })({ peer: identity.peerId.toString(), onGroup: ledgerObserver(metrics) })
  const owner = machineOwner(config, {
    live,
    ledger: book,
    env,
    active,
    log: log.components.forComponent('lobstah:owner')
  })
  const drainMs = config.drainMs ?? (process.stdin.isTTY ? TERMINAL_DRAIN_MS : DRAIN_MS)
  return {
    config,
    identity,
    authority: mesh.authority,
    datastore,
    engine,
    friends,
    live,
    ledger: book,
    owner,
    log,
    metrics,
    drainMs,
    lastResort: resort,
    recentLog,
    history: past
  }
}

/** The settings in the composition root's terms. */
async function lobstahInit(parts: Parts): Promise<LobstahInit> {
  const { config, identity, datastore, engine, log, metrics, drainMs } = parts
  const rendezvous = rendezvousSettings(config)
  return {
    privateKey: identity.privateKey,
    ledger: parts.ledger,
    owner: parts.owner,
    ...(engine === undefined ? {} : { engine: engine.engine }),
    contribute: config.contribute,
    relay: config.relay,
    ...(config.stunPort === undefined ? {} : { stunPort: config.stunPort }),
    ...(await libp2pSettings(config, parts.authority)),
    bootstrap: [...config.bootstrap],
    ...(rendezvous === undefined ? {} : { rendezvous }),
    datastore,
    slots: config.slots,
    queue: config.queue,
    weights: liveWeights(parts.live),
    prices: config.prices,
    maxPrice: config.maxPrice ?? {},
    resume: config.resume,
    naming: {
      aliases: config.alias,
      petnames: config.petnames,
      fallback: config.fallback,
      fallbackAfterMs: config.fallbackAfterMs
    },
    ...(parts.lastResort === undefined ? {} : { lastResort: parts.lastResort }),
    ...rulesFor(parts),
    drainMs,
    logger: log.components,
    metrics,
    onServed: ({ consumer, ...answer }) => parts.history.add({ side: 'served', peer: consumer, ...answer })
  }
}

function engineWarnings({ contribute }: Config, engine: ChosenEngine | undefined): string[] {
  if (!contribute || engine === undefined) return []
  if (engine.absent === undefined) return engine.engine.notes?.() ?? []
  return [
    `nothing is served yet: ${engine.reason}; start it (such as: ollama serve), or name another (--engine, --model-file)`
  ]
}

function runtimeOf(
  lobstah: Lobstah,
  http: Gateway | undefined,
  control: ControlServer
): Parameters<typeof writeRuntime>[1] {
  return {
    pid: process.pid,
    gateway: http?.url ?? null,
    control: control.url,
    peer: lobstah.peer,
    addresses: lobstah.libp2p.getMultiaddrs().map(String)
  }
}
