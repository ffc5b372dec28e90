import {
  certainPromptTokens,
  type AnswerEvent,
  type Delta,
  type InferOptions,
  type InferenceRequest,
  type LobstahError,
  type OfferedModel,
  type SignedRecord
} from '../../../protocols/index.ts'
import { continuation, type Continuation } from './continuation.ts'
import { Delivered } from './delivered.ts'
import { DisagreementError } from './joint.ts'
import { PaidReceipts } from './paid-receipts.ts'
import { Splice } from './splice.ts'

type BeforeReceipt = InferOptions['beforeReceipt']
type End = Extract<AnswerEvent, { type: 'end' }>

/**
 * Contributors that may continue an answer that broke off: nobody, contributors with the same weights, or any with a model of the
 * name.
 */
export type Resume = 'off' | 'same-digest' | 'same-name'

/** One answer to one request, from as many contributors as it takes: what each says is joined to what came before. */
export class Unbroken {
  readonly #asked: InferenceRequest
  readonly #resume: Resume
  readonly #held: boolean
  #delivered = new Delivered()
  readonly #receipts = new PaidReceipts()
  /** Text to hold back until the end, for a client that sees nothing before it. */
  #kept: Delta[] = []
  #digest: string | null = null
  #next: Continuation | undefined
  #asksAgain = false
  #failure: LobstahError | undefined
  /** Tokens that the client had when the answer broke off last. */
  #tokensBefore = 0

  /** `held`: the client is shown nothing before the end. */
  constructor(request: InferenceRequest, resume: Resume, held = false) {
    this.#asked = request
    this.#resume = resume
    this.#held = held
  }

  /** The request for the next contributor. */
  get request(): InferenceRequest {
    return this.#next?.request ?? this.#asked
  }

  /** Whether the client has some of the answer. */
  get begun(): boolean {
    return !this.#delivered.empty
  }

  /** Has a whole answer kept before it is paid for, with what is held back; not one that others began. */
  keepsBy(keep: BeforeReceipt): BeforeReceipt {
    return keep === undefined || this.begun ? undefined : (receipt) => keep(receipt, this.#kept)
  }

  /** Whether the contributor that gave another answer is to be asked once more, with another cut. */
  get asksAgain(): boolean {
    return this.#asksAgain
  }

  /** Whether a model may go on with what the client has. */
  readonly accepts = (model: OfferedModel): boolean => {
    if (this.#next === undefined || this.#failure === undefined) return true
    if (this.#next.continues && !model.capabilities.includes('continue')) return false
    return this.#resume === 'same-name' || this.prefers(model)
  }

  /** Whether a model is asked before others that may go on: it has the same weights. */
  readonly prefers = (model: OfferedModel): boolean =>
    this.#failure === undefined || model.digest === this.#digest

  /** A contributor is about to be asked; returns what takes each of its receipts that this node has acknowledged. */
  asks(): (receipt: SignedRecord) => void {
    return this.#receipts.begin()
  }

  /**
   * Passes on what a contributor says, joined to what the client has. Throws what the contributor's events throw, and
   * DisagreementError.
   */
  async *join(events: AsyncIterable<AnswerEvent>, model: OfferedModel): AsyncGenerator<AnswerEvent> {
    const splice = this.#next === undefined ? undefined : new Splice(this.#next, this.#delivered.vectors)
    let stopped = false
    for await (const event of events) {
      if (event.type === 'delta') {
        if (this.#delivered.empty) this.#digest = model.digest
        yield* this.#pass(splice?.pass(event.delta) ?? [event.delta])
        stopped = splice?.stopped === true
        if (stopped) break
      } else if (event.type === 'end') {
        yield* this.#pass(splice?.finish(event) ?? [])
        yield* this.#pass(this.#kept.splice(0), true)
        yield { ...(splice?.end(event) ?? event), ...this.#earlier() }
      } else yield event
    }
    if (!stopped) return
    await this.#receipts.settled()
    yield this.#end('stop')
  }

  /**
   * Takes a failure after the first delta. Returns the end of the answer where it is over all the same; otherwise
   * another contributor is to be asked {@link request}. Throws the failure where no other can go on.
   */
  brokeOff(err: LobstahError): AnswerEvent | undefined {
    this.#kept = []
    this.#asksAgain = false
    if (this.#delivered.empty) {
      // Deltas that show nothing count for nothing.
      this.#delivered = new Delivered()
      return undefined
    }
    const disagrees = err instanceof DisagreementError
    // The final error says why the answer broke off.
    if (!disagrees) this.#failure = err
    if (this.#resume === 'off') throw err
    const exact = disagrees && err.goesOn && this.#next?.exact === false
    const next = continuation(this.#asked, this.#delivered, exact)
    if ('refusal' in next) throw because(err, `${next.refusal}, where no other contributor can go on.`)
    this.#asksAgain = exact && next.exact
    this.#next = next
    return next.over ? this.#end('length') : undefined
  }

  /** Completion tokens that the client was given since this was last asked for. */
  takeProgress(): number {
    const { tokens } = this.#delivered
    const progress = tokens - this.#tokensBefore
    this.#tokensBefore = tokens
    return progress
  }

  /** The failure to tell where nobody is left who could go on. */
  unfinished(): LobstahError | undefined {
    if (this.#failure === undefined) return undefined
    const { kind } = this.#asked
    const how =
      kind === 'chat'
        ? ' To go on later, send what you have as the last message, of the assistant, with continue_final_message: true.'
        : kind === 'completion'
          ? ' To go on later, send the prompt with what you have after it.'
          : ''
    return because(this.#failure, `No other contributor can go on with the answer now.${how}`)
  }

  *#pass(deltas: readonly Delta[], over = false): Generator<AnswerEvent> {
    for (const delta of deltas) {
      if (!over && this.#keeps(delta)) {
        this.#kept.push(delta)
        continue
      }
      this.#delivered.add(delta)
      yield { type: 'delta', delta }
    }
  }

  /** Whether a delta is of what can only be answered anew, and may be: the client is shown nothing before the end. */
  #keeps({ toolCalls = [] }: Delta): boolean {
    if (!this.#held || this.#resume === 'off') return false
    return this.#kept.length > 0 || toolCalls.length > 0 || followsSchema(this.#asked)
  }

  #end(finishReason: 'stop' | 'length'): AnswerEvent {
    const usage = {
      promptTokens: certainPromptTokens(this.#asked),
      completionTokens: this.#delivered.tokens
    }
    const { latest, earlier } = this.#receipts
    return {
      type: 'end',
      finishReason,
      usage,
      ...(latest === undefined ? {} : { receipt: latest }),
      ...(earlier.length === 0 ? {} : { earlier })
    }
  }

  #earlier(): Pick<End, 'earlier'> {
    const { earlier } = this.#receipts
    return earlier.length === 0 ? {} : { earlier }
  }
}

/** Whether an answer is a document that only one contributor can write. */
function followsSchema(request: InferenceRequest): boolean {
  return (
    request.kind === 'chat' &&
    request.response_format !== undefined &&
    request.response_format.type !== 'text'
  )
}

/** The error with more said. */
function because(err: LobstahError, why: string): LobstahError {
  err.message = `${err.message.replace(/\.?$/, '.')} ${why}`
  return err
}
