import { BusyError, CancelledError, ShuttingDownError, TIERS, type Tier } from '../../../protocols/index.ts'
import {
  ARRIVAL_MS,
  MAX_BYTES,
  MAX_BYTES_OF_PEER,
  MAX_OWN_WAITING,
  MAX_RETRY_AFTER_MS,
  MIN_RETRY_AFTER_MS
} from './constants.ts'
import { yielding } from './handover.ts'
import { LingeringWork, type BusyEngine } from './lingering-work.ts'
import { displaced } from './places.ts'
import { ServiceTimes, expectedWaits } from './service-times.ts'
import type { Entry, Ticket, Used, Waiter } from './ticket.ts'
import { Waiting } from './waiting.ts'

export interface AdmissionInit {
  /** Requests answered at once, as far as is known now. */
  slots: () => number
  /** Requests of peers that may wait for a slot. */
  queue: number
  /** Milliseconds, of a clock that only goes forward. @default performance.now */
  clock?: () => number
  /** Tells how many requests that were left the engine still works on. Without it, a slot that is left is free. */
  busy?: BusyEngine | undefined
  /** What is known of how long answers take. @default nothing yet */
  times?: ServiceTimes
  /** Told when a request gets its slot, and how long it waited, in milliseconds. */
  onStart?: ((tier: Tier, waitedMs: number) => void) | undefined
}

/**
 * The bounded queue before the engine. The more urgent tier comes first, and in each the node's own user; peers share
 * the rest by tokens and weight, so that one peer's burst does not keep the others out.
 */
export class Admission {
  readonly #init: AdmissionInit
  readonly #onChange: () => void
  readonly #waiting = new Waiting()
  /** Those that hold a slot. */
  readonly #active = new Set<Waiter>()
  /** Tickets that have not asked for their turn yet, oldest first: they read their request. */
  readonly #arriving = new Set<Waiter>()
  readonly #clock: () => number
  readonly #lingering: LingeringWork
  readonly #times: ServiceTimes
  #closed = false

  constructor(init: AdmissionInit, onChange: () => void) {
    this.#init = init
    this.#onChange = onChange
    this.#clock = init.clock ?? (() => performance.now())
    this.#times = init.times ?? new ServiceTimes()
    this.#lingering = new LingeringWork(init.busy, () => {
      this.#next()
      onChange()
    })
  }

  get slots(): number {
    return this.#init.slots()
  }

  /** Slots that are not free, those included whose request was left while the engine still works on it. */
  get active(): number {
    return this.#active.size + this.#lingering.count
  }

  get queued(): number {
    return this.#waiting.all.size + this.#arriving.size
  }

  /** How many wait in each tier. */
  get tiers(): Record<Tier, number> {
    const count = (wanted: Tier): number =>
      [...this.#waiting.all, ...this.#arriving].filter(({ tier }) => tier === wanted).length
    return { interactive: count('interactive'), batch: count('batch'), 'best-effort': count('best-effort') }
  }

  /**
   * Takes a place, and the memory, for a request. Throws BusyError, which says when to come back, where there is none, and
   * ShuttingDownError when closed.
   */
  enter({ share, own = false, tier = 'interactive', bytes = 0 }: Entry): Ticket {
    if (this.#closed) throw new ShuttingDownError()
    const waiter: Waiter = {
      share,
      own,
      tier,
      bytes,
      work: 0,
      since: this.#clock(),
      startedAt: 0,
      state: 'arriving',
      turn: Promise.withResolvers(),
      handover: new AbortController()
    }
    this.#makeRoom(waiter)
    // A request that leaves without having waited is told nothing.
    waiter.turn.promise.catch(() => undefined)
    this.#arriving.add(waiter)
    this.#onChange()
    return {
      handover: waiter.handover.signal,
      position: () => this.#waiting.position(waiter),
      waitMs: () => this.#waitMs(waiter),
      turn: (signal, work = 0) => this.#turn(waiter, signal, work),
      leave: (used) => this.#leave(waiter, new CancelledError(), used)
    }
  }

  /** Asks whether more can be answered at once now. */
  changed(): void {
    this.#next()
  }

  /** Refuses new requests from now on. */
  close(): void {
    this.#closed = true
  }

  /** Asks the engine no more. */
  stop(): void {
    this.#lingering.stop()
  }

  #makeRoom(waiter: Waiter): void {
    if (waiter.own) {
      const waiting = [...this.#waiting.all, ...this.#arriving].filter(({ own }) => own).length
      if (waiting >= MAX_OWN_WAITING) throw this.#busy(waiter.tier)
      return
    }
    const { id } = waiter.share
    if (this.#bytes((other) => other.share.id === id) + waiter.bytes > MAX_BYTES_OF_PEER)
      throw this.#busy(waiter.tier, 'Your other requests take all the memory that one peer gets')
    const full = (): boolean => this.#full || this.#bytes(() => true) + waiter.bytes > MAX_BYTES
    if (full()) this.#dropLate()
    if (this.#full) this.#displace(waiter)
    if (full()) throw this.#busy(waiter.tier)
  }

  async #turn(waiter: Waiter, signal: AbortSignal, work: number): Promise<void> {
    if (waiter.state === 'left') return await waiter.turn.promise
    const onAbort = (): void => this.#leave(waiter, signal.reason)
    this.#arriving.delete(waiter)
    waiter.state = 'waiting'
    waiter.work = work
    this.#waiting.add(waiter, this.#active)
    signal.addEventListener('abort', onAbort, { once: true })
    if (signal.aborted) onAbort()
    this.#next()
    try {
      await waiter.turn.promise
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  #leave(waiter: Waiter, reason: unknown, used?: Used): void {
    if (waiter.state === 'left') return
    if (waiter.state === 'arriving') this.#arriving.delete(waiter)
    else if (waiter.state === 'waiting') this.#waiting.remove(waiter)
    else {
      this.#active.delete(waiter)
      this.#lingering.left()
      if (used !== undefined && used.work > 0) {
        this.#times.observe(used.work, used.completionTokens, this.#clock() - waiter.startedAt)
        this.#waiting.charge(waiter, used.work - waiter.work)
      }
    }
    waiter.state = 'left'
    waiter.turn.reject(reason)
    this.#next()
    this.#onChange()
  }

  /** Bytes of the peers' requests. */
  #bytes(counts: (waiter: Waiter) => boolean): number {
    const held = [...this.#waiting.all, ...this.#arriving, ...this.#active]
    return held.reduce((sum, waiter) => (counts(waiter) ? sum + waiter.bytes : sum), 0)
  }

  /** Those of peers that have a place and no slot. */
  get #placed(): Waiter[] {
    return [...this.#waiting.all, ...this.#arriving].filter(({ own }) => !own)
  }

  get #full(): boolean {
    return this.active + this.#placed.length >= this.slots + this.#init.queue
  }

  /** Takes its place from the order whose request is the longest on its way, where that is too long. */
  #dropLate(): void {
    const oldest = this.#arriving.values().find(({ own }) => !own)
    if (oldest !== undefined && this.#clock() - oldest.since >= ARRIVAL_MS)
      this.#leave(oldest, this.#busy(oldest.tier, 'The queue is full and the request did not come in time'))
  }

  /** Takes its place from a request that has less of a claim. */
  #displace(newcomer: Waiter): void {
    const placed = this.#placed
    const loser = placed.length === 0 ? undefined : displaced(placed, newcomer)
    if (loser !== undefined)
      this.#leave(
        loser,
        this.#busy(loser.tier, 'The queue is full, and another had a better claim to the place')
      )
  }

  #busy(tier: Tier, message?: string): BusyError {
    const waitMs = this.#waitMs(undefined, tier)
    if (waitMs === undefined) return new BusyError(message)
    const retryAfterMs = Math.min(Math.max(MIN_RETRY_AFTER_MS, waitMs), MAX_RETRY_AFTER_MS)
    return new BusyError(message, { retryAfterMs })
  }

  /** When a waiter gets its slot, or without one, the next who would come in a tier. */
  #waitMs(waiter: Waiter | undefined, tier: Tier = 'interactive'): number | undefined {
    if (waiter !== undefined && waiter.state !== 'waiting') return undefined
    const now = this.#clock()
    const running = [...this.#active].map(({ work, startedAt }) =>
      this.#times.remainingMs(work, now - startedAt)
    )
    const all = this.#waiting.order
    const ahead = waiter === undefined ? all.filter((other) => !lessUrgentThan(other.tier, tier)) : all
    const waiting = ahead.map(({ work }) => this.#times.expectedMs(work))
    if (!known(running) || !known(waiting) || this.#times.expectedMs(1) === undefined) return undefined
    const waits = expectedWaits(this.slots, running, waiting)
    const wait = waits[waiter === undefined ? ahead.length : all.indexOf(waiter)]
    return wait === undefined ? undefined : Math.round(wait)
  }

  #next(): void {
    while (this.active < this.slots) {
      const waiter = this.#waiting.shift()
      if (waiter === undefined) return
      this.#active.add(waiter)
      waiter.state = 'active'
      waiter.startedAt = this.#clock()
      this.#init.onStart?.(waiter.tier, waiter.startedAt - waiter.since)
      waiter.turn.resolve()
      this.#onChange()
    }
    for (const { handover, tier } of yielding([...this.#active], [...this.#waiting.all]))
      handover.abort(this.#busy(tier, 'The answer made room for an interactive request'))
  }
}

function lessUrgentThan(tier: Tier, other: Tier): boolean {
  return TIERS.indexOf(tier) > TIERS.indexOf(other)
}

function known(times: (number | undefined)[]): times is number[] {
  return !times.includes(undefined)
}
