import { setTimeout as delay } from 'node:timers/promises'
import { isPeerId, type Connection, type Libp2p, type PeerId, type Startable } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import type { Multiaddr } from '@multiformats/multiaddr'
import QuickLRU from 'quick-lru'
import { race, schedule, type Candidates, type DialPolicy } from '../addresses/index.ts'
import { DialRefusedError } from './errors.ts'
import { requireMembers } from './members.ts'

/** How long after its start a dial at another's word fails, in milliseconds. */
const FAILED_DIAL_MS = 5000

/** Addresses at another's word that are tried in one dial, direct ones and relayed ones. */
const MAX_TOLD = 8

/** One in so many dials goes beyond the addresses at which a peer was met before. */
const FULL_DIAL_EVERY = 4

/** Peers whose dials are counted. */
const MAX_COUNTED = 1024

/** Longest dial in all, in milliseconds, where nothing else is said. */
const DIAL_TIMEOUT_MS = 15_000

/** The tag by which libp2p picks relays that it has used before. */
const LAST_SUCCESS = 'last-dial-success'

interface Address {
  multiaddr: Multiaddr
  isCertified: boolean
}

interface Job {
  peerId?: PeerId
  multiaddrs: Set<string>
  signal?: AbortSignal
  priority?: number
}

/** libp2p's dial queue; not in its public types. */
interface DialQueue {
  dial(target: PeerId | Multiaddr | Multiaddr[], options?: Partial<Job>): Promise<Connection>
  dialPeer(job: Job, signal: AbortSignal): Promise<Connection>
  calculateMultiaddrs(peer: PeerId | undefined, addresses: Set<string>, options: object): Promise<Address[]>
  queue: { add(work: (job: Job) => Promise<Connection>, job: Job): Promise<Connection> }
}

/** The parts of libp2p's own components that are used. */
export interface DialsComponents {
  connectionManager: { openConnection(to: Multiaddr[], options: object): Promise<Connection> }
  peerStore: {
    get(peer: PeerId): Promise<{ addresses: Address[] }>
    merge(
      peer: PeerId,
      data: { multiaddrs: Multiaddr[]; metadata: Record<string, Uint8Array> }
    ): Promise<unknown>
  }
  transportManager: {
    dial(address: Multiaddr, options: object): Promise<Connection>
    dialTransportForMultiaddr(address: Multiaddr): unknown
  }
}

export interface DialsInit {
  policy: DialPolicy
  /** How long after its start a dial at another's word fails, in milliseconds. @default 5 s */
  failedDialMs?: number
}

/**
 * Has every dial of libp2p judged, wherever it comes from, and keeps from strangers how a dial ended: what they told is
 * tried by the clock, and fails at a fixed time.
 */
export class Dials implements Startable {
  readonly #components: DialsComponents
  readonly #policy: DialPolicy
  readonly #failedDialMs: number
  readonly #queue: DialQueue
  /** How often peers were dialled since they were last reached. */
  readonly #dialled = new QuickLRU<string, number>({ maxSize: MAX_COUNTED })

  constructor({ policy, failedDialMs = FAILED_DIAL_MS }: DialsInit, components: DialsComponents) {
    this.#components = components
    this.#policy = policy
    this.#failedDialMs = failedDialMs
    requireMembers('libp2p', components.connectionManager, [
      'dialQueue.dial()',
      'dialQueue.dialPeer()',
      'dialQueue.calculateMultiaddrs()',
      'dialQueue.queue.add()'
    ])
    this.#queue = (components.connectionManager as unknown as { dialQueue: DialQueue }).dialQueue
    const dial = this.#queue.dial.bind(this.#queue)
    this.#queue.dialPeer = (job, signal) => this.#dialPeer(job, signal)
    this.#queue.dial = (target, options = {}) => {
      const addresses = isPeerId(target) ? [] : [target].flat()
      const known = addresses.every((address) => this.#policy.isKnown(address, peerOf(address)?.toString()))
      // libp2p would add them to a dial of the same peer that waits for its fixed end.
      return addresses.length > 0 && known ? this.#dialKnown(addresses, options) : dial(target, options)
    }
  }

  start(): void {
    // Dials are judged from the beginning.
  }

  stop(): void {
    this.#dialled.clear()
  }

  /** Dials a peer at addresses that another told. Those that are refused are left out. */
  async dialTold(addresses: Multiaddr[], options: { signal: AbortSignal }): Promise<Connection> {
    return await this.#components.connectionManager.openConnection(addresses, options)
  }

  async #dialKnown(addresses: Multiaddr[], { priority, signal }: Partial<Job>): Promise<Connection> {
    const [peerId] = addresses.map(peerOf)
    const multiaddrs = new Set(addresses.map(String))
    const deadline = signal ?? AbortSignal.timeout(DIAL_TIMEOUT_MS)
    return await this.#queue.queue.add(
      (job) =>
        this.#dialPeer(
          { multiaddrs: new Set(multiaddrs), ...(peerId === undefined ? {} : { peerId }) },
          job.signal ?? deadline
        ),
      { multiaddrs, signal: deadline, ...(priority === undefined ? {} : { priority }) }
    )
  }

  /** Dials a peer until its job has no more addresses: others may add some meanwhile. */
  async #dialPeer(job: Job, signal: AbortSignal): Promise<Connection> {
    const peer = job.peerId?.toString()
    const errors: unknown[] = []
    do {
      const began = performance.now()
      const wanted = new Set(job.multiaddrs)
      job.multiaddrs.clear()
      const found = await this.#queue.calculateMultiaddrs(job.peerId, wanted, { ...job, signal })
      const candidates = await this.#judged(found, job.peerId, wanted.size > 0)
      try {
        const steps = schedule(candidates, this.#failedDialMs)
        if (steps.length === 0)
          throw new DialRefusedError(
            `No address of ${peer ?? 'the peer'} may be dialled at another peer's word`
          )
        const connection = await race(steps, (address, stop) => this.#dialOne(address, stop), signal)
        await this.#succeeded(connection)
        return connection
      } catch (err) {
        signal.throwIfAborted()
        errors.push(err)
      }
      const left = began + this.#failedDialMs - performance.now()
      if (candidates.told.length > 0 && left > 0) await delay(left, undefined, { signal })
    } while (job.multiaddrs.size > 0)
    throw errors.length === 1 ? errors[0] : new AggregateError(errors, 'All addresses failed')
  }

  async #dialOne(address: Multiaddr, signal: AbortSignal): Promise<Connection> {
    return await this.#components.transportManager.dial(address, { signal })
  }

  /** Those that may be dialled; `named` says that somebody asked for these addresses, not for the peer. */
  async #judged(found: Address[], id: PeerId | undefined, named: boolean): Promise<Candidates> {
    const peer = id?.toString()
    const certified = await this.#certified(found, id)
    const judged = await Promise.all(
      found.map(async ({ multiaddr: address, isCertified }) => {
        const own = isCertified || certified.has(withoutPeer(address))
        return await this.#policy.judge({ address, peer, isCertified: own })
      })
    )
    const unique = new Map(judged.flat().map((address) => [address.toString(), address]))
    const all = [...unique.values()].filter(
      (address) => this.#components.transportManager.dialTransportForMultiaddr(address) !== undefined
    )
    const direct = all.filter((address) => !isRelayed(address))
    const known = direct.filter((address) => this.#policy.isKnown(address, peer))
    const told = direct.filter((address) => !known.includes(address)).slice(0, MAX_TOLD)
    const relayed = all.filter(isRelayed).slice(0, MAX_TOLD)
    const met = known.length + relayed.filter((address) => this.#policy.isKnown(address, peer)).length > 0
    return { known, relayed, told: !named && met && !this.#isFullDial(peer) ? [] : told }
  }

  /** Whether a peer that was met before is dialled at addresses where it was not. */
  #isFullDial(peer = ''): boolean {
    const count = (this.#dialled.get(peer) ?? 0) + 1
    this.#dialled.set(peer, count)
    return count % FULL_DIAL_EVERY === 0
  }

  async #certified(found: Address[], id: PeerId | undefined): Promise<Set<string>> {
    if (id === undefined || found.every(({ isCertified }) => isCertified)) return new Set()
    const { addresses } = await this.#components.peerStore
      .get(id)
      .catch(() => ({ addresses: [] as Address[] }))
    return new Set(
      addresses.filter(({ isCertified }) => isCertified).map(({ multiaddr }) => withoutPeer(multiaddr))
    )
  }

  async #succeeded({ remoteAddr, remotePeer }: Connection): Promise<void> {
    this.#policy.succeeded(remoteAddr, remotePeer.toString())
    this.#dialled.delete(remotePeer.toString())
    const metadata = { [LAST_SUCCESS]: new TextEncoder().encode(Date.now().toString()) }
    // Nobody waits for it but the next choice of a relay.
    await this.#components.peerStore
      .merge(remotePeer, { multiaddrs: [remoteAddr], metadata })
      .catch(() => undefined)
  }
}

/** The service for libp2p's list; it has to be made before any service that dials. */
export function dials(init: DialsInit): (components: DialsComponents) => Dials {
  return (components) => new Dials(init, components)
}

/** Takes the addresses that this program dials itself as its user's word: those of a peer's word go to `dialTold`. */
export function vouchForDials(libp2p: Libp2p, policy: DialPolicy): void {
  const dial = libp2p.dial.bind(libp2p)
  libp2p.dial = (target, options) => {
    if (!isPeerId(target)) policy.trust([target].flat())
    return dial(target, options)
  }
}

function peerOf(address: Multiaddr): PeerId | undefined {
  const id = address.getComponents().findLast(({ name }) => name === 'p2p')?.value
  return id === undefined ? undefined : peerIdFromString(id)
}

function isRelayed(address: Multiaddr): boolean {
  return address.getComponents().some(({ name }) => name === 'p2p-circuit')
}

function withoutPeer(address: Multiaddr): string {
  return address.toString().replace(/\/p2p\/[^/]+$/, '')
}
