import { CancelledError, PeerLostError } from '../../protocols/errors.ts'
import type { RouteReason } from '../../node/consumer/index.ts'
import type { AnswerEvent } from '../../protocols/inference/index.ts'

/** The contributor that answers, with the reason where the consumer tells it. */
export type AcceptedEvent = Extract<AnswerEvent, { type: 'accepted' }> & { reason?: RouteReason | undefined }
export type EndEvent = Extract<AnswerEvent, { type: 'end' }>
export type ContentEvent = Extract<AnswerEvent, { type: 'delta' | 'end' }>

/** One answer as a surface reads it: deltas, then one end; who answers is known from {@link Answer.begun} on. */
export class Answer {
  readonly #events: AsyncIterator<AnswerEvent>
  /** The contributors that answered, the one that accepted last included: of those that failed before, none. */
  readonly #accepted: AcceptedEvent[] = []
  #deltas = 0
  #deltasBefore = 0
  #first: Promise<ContentEvent> | undefined
  #onAccepted: (() => void) | undefined
  #ready = false

  readonly #reason: () => RouteReason | undefined

  /** `reason` tells why the contributor that accepts now was asked. */
  constructor(events: AsyncIterable<AnswerEvent>, reason: () => RouteReason | undefined = () => undefined) {
    this.#reason = reason
    this.#events = events[Symbol.asyncIterator]()
  }

  get accepted(): readonly AcceptedEvent[] {
    return this.#accepted
  }

  /** Whether {@link Answer.next} has its first event already. */
  get ready(): boolean {
    return this.#ready
  }

  /**
   * Resolves when a client may be told that the request succeeds so far: at the first delta, or `firstByteMs`
   * after a contributor accepted. SDKs try again on an HTTP status only, so until then failures must keep
   * theirs; they are thrown.
   */
  async begun(firstByteMs: number): Promise<void> {
    const patienceOver = Promise.withResolvers<'over'>()
    let timer: NodeJS.Timeout | undefined
    this.#onAccepted = () => {
      clearTimeout(timer)
      timer = setTimeout(() => patienceOver.resolve('over'), firstByteMs)
    }
    this.#first = this.#pull()
    try {
      this.#ready = (await Promise.race([this.#first, patienceOver.promise])) !== 'over'
    } finally {
      clearTimeout(timer)
      this.#onAccepted = undefined
    }
  }

  /** The next delta, or the end. Throws what the consumer throws. */
  next(): Promise<ContentEvent> {
    const first = this.#first ?? this.#pull()
    this.#first = undefined
    return first
  }

  /** After the end: lets the consumer settle. */
  async settled(): Promise<void> {
    while ((await this.#events.next()).done !== true);
  }

  /** After a failure: lets the consumer clean up. Never throws: the failure is what counts. */
  async abandon(): Promise<void> {
    try {
      await this.#events.return?.()
    } catch {
      // Said once already, by the failure that led here.
    }
  }

  async #pull(): Promise<ContentEvent> {
    while (true) {
      const result = await this.#events.next()
      if (result.done === true) throw new PeerLostError('The answer broke off without an end')
      const event = result.value
      if (event.type === 'accepted') {
        if (this.#deltas === this.#deltasBefore) this.#accepted.pop()
        const reason = this.#reason()
        this.#accepted.push(reason === undefined ? event : { ...event, reason })
        this.#deltasBefore = this.#deltas
        this.#onAccepted?.()
      } else if (event.type === 'end' && event.finishReason === 'cancelled') {
        throw new CancelledError()
      } else if (event.type !== 'status') {
        if (event.type === 'delta') this.#deltas++
        return event
      }
    }
  }
}
