import { defaultLogger } from '@libp2p/logger'
import type { ComponentLogger, Startable } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import type { Registry } from 'prom-client'
import type { Price } from '../protocols/index.ts'
import { Creditors, consumer, type Consumer, type Resume } from './consumer/index.ts'
import { contributor, type Contributor, type SharedLine } from './contributor/index.ts'
import {
  BootstrapKeeper,
  Directory,
  LocalPeers,
  ModeKeeper,
  ProviderRecords,
  RelayKeeper
} from './discovery/index.ts'
import type { Engine } from './engines/index.ts'
import { explainListen } from './errors.ts'
import type { Ledger } from './ledger/index.ts'
import { createLobstahLibp2p, type Libp2pInit, type LobstahLibp2p } from './libp2p.ts'
import {
  consumerObserver,
  contributorObserver,
  watchBalance,
  watchCapacity,
  watchLibp2p
} from './metrics/index.ts'
import { Reach, StunServer, stunPortFor } from './reach/index.ts'
import { undoAll } from './undo.ts'
import { packageVersion } from './version.ts'

/** Name and version that others see. */
const AGENT = `lobstah-node/${packageVersion()}`

/** Default credit line of a peer, in micro-credits: a day of an agent's work on a 32-billion-parameter model. */
const DEFAULT_CREDIT_LINE = 60_000_000_000_000

/** How much contributors are wanted by how they have done; friends and creditors come before all of them. */
const RANKS = { proven: 2, unproven: 1, evasive: 0 } as const

export interface LobstahInit extends Libp2pInit {
  ledger: Ledger
  /** Where the node counts what it does. @default nowhere */
  metrics?: Registry
  /** Runs models on this machine, for this node's own user and, with `contribute`, for the mesh. */
  engine?: Engine
  /** Serves the mesh. @default false */
  contribute?: boolean
  /** Multiaddrs of peers to join by, each ended by `/p2p/<peer id>`. @default none: nobody is contacted */
  bootstrap?: string[]
  /** @default none for a consumer, `/p2p-circuit` and a free port for a contributor */
  listen?: string[]
  /** UDP and TCP port of a relay's STUN server; it takes the next UDP port too. @default the one after all that it listens on */
  stunPort?: number
  /** Requests answered at once. @default 1 */
  slots?: number
  /** Requests that may wait. @default 16 */
  queue?: number
  prices?: Readonly<Record<string, Price>>
  /** Whom this node serves. @default everybody */
  serves?: (peer: string) => boolean
  /** Whom this node asks. @default everybody */
  asks?: (peer: string) => boolean
  /** The most to pay for a token of a model, in micro-credits. */
  maxPrice?: Readonly<Record<string, Price>>
  /** Contributors that may continue an answer that broke off. @default same-digest */
  resume?: Resume
  /** Credit line of each peer, in micro-credits. */
  creditLine?: (peer: string) => number
  /** Shared credit lines, in micro-credits. */
  sharedLine?: SharedLine
  /** Longest time that running answers get when the node stops, in milliseconds. @default 10 s */
  drainMs?: number
  /** Whether direct connections are made behind relayed ones. @default true */
  punch?: boolean
  logger?: ComponentLogger
  /** Milliseconds since 1970. */
  now?: () => number
}

/** A node of the mesh. */
export interface Lobstah extends Startable {
  readonly peer: string
  readonly libp2p: LobstahLibp2p
  readonly consumer: Consumer
  readonly contributor: Contributor | undefined
  readonly directory: Directory
  /** On whom others can reach this node where they cannot reach it directly. */
  readonly relays: RelayKeeper
  readonly ledger: Ledger
  start(): Promise<void>
  /** Takes no new work, says goodbye, lets running answers finish. */
  drain(): Promise<void>
  /** Drains, then stops. */
  stop(): Promise<void>
}

function defaultListen(init: LobstahInit): string[] {
  if (init.relay === true) return ['/ip4/0.0.0.0/tcp/17476']
  return init.contribute === true ? ['/ip4/0.0.0.0/tcp/0', '/p2p-circuit'] : []
}

/** Puts a node together; nothing runs, and nobody is contacted, before `start`. */
export async function createLobstah(init: LobstahInit): Promise<Lobstah> {
  const {
    privateKey,
    ledger,
    engine,
    metrics,
    bootstrap = [],
    now = Date.now,
    logger = defaultLogger()
  } = init
  const peer = peerIdFromPrivateKey(privateKey).toString()
  const listen = init.listen ?? defaultListen(init)
  const libp2p = await createLobstahLibp2p({ ...init, listen })
  const log = (scope: string): ReturnType<ComponentLogger['forComponent']> =>
    logger.forComponent(`lobstah:${scope}`)
  const keeper = new BootstrapKeeper(
    { peers: bootstrap.map((text) => multiaddr(text)) },
    { libp2p, log: log('bootstrap') }
  )
  const relays = new RelayKeeper({ listen }, { libp2p, log: log('relays') })
  const { serves = () => true, asks = () => true } = init
  const reach = new Reach(
    { allows: (other) => (init.contribute === true && serves(other)) || asks(other) },
    { libp2p, doors: libp2p.services.doors, log: log('reach'), now }
  )
  const stun = new StunServer(
    { port: init.stunPort ?? stunPortFor(listen) },
    { libp2p, log: log('stun'), now }
  )
  const { mdns } = libp2p.services
  const providerRecords = new ProviderRecords({ libp2p, log: log('provider-records') })
  const creditors = new Creditors(ledger)
  const trusts = (other: string): boolean => init.isFriend?.(other) === true || creditors.has(other)
  const directory = new Directory(
    {
      joins: bootstrap.length > 0 || init.mdns === true,
      allows: asks,
      rank: (other) => (trusts(other) ? 3 : RANKS[asking.standing(other)])
    },
    { libp2p, providerRecords, log: log('directory'), now }
  )
  const serving =
    engine &&
    contributor({
      serve: init.contribute === true,
      slots: init.slots ?? 1,
      queue: init.queue ?? 16,
      prices: init.prices ?? {},
      allows: serves,
      creditLine: init.creditLine ?? (() => DEFAULT_CREDIT_LINE),
      sharedLine: init.sharedLine,
      agent: AGENT,
      drainMs: init.drainMs ?? 10_000
    })({
      libp2p,
      engine,
      ledger,
      providerRecords,
      privateKey,
      peer,
      log: log('contributor'),
      now,
      ...(metrics === undefined ? {} : { observer: contributorObserver(metrics) })
    })
  const asking = consumer({
    allows: asks,
    relation: (other) =>
      init.isFriend?.(other) === true
        ? 'friend'
        : creditors.has(other)
          ? 'creditor'
          : init.meshKeys === undefined
            ? 'stranger'
            : 'member',
    maxPrice: init.maxPrice ?? {},
    resume: init.resume ?? 'same-digest'
  })({
    libp2p,
    directory,
    ledger,
    local:
      serving === undefined
        ? []
        : [{ provider: serving.provider, load: () => load(serving), slots: init.slots ?? 1 }],
    privateKey,
    peer,
    pathOf: (connection) => reach.pathOf(connection),
    log: log('consumer'),
    now,
    ...(metrics === undefined ? {} : { observer: consumerObserver(metrics) })
  })
  if (metrics !== undefined) {
    watchLibp2p(metrics, libp2p)
    watchBalance(metrics, ledger)
    if (serving !== undefined) watchCapacity(metrics, () => serving.capacity())
  }
  const parts: Startable[] = [
    ledger,
    creditors,
    relays,
    ...(mdns === undefined ? [] : [new LocalPeers({ libp2p, search: mdns, log: log('mdns') })]),
    libp2p,
    ...(init.relay === true ? [] : [new ModeKeeper({ libp2p, log: log('dht') })]),
    ...(init.relay === true ? [stun] : []),
    // Its sockets are its own: the gater, which keeps dials on the local network, does not see them.
    ...(init.lanOnly === true || init.punch === false ? [] : [reach]),
    keeper,
    providerRecords,
    ...(serving ? [serving] : []),
    directory,
    asking
  ]
  const drain = async (): Promise<void> => {
    await serving?.beforeStop?.()
  }
  return {
    peer,
    libp2p,
    consumer: asking,
    contributor: serving,
    directory,
    relays,
    ledger,
    start: async () => {
      try {
        for (const part of parts) await part.start()
      } catch (err) {
        throw explainListen(err)
      }
    },
    drain,
    stop: () => undoAll([() => engine?.close(), ...parts.map((part) => () => part.stop()), drain])
  }
}

function load(serving: Contributor): number {
  const { active, queued, slots } = serving.capacity()
  return (active + queued) / Math.max(1, slots)
}
