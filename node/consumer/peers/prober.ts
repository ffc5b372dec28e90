import type { Connection, Logger } from '@libp2p/interface'
import { subscribeInfo } from '../../../protocols/index.ts'
import type { Peers } from './peers.ts'

/** Longest wait for what a probe asks for, in milliseconds. */
const PROBE_TIMEOUT_MS = 2000

/** Shortest time between two probes of one peer, in milliseconds. */
const PROBE_INTERVAL_MS = 1000

export interface ProberComponents {
  peers: Peers
  log: Logger
  /** Milliseconds since 1970. */
  now: () => number
}

/** Finds out whether peers whose connections failed can be asked again: has each announce itself once more, and no more than one at a time. */
export class Prober {
  readonly #components: ProberComponents
  readonly #running = new Map<string, Promise<boolean>>()
  readonly #probedAt = new Map<string, number>()
  readonly #stopped = new AbortController()

  constructor(components: ProberComponents) {
    this.#components = components
  }

  /** Probes a peer; resolves to whether it answered. One that was probed a moment ago is not asked again. */
  async probe(peer: string, connection: Connection | undefined): Promise<boolean> {
    const running = this.#running.get(peer)
    if (running !== undefined) return await running
    const { now } = this.#components
    const last = this.#probedAt.get(peer)
    if (connection === undefined || (last !== undefined && Math.abs(now() - last) < PROBE_INTERVAL_MS))
      return false
    this.#probedAt.set(peer, now())
    const probe = this.#ask(peer, connection).finally(() => this.#running.delete(peer))
    this.#running.set(peer, probe)
    return await probe
  }

  async stop(): Promise<void> {
    this.#stopped.abort()
    await Promise.all(this.#running.values())
  }

  async #ask(peer: string, connection: Connection): Promise<boolean> {
    const { peers, log, now } = this.#components
    const signal = AbortSignal.any([this.#stopped.signal, AbortSignal.timeout(PROBE_TIMEOUT_MS)])
    let answered = false
    try {
      for await (const announcement of subscribeInfo(connection, { signal, now })) {
        answered = announcement.leaving !== true
        break
      }
    } catch (err) {
      log('%s does not answer a probe - %e', peer, err)
    }
    peers.health(peer).probed(answered, now())
    if (answered) this.#probedAt.delete(peer)
    return answered
  }
}
