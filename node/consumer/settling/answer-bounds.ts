import { InvalidFrameError, type InferenceRequest, type Order } from '../../../protocols/index.ts'

/** An engine's pieces may be smaller than its tokens: so many deltas for a token ordered, and so many more. */
const DELTAS_PER_TOKEN = 2
const MORE_DELTAS = 128

/** Average size allowed for a delta's frame, in bytes: the longest tokens have 128, plus JSON's names. */
const BYTES_PER_DELTA = 256

/** The same for each token whose probability a delta tells, the chosen one among them. */
const BYTES_PER_LOGPROB = 256

/** One vector in base64: 16,384 values. */
const BYTES_PER_VECTOR = 96 * 1024

/** Further allowance of an answer. */
const MORE_BYTES = 64 * 1024

/** Deltas that may come without a receipt: two receipts of 512 tokens, and what an engine cuts smaller. */
const MAX_DELTAS_WITHOUT_RECEIPT = 4096

/** Receipts of an answer: one for so many deltas, where honest ones come every 512 tokens, and so many more. */
const DELTAS_PER_RECEIPT = 64
const MORE_RECEIPTS = 8

/** `status` frames that may come at once, and in a second on average; honest ones come every 2 s. */
const MAX_STATUS_BURST = 32
const MAX_STATUS_PER_SECOND = 2

/** Longest time in which nothing but `status` comes, in milliseconds. */
const MAX_STATUS_MS = 30 * 60_000

/** Bytes of all answers that this node is getting; what is above its equal share of them gives way. */
const MAX_BYTES_OF_ALL = 128 * 1024 * 1024

/** The bytes of the answers that a node is getting: what was delivered is kept until an answer is whole. */
export class AnswerMemory {
  readonly #limit: number
  readonly #bytes = new Map<AnswerBounds, number>()
  #total = 0

  /** `limit` is in bytes; twice as much is the most that can be held. */
  constructor(limit = MAX_BYTES_OF_ALL) {
    this.#limit = limit
  }

  get total(): number {
    return this.#total
  }

  /** Adds bytes to an answer's. Throws InvalidFrameError where all have too many, and this one more than its share. */
  add(answer: AnswerBounds, bytes: number): void {
    const own = (this.#bytes.get(answer) ?? 0) + bytes
    this.#bytes.set(answer, own)
    this.#total += bytes
    if (this.#total > this.#limit && own > this.#limit / this.#bytes.size)
      throw new InvalidFrameError(
        'The answers that are under way take too much memory, and this one the most'
      )
  }

  /** Forgets an answer. */
  release(answer: AnswerBounds): void {
    this.#total -= this.#bytes.get(answer) ?? 0
    this.#bytes.delete(answer)
  }
}

/**
 * Bounds on everything that a contributor may send for one order: text, reasoning, tool calls, probabilities, vectors,
 * fields that nobody knows, or nothing at all. Beyond it the answer ends, and that counts against the contributor.
 */
export class AnswerBounds {
  readonly #memory: AnswerMemory
  readonly #maxDeltas: number
  readonly #maxBytes: number
  #deltas = 0
  #deltasSinceReceipt = 0
  #receipts = 0
  #bytes = 0
  #statuses = 0
  /** When status frames were first counted, and when the last other frame came; milliseconds of a monotonic clock. */
  #begun: number | undefined
  #moved: number | undefined

  constructor({ maxCompletionTokens }: Order, request: InferenceRequest, memory: AnswerMemory) {
    this.#memory = memory
    const vectors = request.kind === 'embedding' ? request.input.length : 0
    const logprobs =
      request.kind === 'embedding' || request.top_logprobs === undefined ? 0 : request.top_logprobs + 1
    this.#maxDeltas = maxCompletionTokens * DELTAS_PER_TOKEN + vectors + MORE_DELTAS
    const bytesPerDelta = BYTES_PER_DELTA + logprobs * BYTES_PER_LOGPROB
    this.#maxBytes = this.#maxDeltas * bytesPerDelta + vectors * BYTES_PER_VECTOR + MORE_BYTES
  }

  /** Counts a delta frame of so many bytes. Throws InvalidFrameError. */
  delta(bytes: number): void {
    this.#moved = undefined
    this.#bytes += bytes
    if (++this.#deltas > this.#maxDeltas || this.#bytes > this.#maxBytes)
      throw new InvalidFrameError('The answer is far longer than was ordered')
    if (++this.#deltasSinceReceipt > MAX_DELTAS_WITHOUT_RECEIPT)
      throw new InvalidFrameError('The answer goes on without receipts')
    this.#memory.add(this, bytes)
  }

  /** Counts a receipt, which is kept for ever. Throws InvalidFrameError. */
  receipt(): void {
    this.#deltasSinceReceipt = 0
    if (++this.#receipts > MORE_RECEIPTS + this.#deltas / DELTAS_PER_RECEIPT)
      throw new InvalidFrameError('The answer has more receipts than it needs')
  }

  /** Counts a `status` frame at a time of a monotonic clock, in milliseconds. Throws InvalidFrameError. */
  status(now: number): void {
    this.#begun ??= now
    this.#moved ??= now
    if (++this.#statuses > MAX_STATUS_BURST + ((now - this.#begun) / 1000) * MAX_STATUS_PER_SECOND)
      throw new InvalidFrameError('The peer says too often that it lives')
    if (now - this.#moved > MAX_STATUS_MS)
      throw new InvalidFrameError('The peer has said for half an hour that it lives, and nothing else')
  }

  /** The answer is over. */
  release(): void {
    this.#memory.release(this)
  }
}
