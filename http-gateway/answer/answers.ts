import type { RouteReason } from '../../node/consumer/index.ts'
import type { AnswerEvent, InferenceRequest } from '../../protocols/inference/index.ts'
import { Answer, type AcceptedEvent, type ContentEvent, type EndEvent } from './answer.ts'

/** The end of every answer, in the order of the requests. */
export type Ends = [EndEvent, ...EndEvent[]]

/** The next event, and the request that it answers. */
export interface ChoiceEvent {
  choice: number
  event: ContentEvent
}

/** Has one request of several answered, that of the choice with this number; `onRoute` is told why each contributor is asked. */
export type Infer = (
  request: InferenceRequest,
  signal: AbortSignal,
  onRoute: (reason: RouteReason) => void,
  choice: number
) => AsyncIterable<AnswerEvent>

/**
 * The answers to one or several requests, asked at once: each is an order of its own, with its own receipt.
 * When one fails, all do, and the others are cancelled.
 */
export class Answers {
  readonly #answers: Answer[]
  readonly #siblings = new AbortController()
  readonly #arrived: PromiseSettledResult<ChoiceEvent>[] = []
  #wake: (() => void) | undefined
  #pulling = false

  constructor(infer: Infer, requests: InferenceRequest[], signal: AbortSignal) {
    // A single answer has nobody to cancel but itself.
    const shared = requests.length === 1 ? signal : AbortSignal.any([signal, this.#siblings.signal])
    this.#answers = requests.map((request, choice) => {
      let reason: RouteReason | undefined
      const events = infer(request, shared, (told) => (reason = told), choice)
      return new Answer(events, () => reason)
    })
  }

  /** The answering peers known so far, in the order of the requests. */
  get accepted(): AcceptedEvent[] {
    return this.#answers.flatMap((answer) => answer.accepted)
  }

  /** Whether the first event of each answer is there already. */
  get ready(): boolean {
    return this.#answers.every((answer) => answer.ready)
  }

  /** See {@link Answer.begun}: resolves when it has come about for every answer. */
  async begun(firstByteMs: number): Promise<void> {
    await Promise.all(this.#answers.map((answer) => answer.begun(firstByteMs)))
  }

  /** The next event of any answer; not to be called more often than they end. Throws the first failure. */
  async next(): Promise<ChoiceEvent> {
    const [only, ...others] = this.#answers
    if (only !== undefined && others.length === 0) return { choice: 0, event: await only.next() }
    if (!this.#pulling) for (const choice of this.#answers.keys()) this.#pull(choice)
    this.#pulling = true
    while (this.#arrived.length === 0) {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#wake = resolve
      await promise
    }
    const result = this.#arrived.shift()
    if (result?.status !== 'fulfilled') throw result?.reason
    if (result.value.event.type === 'delta') this.#pull(result.value.choice)
    return result.value
  }

  /** After the ends: lets the consumer settle. */
  async settled(): Promise<void> {
    await Promise.all(this.#answers.map((answer) => answer.settled()))
  }

  /** After a failure: cancels what is left of the answers and lets the consumer clean up. Never throws. */
  async abandon(reason: unknown): Promise<void> {
    this.#siblings.abort(reason)
    await Promise.all(this.#answers.map((answer) => answer.abandon()))
  }

  #pull(choice: number): void {
    const arrive = (result: PromiseSettledResult<ChoiceEvent>): void => {
      this.#arrived.push(result)
      this.#wake?.()
    }
    this.#answers[choice]?.next().then(
      (event) => arrive({ status: 'fulfilled', value: { choice, event } }),
      (reason: unknown) => arrive({ status: 'rejected', reason })
    )
  }
}
