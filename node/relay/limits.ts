import { setTimeout as delay } from 'node:timers/promises'
import {
  circuitRelayServer,
  type CircuitRelayServerComponents,
  type CircuitRelayServerInit,
  type CircuitRelayService
} from '@libp2p/circuit-relay-v2'
import type { Stream } from '@libp2p/interface'
import { pEvent } from 'p-event'
import type { RelayLimits } from './defaults.ts'
import { RelayLimitError } from './errors.ts'
import { RelayTally } from './relay-tally.ts'
import { StalledCircuits } from './stalled-circuits.ts'
import { boundByAddress, useOwnClocks, watchCircuits } from '../patches/index.ts'

/** Seconds' worth of bytes that may go at once after a quiet time. */
export const BURST_S = 8

/** libp2p's relay with limits of ours: its own end a chat after two minutes, in what looks like a clean end. */
export function limitedRelay(
  limits: RelayLimits,
  init: CircuitRelayServerInit & { reservations: { reservationTtl: number } },
  usage = new RelayUsage(limits)
): (components: CircuitRelayServerComponents) => CircuitRelayService {
  return (components) => {
    const relay = circuitRelayServer(init)(components)
    useOwnClocks(relay, init.reservations.reservationTtl)
    boundByAddress(relay, limits.reservations, (peer) => usage.tally.refused(peer, 'refusedReservations'))
    watchCircuits(relay, (stream, peer) => {
      const join = usage.open(stream, peer)
      if (join === undefined) {
        usage.tally.refused(peer, 'refusedCircuits')
        stream.abort(new RelayLimitError())
      }
      return join
    })
    return relay
  }
}

interface Account {
  /** Streams through the relay now, those included that others have opened to the peer. */
  streams: number
  /** Circuits that the peer itself has opened. */
  opened: number
  /** Bytes that may be sent now; below 0, the peer waits. */
  budget: number
  at: number
  /** Forgets the account when the peer has left, and its budget is whole again. */
  forgetting?: NodeJS.Timeout
}

/** Which peers use the relay, with whom, and how much. */
export class RelayUsage {
  readonly #limits: RelayLimits
  /** Circuits that are open between two peers. */
  readonly #pairs = new Map<string, number>()
  readonly #accounts = new Map<string, Account>()
  readonly #stalled: StalledCircuits
  /** Traffic carried and refused since the start. */
  readonly tally = new RelayTally()

  constructor(limits: RelayLimits, stalled = new StalledCircuits()) {
    this.#limits = limits
    this.#stalled = stalled
  }

  /** Peers that have a circuit now, or have had one and still owe for it. */
  get size(): number {
    return this.#accounts.size
  }

  /** Streams through the relay that a peer is an end of now. */
  streamsOf(peer: string): number {
    return this.#accounts.get(peer)?.streams ?? 0
  }

  /** Circuits that are open now. */
  get circuits(): number {
    return [...this.#pairs.values()].reduce((sum, count) => sum + count, 0)
  }

  /** Whether a circuit is open between two peers. */
  connects(one: string, other: string): boolean {
    return this.#pairs.has(pairOf(one, other))
  }

  /**
   * Counts a circuit that a peer asks for until its stream closes. Returns a function that passes the stream on to the
   * circuit's other end; undefined if the peer has too many circuits.
   */
  open(stream: Stream, peer: string): ((other: Stream, otherPeer: string) => void) | undefined {
    const { circuitsPerPeer, circuitMs } = this.#limits
    if ((this.#accounts.get(peer)?.opened ?? 0) >= circuitsPerPeer) return undefined
    const account = this.#join(stream, peer)
    account.opened++
    const timer = setTimeout(
      () => stream.abort(new RelayLimitError('The circuit is older than this relay allows')),
      circuitMs
    )
    timer.unref()
    stream.addEventListener('close', () => {
      clearTimeout(timer)
      account.opened--
    })
    return (other, otherPeer) => {
      // A stream that is already closed emits no further event, so it would be counted for ever.
      if (other.status === 'closed' || other.status === 'aborted' || other.status === 'reset') return
      this.tally.opened()
      this.#pair(other, pairOf(peer, otherPeer))
      let total = 0
      const carry = (sender: string, bytes: number): number => {
        this.tally.carried(sender, bytes)
        total += bytes
        return total
      }
      this.#meter(stream, other, account, (bytes) => carry(peer, bytes))
      this.#meter(other, stream, this.#join(other, otherPeer), (bytes) => carry(otherPeer, bytes))
    }
  }

  #pair(other: Stream, pair: string): void {
    this.#pairs.set(pair, (this.#pairs.get(pair) ?? 0) + 1)
    other.addEventListener('close', () => {
      const left = (this.#pairs.get(pair) ?? 1) - 1
      if (left > 0) this.#pairs.set(pair, left)
      else this.#pairs.delete(pair)
    })
  }

  #join(stream: Stream, peer: string): Account {
    const account = this.#accounts.get(peer) ?? {
      streams: 0,
      opened: 0,
      budget: this.#burst,
      at: performance.now()
    }
    this.#accounts.set(peer, account)
    clearTimeout(account.forgetting)
    account.streams++
    stream.addEventListener('close', () => {
      if (--account.streams === 0) this.#forget(account, peer)
    })
    return account
  }

  /** A peer that comes back at once finds its budget as it left it, so opening new circuits gains nothing. */
  #forget(account: Account, peer: string): void {
    this.#wait(account)
    const ms = ((this.#burst - account.budget) / this.#limits.bytesPerSecond) * 1000
    if (ms <= 0) {
      this.#accounts.delete(peer)
      return
    }
    account.forgetting = setTimeout(() => this.#accounts.delete(peer), ms)
    account.forgetting.unref()
  }

  /**
   * Counts what goes from one stream to another, where it is sent: a listener for messages of our own would take
   * those that arrive before libp2p's. The source is not read while its peer is over its budget, nor while the
   * other side is slow: libp2p's relay would keep all of it in memory.
   */
  #meter(from: Stream, to: Stream, account: Account, carry: (bytes: number) => number): void {
    const { bytesPerCircuit } = this.#limits
    const send = to.send.bind(to)
    let held = false
    to.send = (data) => {
      account.budget -= data.byteLength
      if (carry(data.byteLength) > bytesPerCircuit)
        to.abort(new RelayLimitError('The circuit has carried more bytes than this relay allows'))
      const drained = send(data)
      if (!held && (!drained || this.#wait(account) > 0) && from.readStatus === 'readable') {
        held = true
        from.pause()
        const stalled = { from, to, owner: account }
        this.#stalled.add(stalled)
        void this.#released(to, account).then(() => {
          held = false
          this.#stalled.delete(stalled)
          if (from.readStatus === 'paused') from.resume()
        })
      }
      return drained
    }
  }

  /** Resolves when more may be sent: the stream is drained, and the account in credit. Or it is closed. */
  async #released(to: Stream, account: Account): Promise<void> {
    while (to.status === 'open') {
      const ms = this.#wait(account)
      if (ms > 0) await delay(ms, undefined, { ref: false })
      else if (to.writableNeedsDrain) await pEvent(to, ['drain', 'close'])
      else return
    }
  }

  /** How long an account is still over its budget, in milliseconds. */
  #wait(account: Account): number {
    const { bytesPerSecond } = this.#limits
    const now = performance.now()
    account.budget = Math.min(this.#burst, account.budget + ((now - account.at) / 1000) * bytesPerSecond)
    account.at = now
    return account.budget >= 0 ? 0 : Math.ceil((-account.budget / bytesPerSecond) * 1000)
  }

  get #burst(): number {
    return this.#limits.bytesPerSecond * BURST_S
  }
}

function pairOf(one: string, other: string): string {
  return [one, other].sort().join(' ')
}
