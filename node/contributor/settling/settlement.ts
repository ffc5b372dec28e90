import { setImmediate as nextTurn } from 'node:timers/promises'
import type { PrivateKey } from '@libp2p/interface'
import {
  ACKNOWLEDGEMENT,
  CancelledError,
  InternalError,
  InvalidRecordError,
  MAX_UNACKNOWLEDGED_RECEIPTS,
  RECEIPT,
  SETTLE_TIMEOUT_MS,
  UnacknowledgedError,
  open,
  seal,
  sha256,
  type ChatSession,
  type Receipt,
  type SignedRecord
} from '../../../protocols/index.ts'
import type { Ledger } from '../../ledger/index.ts'

/** Longest pause of an answer whose receipts are not acknowledged, in milliseconds: its client may be slow. */
const ACKNOWLEDGEMENT_TIMEOUT_MS = 120_000

export interface SettlementComponents {
  ledger: Ledger
  privateKey: PrivateKey
  /** Told of each receipt that the ledger counts from now on. */
  onKept: (receipt: Receipt) => void
}

/**
 * One order's receipts on their way, and its acknowledgements on theirs. Receipts are signed, kept and sent
 * one after another, off the token path.
 */
export class Settlement {
  readonly #session: ChatSession
  readonly #components: SettlementComponents
  /** Hashes of receipts not acknowledged, by number; empty until one is signed. */
  readonly #open = new Map<number, string>()
  /** Numbers of receipts over nothing, which no ledger needs. */
  readonly #empty = new Set<number>()
  readonly #keepOrder: () => Promise<void>
  #begun = false
  #latest: Receipt | undefined
  #keeping: Promise<unknown> = Promise.resolve()
  #sending: Promise<void> = Promise.resolve()
  #failure: Error | undefined
  #changed = Promise.withResolvers<void>()

  /** `keepOrder` puts the order into the ledger. */
  constructor(session: ChatSession, keepOrder: () => Promise<void>, components: SettlementComponents) {
    this.#session = session
    this.#components = components
    this.#keepOrder = keepOrder
    session.signal.addEventListener('abort', this.#wake, { once: true })
  }

  /**
   * Keeps the order, now that something is delivered: no receipt leaves before it is in the ledger. One that ends
   * earlier, and owes nothing, leaves nothing on the disk: whoever could fill it so would pay nothing.
   */
  begin(): void {
    if (this.#begun) return
    this.#begun = true
    this.#keeping = this.#keepOrder()
    this.#keeping.catch(this.#fail)
  }

  /** Sends a receipt when its turn comes. `room` and `sent` throw its failures. */
  add(receipt: Receipt): void {
    this.#latest = receipt
    this.#open.set(receipt.seq, '')
    if (receipt.deltas === 0 && receipt.credits === 0) this.#empty.add(receipt.seq)
    else this.begin()
    const keeping = this.#keeping.then(() => this.#keep(receipt))
    this.#keeping = keeping
    // A receipt that cannot be sent is kept all the same: it is claimed when the two meet again.
    this.#sending = Promise.all([keeping, this.#sending]).then(([record]) =>
      this.#session.send({ type: 'receipt', receipt: record })
    )
    this.#sending.catch(this.#fail)
  }

  /** Throws what went wrong with the order or a receipt. */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure
  }

  /**
   * Waits while two receipts are unacknowledged. Throws UnacknowledgedError when that lasts, and the signal's
   * reason when it fires.
   */
  async room(): Promise<void> {
    const { signal } = this.#session
    this.check()
    const open = (): boolean => this.#open.size < MAX_UNACKNOWLEDGED_RECEIPTS
    if (!open()) await this.#until(() => signal.aborted || open(), ACKNOWLEDGEMENT_TIMEOUT_MS)
    signal.throwIfAborted()
  }

  /** Resolves when all receipts are in the ledger and sent. */
  async sent(): Promise<void> {
    await this.#keeping
    await this.#sending
  }

  /** Waits for the last acknowledgement. Throws UnacknowledgedError when it does not come, or cannot. */
  async settled(): Promise<void> {
    await this.#until(() => this.#open.size === 0, SETTLE_TIMEOUT_MS)
  }

  /** Takes a countersignature. Throws UnacknowledgedError when it is not one of this order's. */
  async acknowledge(record: SignedRecord): Promise<void> {
    const seq = await this.#verify(record)
    if (!this.#empty.has(seq)) await this.#components.ledger.append([{ kind: 'acknowledgement', record }])
    // Receipts are cumulative: one that is acknowledged settles those before it.
    for (const earlier of [...this.#open.keys()]) if (earlier <= seq) this.#open.delete(earlier)
    this.#wake()
  }

  async #keep(receipt: Receipt): Promise<SignedRecord> {
    await nextTurn()
    const record = await seal(RECEIPT, receipt, this.#components.privateKey)
    this.#open.set(receipt.seq, sha256(record.payload))
    if (!this.#empty.has(receipt.seq)) await this.#components.ledger.append([{ kind: 'receipt', record }])
    this.#components.onKept(receipt)
    return record
  }

  async #verify(record: SignedRecord): Promise<number> {
    try {
      const { order, contributor, seq, receiptHash } = await open(ACKNOWLEDGEMENT, record, this.#session.peer)
      const ours = order === this.#latest?.order && contributor === this.#latest.contributor
      if (ours && this.#open.get(seq) === receiptHash) return seq
    } catch (err) {
      if (!(err instanceof InvalidRecordError)) throw err
      throw new UnacknowledgedError(err.message, { cause: err })
    }
    throw new UnacknowledgedError('The acknowledgement is for no open receipt')
  }

  async #until(condition: () => boolean, timeoutMs: number): Promise<void> {
    const late = Promise.withResolvers<void>()
    const timer = setTimeout(() => late.reject(new UnacknowledgedError()), timeoutMs)
    try {
      while (!condition()) {
        if (this.#failure !== undefined) throw this.#failure
        if (!this.#acknowledges) this.#session.signal.throwIfAborted()
        await Promise.race([this.#changed.promise, late.promise])
      }
    } finally {
      clearTimeout(timer)
    }
  }

  /** Whether acknowledgements can still come: also after a cancel, for what was delivered. */
  get #acknowledges(): boolean {
    const { signal, writable } = this.#session
    return writable && (!signal.aborted || signal.reason instanceof CancelledError)
  }

  readonly #wake = (): void => {
    this.#changed.resolve()
    this.#changed = Promise.withResolvers()
  }

  readonly #fail = (err: unknown): void => {
    this.#failure ??= err instanceof Error ? err : new InternalError(undefined, { cause: err })
    this.#wake()
  }
}
