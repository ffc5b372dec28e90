import { randomUUID } from 'node:crypto'
import { CancelledError } from '../../protocols/errors.ts'
import type { AnswerEvent, InferenceRequest } from '../../protocols/inference/index.ts'
import type { ConsumerInferOptions, RouteReason } from '../../node/consumer/index.ts'
import type { History } from '../../node/history/index.ts'

/** Stands for the peer of a request that nobody accepted. */
const NOBODY = '(nobody)'

/** A request of this node's own clients that is being answered. */
export interface OwnRequest {
  id: string
  model: string
  /** The name of the caller's key; absent where none is needed. */
  caller?: string
  /** The id by which its choices are explained. */
  request?: string
  /** The peer that answers; absent before one has accepted. */
  peer?: string
  /** Why somebody was asked, in short; absent before. */
  reason?: RouteReason
  phase: 'choosing' | 'queued' | 'prefill' | 'generating'
  /** Its place in the contributor's queue. */
  position?: number
  /** Milliseconds since 1970. */
  startedAt: number
  /** Deltas so far, about as many as tokens. */
  tokens: number
  /** Milliseconds since the first token. */
  decodeMs: number
}

type Infer = (request: InferenceRequest, options: ConsumerInferOptions) => AsyncIterable<AnswerEvent>

/** One request while it is answered. */
class Following {
  readonly id = randomUUID()
  readonly controller = new AbortController()
  readonly #model: string
  readonly #caller: string | undefined
  readonly #startedAt = Date.now()
  /** Milliseconds of the monotonic clock. */
  readonly #begun = performance.now()
  readonly #request: string | undefined
  #peer: string | undefined
  #reason: RouteReason | undefined
  #phase: OwnRequest['phase'] = 'choosing'
  #position: number | undefined
  #firstTokenAt: number | undefined
  #tokens = 0
  credits = 0

  constructor(model: string, caller: string | undefined, request: string | undefined) {
    this.#model = model
    this.#caller = caller
    this.#request = request
  }

  asks(reason: RouteReason): void {
    this.#reason = reason
    this.#phase = 'queued'
  }

  saw(event: AnswerEvent): void {
    if (event.type === 'accepted' || event.type === 'status') this.#position = event.position
    if (event.type === 'accepted') {
      this.#peer = event.peer
      this.#phase = (event.position ?? 0) > 0 ? 'queued' : 'prefill'
    } else if (event.type === 'status') this.#phase = event.phase
    else if (event.type === 'delta') {
      this.#firstTokenAt ??= performance.now()
      this.#phase = 'generating'
      this.#tokens++
    }
  }

  get status(): OwnRequest {
    return {
      id: this.id,
      model: this.#model,
      ...(this.#caller === undefined ? {} : { caller: this.#caller }),
      ...(this.#request === undefined ? {} : { request: this.#request }),
      ...(this.#peer === undefined ? {} : { peer: this.#peer }),
      ...(this.#reason === undefined ? {} : { reason: this.#reason }),
      phase: this.#phase,
      ...(this.#position === undefined ? {} : { position: this.#position }),
      startedAt: this.#startedAt,
      tokens: this.#tokens,
      decodeMs: this.#decodeMs
    }
  }

  /** How it went, for the history. */
  past(
    end: Extract<AnswerEvent, { type: 'end' }> | undefined,
    failed: boolean
  ): Parameters<History['add']>[0] {
    return {
      side: 'asked',
      model: this.#model,
      peer: this.#peer ?? NOBODY,
      ok: !failed,
      promptTokens: end?.usage.promptTokens ?? 0,
      completionTokens: end?.usage.completionTokens ?? this.#tokens,
      credits: this.credits,
      firstTokenMs: this.#firstTokenAt === undefined ? null : this.#firstTokenAt - this.#begun,
      decodeMs: this.#decodeMs
    }
  }

  get #decodeMs(): number {
    return this.#firstTokenAt === undefined ? 0 : performance.now() - this.#firstTokenAt
  }
}

/** The requests of this node's own clients, for its owner to see and to stop. */
export class OwnRequests {
  readonly #running = new Map<string, Following>()
  readonly #history: Pick<History, 'add'> | undefined

  constructor(history?: Pick<History, 'add'>) {
    this.#history = history
  }

  /** Has a request answered and follows it until its answer ends. */
  async *follow(
    infer: Infer,
    request: InferenceRequest,
    options: ConsumerInferOptions,
    caller?: string
  ): AsyncGenerator<AnswerEvent> {
    const following = new Following(request.model, caller, options.requestId)
    const { signal } = following.controller
    this.#running.set(following.id, following)
    let end: Extract<AnswerEvent, { type: 'end' }> | undefined
    let failed = false
    try {
      const events = infer(request, {
        ...options,
        signal: options.signal === undefined ? signal : AbortSignal.any([options.signal, signal]),
        onRoute: (reason) => {
          following.asks(reason)
          options.onRoute?.(reason)
        },
        onSpent: (microCredits) => {
          following.credits += microCredits
          options.onSpent?.(microCredits)
        }
      })
      for await (const event of events) {
        following.saw(event)
        if (event.type === 'end') end = event
        yield event
      }
    } catch (err) {
      // An answer that its client or its owner stopped has not failed.
      failed = !signal.aborted && options.signal?.aborted !== true
      throw err
    } finally {
      this.#running.delete(following.id)
      this.#history?.add(following.past(end, failed))
    }
  }

  list(): OwnRequest[] {
    return Array.from(this.#running.values(), ({ status }) => status)
  }

  /** Stops a request; false where there is none of this id. */
  stop(id: string): boolean {
    const following = this.#running.get(id)
    following?.controller.abort(new CancelledError("The node's owner stopped this answer"))
    return following !== undefined
  }
}
