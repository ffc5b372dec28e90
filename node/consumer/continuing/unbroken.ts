import {
  certainPromptTokens,
  type AnswerEvent,
  type Delta,
  type InferenceRequest,
  type LobstahError,
  type OfferedModel,
  type SignedRecord
} from '../../../protocols/index.ts'
import { continuation, type Continuation } from './continuation.ts'
import { Delivered } from './delivered.ts'
import { DisagreementError, Splice } from './splice.ts'

/**
 * Who may go on with an answer that broke off: nobody, contributors with the same weights, or any with a model of the
 * name.
 */
export type Resume = 'off' | 'same-digest' | 'same-name'

/** One answer to one request, from as many contributors as it takes: what each says is joined to what came before. */
export class Unbroken {
  readonly #asked: InferenceRequest
  readonly #resume: Resume
  #delivered = new Delivered()
  /** The latest receipts of contributors that broke off. */
  readonly #receipts: SignedRecord[] = []
  #receipt: SignedRecord | undefined
  #digest: string | null = null
  #next: Continuation | undefined
  #exact = false
  #failure: LobstahError | undefined

  constructor(request: InferenceRequest, resume: Resume) {
    this.#asked = request
    this.#resume = resume
  }

  /** What the next contributor is asked. */
  get request(): InferenceRequest {
    return this.#next?.request ?? this.#asked
  }

  /** Whether the client has some of the answer. */
  get begun(): boolean {
    return !this.#delivered.empty
  }

  /** Whether a model may go on with what the client has. */
  readonly accepts = (model: OfferedModel): boolean => {
    if (this.#next === undefined || this.#failure === undefined) return true
    if (this.#next.continues && !model.capabilities.includes('continue')) return false
    return this.#resume === 'same-name' || model.digest === this.#digest
  }

  /** Takes a receipt that this node has just acknowledged. */
  readonly acknowledged = (receipt: SignedRecord): void => {
    this.#receipt = receipt
  }

  /**
   * Passes on what a contributor says, joined to what the client has. Throws what the contributor's events throw, and
   * DisagreementError.
   */
  async *join(events: AsyncIterable<AnswerEvent>, model: OfferedModel): AsyncGenerator<AnswerEvent> {
    const splice = this.#next === undefined ? undefined : new Splice(this.#next, this.#delivered.vectors)
    this.#receipt = undefined
    for await (const event of events) {
      if (event.type === 'delta') {
        if (this.#delivered.empty) this.#digest = model.digest
        yield* this.#pass(splice?.pass(event.delta) ?? [event.delta])
        if (splice?.stopped === true) {
          yield this.#end('stop')
          return
        }
      } else if (event.type === 'end') {
        yield* this.#pass(splice?.rest() ?? [])
        yield { ...(splice?.end(event) ?? event), ...this.#earlier() }
      } else yield event
    }
  }

  /**
   * Takes a failure after the first delta. Returns the end of the answer where it is over all the same; otherwise
   * another contributor is to be asked {@link request}. Throws the failure where no other can go on.
   */
  brokeOff(err: LobstahError): AnswerEvent | undefined {
    if (this.#delivered.empty) {
      // Deltas that show nothing count for nothing.
      this.#delivered = new Delivered()
      return undefined
    }
    const disagrees = err instanceof DisagreementError
    // What is told in the end is why the answer broke off.
    if (!disagrees) this.#failure = err
    if (this.#receipt !== undefined) this.#receipts.push(this.#receipt)
    this.#receipt = undefined
    if (this.#resume === 'off') throw err
    this.#exact = disagrees
    const next = continuation(this.#asked, this.#delivered, this.#exact)
    if ('refusal' in next) throw because(err, `${next.refusal}, where no other contributor can go on.`)
    this.#next = next
    return next.over ? this.#end('length') : undefined
  }

  /** The failure to tell where nobody is left who could go on. */
  unfinished(): LobstahError | undefined {
    if (this.#failure === undefined) return undefined
    const { kind } = this.#asked
    const how =
      kind === 'chat'
        ? ' To go on later, send what you have as the last message, of the assistant, with continue_final_message: true.'
        : ''
    return because(this.#failure, `No other contributor can go on with the answer now.${how}`)
  }

  *#pass(deltas: readonly Delta[]): Generator<AnswerEvent> {
    for (const delta of deltas) {
      this.#delivered.add(delta)
      yield { type: 'delta', delta }
    }
  }

  #end(finishReason: 'stop' | 'length'): AnswerEvent {
    const usage = {
      promptTokens: certainPromptTokens(this.#asked),
      completionTokens: this.#delivered.tokens
    }
    return { type: 'end', finishReason, usage, ...this.#earlier() }
  }

  #earlier(): { earlier?: SignedRecord[] } {
    return this.#receipts.length === 0 ? {} : { earlier: this.#receipts }
  }
}

/** The error with more said. */
function because(err: LobstahError, why: string): LobstahError {
  err.message = `${err.message.replace(/\.?$/, '.')} ${why}`
  return err
}
