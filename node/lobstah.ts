import { defaultLogger } from '@libp2p/logger'
import type { Logger, Startable } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import type { Registry } from 'prom-client'
import type { Price } from '../protocols/index.ts'
import {
  Creditors,
  consumer,
  type Consumer,
  type ConsumerComponents,
  type ConsumerInit,
  type LastResort,
  type Resume
} from './consumer/index.ts'
import {
  contributor,
  shares,
  type Contributor,
  type ContributorComponents,
  type ContributorObserver,
  type SharedLine,
  type Weights
} from './contributor/index.ts'
import { Directory, ProviderRecords, type RelayKeeper } from './discovery/index.ts'
import type { Engine } from './engines/index.ts'
import { linksOf, type Link } from './links.ts'
import type { Ledger } from './ledger/index.ts'
import type { LobstahLibp2p } from './libp2p.ts'
import {
  consumerObserver,
  contributorObserver,
  watchBalance,
  watchCapacity,
  watchLibp2p
} from './metrics/index.ts'
import { createNetwork, type NetworkInit } from './network.ts'
import type { Owner } from './owner/index.ts'
import { undoAll } from './undo.ts'
import { packageVersion } from './version.ts'

/** Name and version that others see. */
const AGENT = `lobstah-node/${packageVersion()}`

/** Default credit line of a peer, in micro-credits: a day of an agent's work on a 32-billion-parameter model. */
const DEFAULT_CREDIT_LINE = 60_000_000_000_000

/** How the engine is shared when nothing is configured. */
const DEFAULT_WEIGHTS: Weights = { friends: 4, creditors: 2, strangers: 1, peers: {}, keys: {} }

/** How much contributors are wanted by how they have done; friends and creditors come before all of them. */
const RANKS = { proven: 2, unproven: 1, evasive: 0 } as const

export interface LobstahInit extends Omit<NetworkInit, 'reaches' | 'announcedModels' | 'meets'> {
  ledger: Ledger
  /** Where the node counts what it does. @default nowhere */
  metrics?: Registry
  /** Told of every answer given to a peer, where there are `metrics`. */
  onServed?: ContributorObserver['ended']
  /** Runs models on this machine, for this node's own user and, with `contribute`, for the mesh. */
  engine?: Engine
  /** Serves the mesh. @default false */
  contribute?: boolean
  /** Requests answered at once. @default as many as the engine answers side by side where it tells, else 1 */
  slots?: number
  /** Requests of peers that may wait. @default 16 */
  queue?: number
  /** How friends, creditors, strangers and this node's own API keys share the engine. */
  weights?: Weights
  prices?: Readonly<Record<string, Price>>
  /** Whom this node serves. @default everybody */
  serves?: (peer: string) => boolean
  /** Whom this node asks. @default everybody */
  asks?: (peer: string) => boolean
  /** The most to pay for a token of a model, in micro-credits. */
  maxPrice?: Readonly<Record<string, Price>>
  /** Contributors that may continue an answer that broke off. @default same-digest */
  resume?: Resume
  /** Which models answer to which names. @default each to its own */
  naming?: Pick<ConsumerInit, 'aliases' | 'petnames' | 'fallback' | 'fallbackAfterMs'>
  /** Answers what the mesh cannot. @default nobody does */
  lastResort?: LastResort
  /** Credit line of each peer, in micro-credits. */
  creditLine?: (peer: string) => number
  /** Shared credit lines, in micro-credits. */
  sharedLine?: SharedLine
  /** Limits that this machine's owner sets for peers. @default everything */
  owner?: Owner
  /** Longest time that running answers get when the node stops, in milliseconds. @default 10 s */
  drainMs?: number
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
  /** The node's connections. */
  links(): Link[]
  /** Takes no new work, says goodbye, lets running answers finish. */
  drain(): Promise<void>
  /** Drains, then stops. */
  stop(): Promise<void>
}

/** The collaborators that consumer and contributor share. */
interface Shared extends Omit<ConsumerComponents, 'log' | 'local' | 'pathOf' | 'directory' | 'observer'> {
  libp2p: LobstahLibp2p
  providerRecords: ProviderRecords
  log: (scope: string) => Logger
}

/** Puts a node together; nothing runs, and nobody is contacted, before `start`. */
export async function createLobstah(init: LobstahInit): Promise<Lobstah> {
  const { privateKey, ledger, engine, now = Date.now, logger = defaultLogger() } = init
  const log = (scope: string): Logger => logger.forComponent(`lobstah:${scope}`)
  const { serves = () => true, asks = () => true } = init
  const network = await createNetwork({
    ...init,
    reaches: (other) => (init.contribute === true && serves(other)) || asks(other),
    announcedModels: () => announcedModels(init, serving),
    meets: asks
  })
  const { libp2p, relays } = network
  const peer = peerIdFromPrivateKey(privateKey).toString()
  const providerRecords = new ProviderRecords({ libp2p, log: log('provider-records') })
  const shared: Shared = { libp2p, providerRecords, ledger, privateKey, peer, now, log }
  const creditors = new Creditors(ledger)
  const trusts = (other: string): boolean => init.isFriend?.(other) === true || creditors.has(other)
  const directory = new Directory(
    {
      joins: (init.bootstrap?.length ?? 0) > 0 || init.mdns === true || init.rendezvous?.finds === true,
      allows: asks,
      rank: (other) => (trusts(other) ? 3 : RANKS[asking.standing(other)])
    },
    { libp2p, providerRecords, log: log('directory'), now }
  )
  const serving = engine && servingSide(init, engine, shared, creditors)
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
    resume: init.resume ?? 'same-digest',
    ...init.naming
  })({
    ...shared,
    log: log('consumer'),
    directory,
    local: serving === undefined ? [] : [offerOf(serving)],
    pathOf: (connection) => network.reach.pathOf(connection),
    ...(init.lastResort === undefined ? {} : { lastResort: init.lastResort }),
    ...(init.metrics === undefined ? {} : { observer: consumerObserver(init.metrics) })
  })
  if (init.metrics !== undefined) watch(init.metrics, shared, serving)
  const parts: Startable[] = [
    ledger,
    ...(init.owner === undefined ? [] : [init.owner]),
    creditors,
    network,
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
      for (const part of parts) await part.start()
    },
    links: () =>
      linksOf({
        libp2p,
        pathOf: (connection) => network.reach.pathOf(connection),
        held: () => relays.held(),
        isRelay: (other) => relays.knows(other)
      }),
    drain,
    stop: () => undoAll([() => engine?.close(), ...parts.map((part) => () => part.stop()), drain])
  }
}

/** The part that serves this machine's user and, with `contribute`, the mesh. */
function servingSide(init: LobstahInit, engine: Engine, shared: Shared, creditors: Creditors): Contributor {
  const components: ContributorComponents = {
    ...shared,
    engine,
    log: shared.log('contributor'),
    ...(init.owner === undefined ? {} : { owner: init.owner })
  }
  return contributor({
    serve: init.contribute === true,
    slots: init.slots,
    queue: init.queue ?? 16,
    shares: shares(init.weights ?? DEFAULT_WEIGHTS, (other) =>
      init.isFriend?.(other) === true ? 'friends' : creditors.has(other) ? 'creditors' : 'strangers'
    ),
    prices: init.prices ?? {},
    allows: init.serves ?? (() => true),
    creditLine: init.creditLine ?? (() => DEFAULT_CREDIT_LINE),
    sharedLine: init.sharedLine,
    agent: AGENT,
    drainMs: init.drainMs ?? 10_000
  })({
    ...components,
    ...(init.metrics === undefined ? {} : { observer: contributorObserver(init.metrics, init.onServed) })
  })
}

function watch(metrics: Registry, { libp2p, ledger }: Shared, serving: Contributor | undefined): void {
  watchLibp2p(metrics, libp2p)
  watchBalance(metrics, ledger)
  if (serving !== undefined) watchCapacity(metrics, () => serving.capacity())
}

/** The models announced where strangers look: a contributor's, once there are some; a relay has none. */
function announcedModels(init: LobstahInit, serving: Contributor | undefined): string[] | undefined {
  const models = init.contribute === true ? (serving?.capacity().models ?? []).map(({ id }) => id) : []
  return models.length > 0 || init.relay === true ? models : undefined
}

/** This node's own engine, as the consumer sees it. */
function offerOf(serving: Contributor): ConsumerComponents['local'][number] {
  return {
    provider: serving.provider,
    load: () => load(serving),
    get slots() {
      return serving.capacity().slots
    }
  }
}

function load(serving: Contributor): number {
  const { active, queued, slots } = serving.capacity()
  return (active + queued) / Math.max(1, slots)
}
