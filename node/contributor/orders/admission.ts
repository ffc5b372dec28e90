import { BusyError, CancelledError, MAX_REQUEST_BYTES, ShuttingDownError } from '../../../protocols/index.ts'
import { LingeringWork, type BusyEngine } from './lingering-work.ts'

export interface AdmissionInit {
  /** Requests answered at once. */
  slots: number
  /** Requests that may wait for a slot. */
  queue: number
  /** Milliseconds, of a clock that only goes forward. @default performance.now */
  clock?: () => number
  /** Tells how many requests that were left the engine still works on. Without it, a slot that is left is free. */
  busy?: BusyEngine
}

/** Most bytes of request documents that are read, wait or are answered, of all peers together. */
const MAX_BYTES = 2 * MAX_REQUEST_BYTES

/** The same of one peer. */
const MAX_BYTES_OF_PEER = MAX_REQUEST_BYTES

/**
 * How long an order keeps its place in a full queue while its request is on the way, in milliseconds. Where there
 * is room, it may take its time.
 */
const ARRIVAL_MS = 5000

/** A request's place: in the queue until `turn` resolves, then in a slot, until `leave`. */
export interface Ticket {
  /** Place in the queue, from 1; 0 when it is not in it. */
  position(): number
  /** Resolves when a slot is this ticket's. Throws the signal's reason when it fires first. */
  turn(signal: AbortSignal): Promise<void>
  leave(): void
}

interface Waiter {
  peer: string
  /** What its request document may take, in bytes. */
  bytes: number
  /** When it came, in milliseconds of the monotonic clock. */
  since: number
  state: 'arriving' | 'waiting' | 'active' | 'left'
  turn: PromiseWithResolvers<void>
}

/**
 * The bounded queue before the engine. A free slot goes to the waiting peer that holds the fewest slots,
 * oldest request first, so that one peer's burst does not keep the others out.
 */
export class Admission {
  readonly #init: AdmissionInit
  readonly #onChange: () => void
  readonly #active = new Map<string, number>()
  #waiting: Waiter[] = []
  /** Tickets that were not given back. */
  readonly #held = new Set<Waiter>()
  /** Tickets that have not asked for their turn yet, oldest first: they read their request. */
  readonly #arriving = new Set<Waiter>()
  readonly #clock: () => number
  readonly #lingering: LingeringWork
  #closed = false

  constructor(init: AdmissionInit, onChange: () => void) {
    this.#init = init
    this.#onChange = onChange
    this.#clock = init.clock ?? (() => performance.now())
    this.#lingering = new LingeringWork(init.busy, () => {
      this.#next()
      onChange()
    })
  }

  get slots(): number {
    return this.#init.slots
  }

  /** Slots that are not free, those included whose request was left while the engine still works on it. */
  get active(): number {
    return this.#active.values().reduce((sum, count) => sum + count, this.#lingering.count)
  }

  get queued(): number {
    return this.#waiting.length + this.#arriving.size
  }

  /**
   * Takes a place, and the memory, for a peer's request of so many bytes. Throws BusyError when there is none,
   * ShuttingDownError when closed.
   */
  enter(peer: string, bytes = 0): Ticket {
    if (this.#closed) throw new ShuttingDownError()
    if (this.#bytes((other) => other === peer) + bytes > MAX_BYTES_OF_PEER)
      throw new BusyError('Your other requests take all the memory that one peer gets')
    const full = (): boolean => this.#full || this.#bytes(() => true) + bytes > MAX_BYTES
    if (full()) this.#dropLate()
    if (full()) throw new BusyError()
    const waiter: Waiter = {
      peer,
      bytes,
      since: this.#clock(),
      state: 'arriving',
      turn: Promise.withResolvers()
    }
    this.#held.add(waiter)
    // Whoever leaves without having waited is told nothing.
    waiter.turn.promise.catch(() => undefined)
    this.#arriving.add(waiter)
    this.#onChange()
    return {
      position: () => this.#waiting.indexOf(waiter) + 1,
      turn: (signal) => this.#turn(waiter, signal),
      leave: () => this.#leave(waiter, new CancelledError())
    }
  }

  /** Refuses new requests from now on. */
  close(): void {
    this.#closed = true
  }

  /** Asks the engine no more. */
  stop(): void {
    this.#lingering.stop()
  }

  async #turn(waiter: Waiter, signal: AbortSignal): Promise<void> {
    if (waiter.state === 'left') return await waiter.turn.promise
    const onAbort = (): void => this.#leave(waiter, signal.reason)
    this.#arriving.delete(waiter)
    waiter.state = 'waiting'
    this.#waiting.push(waiter)
    signal.addEventListener('abort', onAbort, { once: true })
    if (signal.aborted) onAbort()
    this.#next()
    try {
      await waiter.turn.promise
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  #leave(waiter: Waiter, reason: unknown): void {
    if (waiter.state === 'left') return
    if (waiter.state === 'arriving') this.#arriving.delete(waiter)
    else if (waiter.state === 'active') this.#release(waiter.peer)
    else this.#waiting = this.#waiting.filter((other) => other !== waiter)
    waiter.state = 'left'
    this.#held.delete(waiter)
    waiter.turn.reject(reason)
    this.#next()
    this.#onChange()
  }

  #bytes(counts: (peer: string) => boolean): number {
    return [...this.#held].reduce((sum, { peer, bytes }) => (counts(peer) ? sum + bytes : sum), 0)
  }

  get #full(): boolean {
    return this.active + this.queued >= this.#init.slots + this.#init.queue
  }

  /** Takes its place from the order whose request is the longest on its way, where that is too long. */
  #dropLate(): void {
    const [oldest] = this.#arriving
    if (oldest !== undefined && this.#clock() - oldest.since >= ARRIVAL_MS)
      this.#leave(oldest, new BusyError('The queue is full and the request did not come in time'))
  }

  #next(): void {
    while (this.active < this.#init.slots && this.#waiting.length > 0) {
      let chosen = 0
      for (const [index, waiter] of this.#waiting.entries()) {
        if (this.#slotsOf(waiter) < this.#slotsOf(this.#waiting[chosen])) chosen = index
      }
      const [waiter] = this.#waiting.splice(chosen, 1)
      if (waiter === undefined) return
      this.#active.set(waiter.peer, this.#slotsOf(waiter) + 1)
      waiter.state = 'active'
      waiter.turn.resolve()
      this.#onChange()
    }
  }

  #slotsOf(waiter: Waiter | undefined): number {
    return waiter === undefined ? 0 : (this.#active.get(waiter.peer) ?? 0)
  }

  #release(peer: string): void {
    const held = (this.#active.get(peer) ?? 0) - 1
    if (held > 0) this.#active.set(peer, held)
    else this.#active.delete(peer)
    this.#lingering.left()
  }
}
