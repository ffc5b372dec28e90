import { randomBytes } from 'node:crypto'
import type { PrivateKey } from '@libp2p/interface'
import {
  ACKNOWLEDGEMENT,
  BadRequestError,
  InternalError,
  InvalidFrameError,
  LedgerFailedError,
  MAX_REQUEST_BYTES,
  ORDER,
  ReceiptRefusedError,
  Transcript,
  encodeJson,
  plausiblePromptTokens,
  seal,
  sha256,
  textBytes,
  type ChatExchange,
  type Delta,
  type FinishReason,
  type InferenceRequest,
  type OfferedModel,
  type Order,
  type Receipt,
  type SignedRecord,
  type Tier,
  type Usage
} from '../../../protocols/index.ts'
import type { Ledger, LedgerRecord } from '../../ledger/index.ts'
import { AnswerBounds, AnswerMemory } from './answer-bounds.ts'
import { TokenBounds, type TokenCounter, type TokenCounts } from '../../tokens/index.ts'
import { judgeCounts } from './judge-counts.ts'
import { verifyReceipt } from './verify-receipt.ts'

/** Completion tokens ordered of a model whose context is unknown, where the request sets no limit. */
const ASSUMED_CONTEXT_TOKENS = 1_048_576

/** How long an order may be accepted, in milliseconds. */
const ORDER_TTL_MS = 5 * 60_000

export interface PurchaseComponents {
  ledger: Ledger
  privateKey: PrivateKey
  /** This node's peer id. */
  peer: string
  /** Milliseconds since 1970. */
  now: () => number
  /** What all answers under way take. @default nothing is shared */
  memory?: AnswerMemory
  /** How soon the answer is wanted. @default 'interactive' */
  tier?: Tier | undefined
  /** Counts by the vocabulary. @default the one of this process */
  counter?: TokenCounter
  /** Told of what each countersigned receipt adds, in micro-credits. */
  onSpent?: ((microCredits: number) => void) | undefined
  /** Awaited before a receipt is kept and countersigned. */
  beforeReceipt?: ((receipt: Receipt, undelivered: readonly Delta[]) => Promise<void>) | undefined
  /** Told of each receipt that is countersigned. */
  onReceipt?: ((receipt: SignedRecord) => void) | undefined
}

/**
 * The accounting side of one order: placed, followed delta by delta, each receipt verified, kept and
 * countersigned, off the token path.
 */
export class Purchase {
  readonly record: SignedRecord
  readonly document: Uint8Array
  /** What its answer may have. */
  readonly bounds: AnswerBounds
  readonly #order: Order
  readonly #orderHash: string
  readonly #transcript: Transcript
  readonly #counts: TokenBounds
  readonly #components: PurchaseComponents
  #cancelled = false
  #previous: Receipt | undefined
  #latest: SignedRecord | undefined
  #settling: Promise<void>
  #failure: Error | undefined

  private constructor(
    order: Order,
    record: SignedRecord,
    document: Uint8Array,
    bounds: AnswerBounds,
    counts: TokenBounds,
    components: PurchaseComponents
  ) {
    this.#order = order
    this.bounds = bounds
    this.record = record
    this.document = document
    this.#orderHash = sha256(record.payload)
    this.#transcript = new Transcript(this.#orderHash)
    this.#counts = counts
    this.#components = components
    this.#settling = this.#keep([{ kind: 'order', record }])
    this.#settling.catch(this.#fail)
  }

  /** Signs an order for a request at the contributor's announced price. */
  static async place(
    request: InferenceRequest,
    model: OfferedModel,
    contributor: string,
    components: PurchaseComponents
  ): Promise<Purchase> {
    const document = encodeJson({ ...request, model: model.id })
    if (document.byteLength > MAX_REQUEST_BYTES) {
      throw new BadRequestError(
        `The request has ${document.byteLength} bytes, and a peer takes ${MAX_REQUEST_BYTES} at most`
      )
    }
    const issuedAt = components.now()
    const order: Order = {
      id: randomBytes(16).toString('base64url'),
      consumer: components.peer,
      contributor,
      kind: request.kind,
      model: model.id,
      digest: model.digest,
      requestHash: sha256(document),
      price: { prompt: model.price.prompt, completion: model.price.completion },
      maxPromptTokens: plausiblePromptTokens(document.byteLength),
      maxCompletionTokens: maxCompletionTokens(request, model),
      ...(components.tier === undefined ? {} : { tier: components.tier }),
      issuedAt,
      expiresAt: issuedAt + ORDER_TTL_MS
    }
    const bounds = new AnswerBounds(order, request, components.memory ?? new AnswerMemory())
    const counts = new TokenBounds(request, components.counter)
    const record = await seal(ORDER, order, components.privateKey)
    return new Purchase(order, record, document, bounds, counts, components)
  }

  /**
   * Follows a delta frame. Throws what went wrong with an earlier receipt, and InvalidFrameError after the final
   * one, which covers all, or beyond what the order allows.
   */
  delivered(delta: Delta, payload: Uint8Array): void {
    if (this.#failure !== undefined) throw this.#failure
    if (this.final) throw new InvalidFrameError('The answer went on after its final receipt')
    this.bounds.delta(payload.byteLength)
    this.#transcript.add(payload, textBytes(delta))
    this.#counts.add(delta)
  }

  /** The order's id. */
  get id(): string {
    return this.#order.id
  }

  /** What was delivered, from the latest receipt on. */
  get transcript(): Transcript {
    return this.#transcript
  }

  /** Whether anything was delivered: a delta may carry nothing. */
  get carried(): boolean {
    return this.#counts.carried
  }

  /** The most tokens that the order can be billed for, now that no more comes. */
  async mostTokens(): Promise<TokenCounts> {
    return await this.#counts.close()
  }

  /** Whether the final receipt has come. */
  get final(): boolean {
    return this.#previous?.final === true
  }

  /** Its user wants no more: what was read of the prompt is owed from now on, although nothing was delivered. */
  cancel(): void {
    this.#cancelled = true
  }

  /** Whether {@link cancel} was called. */
  get cancelled(): boolean {
    return this.#cancelled
  }

  /**
   * Verifies a receipt and holds its counts against this node's own, then keeps and countersigns it in the background.
   * Throws ReceiptRefusedError.
   */
  async receipt(record: SignedRecord, exchange: ChatExchange): Promise<void> {
    const { peer: consumer, privateKey, now } = this.#components
    const cancelled = this.#cancelled
    const receipt = await verifyReceipt(record, {
      order: this.#order,
      orderHash: this.#orderHash,
      transcript: this.#transcript,
      previous: this.#previous,
      cancelled,
      now: now()
    })
    await judgeCounts(receipt, this.#counts, { cancelled })
    const added = receipt.credits - (this.#previous?.credits ?? 0)
    this.#previous = receipt
    this.bounds.receipt()
    this.#transcript.forget(receipt.deltas)
    this.#settling = this.#settling.then(async () => {
      await this.#components.beforeReceipt?.(receipt, [])
      const { order, seq, contributor } = receipt
      const acknowledgement = {
        order,
        consumer,
        contributor,
        seq,
        receiptHash: sha256(record.payload),
        issuedAt: now()
      }
      const signed = await seal(ACKNOWLEDGEMENT, acknowledgement, privateKey)
      await this.#keep([
        { kind: 'receipt', record },
        { kind: 'acknowledgement', record: signed }
      ])
      this.#latest = record
      this.#components.onSpent?.(added)
      this.#components.onReceipt?.(record)
      // Both records are kept: a contributor that does not take its copy has no less of an answer given.
      await exchange.acknowledge(signed).catch(() => undefined)
    })
    this.#settling.catch(this.#fail)
  }

  /** Resolves when each receipt that has come is kept and countersigned, or has failed to be. */
  async idle(): Promise<void> {
    await this.#settling.catch(() => undefined)
  }

  /** Compares how the answer ended with its final receipt. Throws ReceiptRefusedError and InvalidFrameError. */
  ended({ finishReason, usage }: { finishReason: FinishReason; usage: Usage }): void {
    const receipt = this.#previous
    if (receipt?.final !== true) throw new InvalidFrameError('The answer ended without a final receipt')
    const same =
      receipt.finishReason === finishReason &&
      receipt.promptTokens === usage.promptTokens &&
      receipt.completionTokens === usage.completionTokens
    if (!same) throw new ReceiptRefusedError('The final receipt is not for what the answer ended with')
  }

  /** Waits until the final receipt is on disk and countersigned, and returns it. Throws InvalidFrameError when none came. */
  async settled(): Promise<SignedRecord> {
    await this.#settling
    if (!this.final || this.#latest === undefined)
      throw new InvalidFrameError('The answer ended without a final receipt')
    return this.#latest
  }

  /** Throws LedgerFailedError: it is this node that failed, and no other contributor would do better. */
  async #keep(records: LedgerRecord[]): Promise<void> {
    try {
      await this.#components.ledger.append(records)
    } catch (err) {
      const why = err instanceof Error ? `: ${err.message}` : ''
      throw new LedgerFailedError(`This node cannot keep its receipts${why}`, { cause: err })
    }
  }

  readonly #fail = (err: unknown): void => {
    this.#failure ??= err instanceof Error ? err : new InternalError(undefined, { cause: err })
  }
}

/** No answer is longer than the context: a larger limit of a client's only makes an order that cannot be priced. */
function maxCompletionTokens(request: InferenceRequest, { contextLength }: OfferedModel): number {
  if (request.kind === 'embedding') return 0
  const most = contextLength ?? ASSUMED_CONTEXT_TOKENS
  return Math.min(request.max_tokens ?? most, most)
}
