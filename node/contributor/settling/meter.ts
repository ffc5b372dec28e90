import {
  RECEIPT_INTERVAL_TOKENS,
  Transcript,
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

/** An engine's pieces may be smaller than its tokens: it is stopped at so many times what was ordered, and so many more. */
const OVERRUN_FACTOR = 2
const OVERRUN_TOKENS = 64

/** Counts what one order has delivered, and writes its receipts, unsigned. It never bills more than its consumer accepts. */
export class Meter {
  readonly #order: Order
  readonly #now: () => number
  readonly #orderHash: string
  readonly #transcript: Transcript
  readonly #startedAt: number
  #promptTokens: number
  #seq = 0
  #tokens = 0
  #tokensAtReceipt = 0
  #billed = { prompt: 0, completion: 0 }

  /** `promptTokens` are those that the prompt surely has; the engine may count more. */
  constructor(order: Order, record: SignedRecord, now: () => number, promptTokens = 0) {
    this.#order = order
    this.#now = now
    this.#orderHash = sha256(record.payload)
    this.#transcript = new Transcript(this.#orderHash)
    this.#startedAt = now()
    this.#promptTokens = promptTokens
  }

  /** Whether so much was read or written since the last receipt that the next is due. */
  get due(): boolean {
    if (this.#seq === 0 && this.delivered && this.#promptTokens >= RECEIPT_INTERVAL_TOKENS) return true
    return this.#tokens - this.#tokensAtReceipt >= RECEIPT_INTERVAL_TOKENS
  }

  /** Whether the engine goes on far beyond what was ordered: nobody pays for it. */
  get overrun(): boolean {
    return this.#tokens > this.#order.maxCompletionTokens * OVERRUN_FACTOR + OVERRUN_TOKENS
  }

  /** Whether anything was delivered: then the prompt was read. */
  get delivered(): boolean {
    return this.#transcript.deltas > 0
  }

  /** Takes the engine's own count of the prompt. */
  counted(promptTokens: number): void {
    this.#promptTokens = promptTokens
  }

  /** What an answer that stops here comes to: nothing before the first delta. */
  get usage(): Usage {
    return { promptTokens: this.delivered ? this.#promptTokens : 0, completionTokens: this.#tokens }
  }

  /** Counts one delta frame. */
  add(delta: Delta, payload: Uint8Array): void {
    this.#transcript.add(payload, textBytes(delta))
    this.#tokens += delta.tokens ?? 1
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
    // Nothing delivered, nothing billed.
    if (point.deltas > 0) this.#bill(usage, point.bytes)
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
      promptTokens: this.#billed.prompt,
      completionTokens: this.#billed.completion,
      // Checked against the order's bounds before it was accepted.
      credits: cost(price, this.#billed.prompt, this.#billed.completion) ?? 0,
      deltas: point.deltas,
      transcriptHash: point.hash,
      finishReason,
      startedAt: this.#startedAt,
      // A clock that was set back meanwhile must not make the receipt one that ends before it starts.
      completedAt: Math.max(this.#startedAt, this.#now())
    }
    this.#transcript.forget(point.deltas)
    return receipt
  }

  #bill(usage: Usage, bytes: number): void {
    const { maxPromptTokens, maxCompletionTokens } = this.#order
    const completion = Math.min(usage.completionTokens, plausibleCompletionTokens(bytes), maxCompletionTokens)
    this.#billed.prompt = Math.max(this.#billed.prompt, Math.min(usage.promptTokens, maxPromptTokens))
    this.#billed.completion = Math.max(this.#billed.completion, completion)
  }
}
