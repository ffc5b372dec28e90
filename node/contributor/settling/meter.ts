import {
  CreditExhaustedError,
  RECEIPT_INTERVAL_TOKENS,
  Transcript,
  carriesAnything,
  cost,
  plausibleCompletionTokens,
  sha256,
  textBytes,
  type Delta,
  type Order,
  type Receipt,
  type SignedRecord,
  type Usage
} from '../../../protocols/index.ts'
import type { TokenBounds, TokenCounts } from '../../tokens/index.ts'
import type { Reservation, ReservedTokens } from './reservation.ts'

/** An engine's pieces may be smaller than its tokens: it is stopped at so many times what was ordered, and so many more. */
const OVERRUN_FACTOR = 2
const OVERRUN_TOKENS = 64

export interface MeterInit {
  /** Milliseconds since 1970. */
  now: () => number
  /** Milliseconds, of a clock that only goes forward. @default performance.now */
  clock?: () => number
  /** The bounds of the order. */
  reservation: Reservation
  /** Prompt tokens that the engine reads in so many milliseconds. */
  readIn: (ms: number) => number
  /** Tokens that the prompt surely has; the engine may count more. @default 0 */
  promptTokens?: number
  /** The most that the consumer accepts, by its own count. @default as much as the order allows */
  bounds?: TokenBounds
}

/**
 * Counts what one order has delivered, and writes its receipts, unsigned. It never bills more than its consumer accepts,
 * nor more than is reserved.
 */
export class Meter {
  readonly #order: Order
  readonly #init: Required<Omit<MeterInit, 'bounds'>> & Pick<MeterInit, 'bounds'>
  readonly #orderHash: string
  readonly #transcript: Transcript
  readonly #startedAt: number
  #promptTokens: number
  /** When the engine was asked, and when its first delta came, in milliseconds of the monotonic clock. */
  #reading: number | undefined
  #firstDelta: number | undefined
  #carried = false
  #seq = 0
  #tokens = 0
  #tokensAtReceipt = 0
  #most: TokenCounts = { promptTokens: Infinity, completionTokens: Infinity }
  #billed: ReservedTokens = { promptTokens: 0, completionTokens: 0 }

  constructor(order: Order, record: SignedRecord, init: MeterInit) {
    this.#order = order
    this.#init = { clock: () => performance.now(), promptTokens: 0, ...init }
    this.#orderHash = sha256(record.payload)
    this.#transcript = new Transcript(this.#orderHash)
    this.#startedAt = init.now()
    this.#promptTokens = this.#init.promptTokens
  }

  /** The engine begins to read the prompt. */
  begin(): void {
    this.#reading = this.#init.clock()
  }

  /** How long the prompt took to the first delta, in milliseconds; undefined until that came. */
  get readMs(): number | undefined {
    if (this.#reading === undefined || this.#firstDelta === undefined) return undefined
    return this.#firstDelta - this.#reading
  }

  /** Whether so much was read or written since the last receipt that the next is due. */
  get due(): boolean {
    if (this.#seq === 0 && this.delivered && this.#promptTokens >= RECEIPT_INTERVAL_TOKENS) return true
    return this.#tokens - this.#tokensAtReceipt >= RECEIPT_INTERVAL_TOKENS
  }

  /** Whether the engine goes on far beyond what was ordered: nobody pays for it. */
  get overrun(): boolean {
    return this.#tokens >= this.#order.maxCompletionTokens * OVERRUN_FACTOR + OVERRUN_TOKENS
  }

  /** Whether anything was delivered: then the prompt was read. A delta may carry nothing. */
  get delivered(): boolean {
    return this.#carried
  }

  /** Takes the engine's own count of the prompt. */
  counted(promptTokens: number): void {
    this.#promptTokens = promptTokens
  }

  /** Whether an answer that its consumer ends here is owed for. */
  get owed(): boolean {
    return this.delivered || this.#promptRead() > 0
  }

  /** The price of an answer that its consumer ends here: before the first delta, the prompt as far as it was read. */
  get usage(): Usage {
    return { promptTokens: this.#promptRead(), completionTokens: this.#tokens }
  }

  #promptRead(): number {
    if (this.delivered) return this.#promptTokens
    if (this.#reading === undefined) return 0
    return Math.min(this.#promptTokens, this.#init.readIn(this.#init.clock() - this.#reading))
  }

  /** Reserves what a delta adds, an interval of receipts at a time. Throws CreditExhaustedError. */
  reserve(delta: Delta): void {
    const { reservation } = this.#init
    const tokens = this.#tokens + (delta.tokens ?? 1)
    const { completionTokens } = reservation.tokens
    // Tokens beyond the order are not billed.
    if (tokens <= completionTokens || completionTokens >= this.#order.maxCompletionTokens) return
    reservation.extend({
      promptTokens: this.#promptTokens,
      completionTokens: Math.min(
        Math.max(tokens, completionTokens + RECEIPT_INTERVAL_TOKENS),
        this.#order.maxCompletionTokens
      )
    })
  }

  /** Counts one delta frame. */
  add(delta: Delta, payload: Uint8Array): void {
    this.#firstDelta ??= this.#init.clock()
    this.#transcript.add(payload, textBytes(delta))
    this.#init.bounds?.add(delta)
    this.#carried ||= carriesAnything(delta)
    this.#tokens += delta.tokens ?? 1
  }

  /**
   * Learns what the consumer accepts at most: the receipt that follows bills no more, whatever the engine counts. To be
   * called before each receipt, one at a time.
   */
  async bound(usage: Usage = this.usage): Promise<void> {
    this.#most = (await this.#init.bounds?.most(usage)) ?? this.#most
  }

  /** The next receipt, for everything so far. */
  receipt(): Receipt {
    return this.#write(this.usage, null)
  }

  /** The last receipt, by the engine's own count. */
  finalReceipt(usage: Usage, finishReason: NonNullable<Receipt['finishReason']>): Receipt {
    return this.#write(usage, finishReason)
  }

  /** Completion tokens so far, as the deltas said. */
  get tokens(): number {
    return this.#tokens
  }

  #write(usage: Usage, finishReason: Receipt['finishReason']): Receipt {
    const { id, consumer, contributor, model, digest, price } = this.#order
    const point = this.#transcript.at() ?? { deltas: 0, hash: this.#orderHash, bytes: 0 }
    // Before the first delta only a consumer that ends the answer owes anything.
    if (this.#carried || finishReason === 'cancelled' || finishReason === 'error')
      this.#bill(usage, point.bytes)
    this.#tokensAtReceipt = this.#tokens
    const receipt: Receipt = {
      order: id,
      orderHash: this.#orderHash,
      consumer,
      contributor,
      model,
      digest,
      seq: this.#seq++,
      final: finishReason !== null,
      promptTokens: this.#billed.promptTokens,
      completionTokens: this.#billed.completionTokens,
      // Checked against the order's bounds before it was accepted.
      credits: cost(price, this.#billed.promptTokens, this.#billed.completionTokens) ?? 0,
      deltas: point.deltas,
      transcriptHash: point.hash,
      finishReason,
      startedAt: this.#startedAt,
      // A clock that was set back meanwhile must not make the receipt one that ends before it starts.
      completedAt: Math.max(this.#startedAt, this.#init.now())
    }
    this.#transcript.forget(point.deltas)
    if (receipt.final) this.#init.reservation.close(receipt.credits)
    return receipt
  }

  #bill(usage: Usage, bytes: number): void {
    const { maxPromptTokens, maxCompletionTokens } = this.#order
    const promptTokens = Math.min(usage.promptTokens, this.#most.promptTokens, maxPromptTokens)
    const completionTokens = Math.min(
      usage.completionTokens,
      this.#most.completionTokens,
      plausibleCompletionTokens(bytes),
      maxCompletionTokens
    )
    const { tokens } = this.#reserved({ promptTokens, completionTokens })
    this.#billed = {
      promptTokens: Math.max(this.#billed.promptTokens, Math.min(promptTokens, tokens.promptTokens)),
      completionTokens: Math.max(
        this.#billed.completionTokens,
        Math.min(completionTokens, tokens.completionTokens)
      )
    }
  }

  /** The reservation, extended where the line allows it: an engine may count more than was expected. */
  #reserved(tokens: ReservedTokens): Reservation {
    const { reservation } = this.#init
    try {
      reservation.extend(tokens)
    } catch (err) {
      if (!(err instanceof CreditExhaustedError)) throw err
    }
    return reservation
  }
}
