import { LobstahError, type AnswerEvent, type Delta, type Logprob } from '../../../protocols/index.ts'
import type { Continuation } from './continuation.ts'

type End = Extract<AnswerEvent, { type: 'end' }>

/** A contributor goes on with another word than the one that its predecessor began. */
export class DisagreementError extends LobstahError {
  static override readonly name = 'DisagreementError'
  override readonly name = 'DisagreementError'
  readonly code = 'engine_failed'
  readonly retryable = true
  constructor() {
    super('The contributor that was to go on with the answer gave another answer')
  }
}

/** Joins what a contributor says to what the client has: leaves out what comes again, and adds the counts up. */
export class Splice {
  readonly #continuation: Continuation
  readonly #skipped: ReadonlySet<number>
  readonly #stops: readonly string[]
  readonly #longestStop: number
  /** Content and reasoning that are still to come again. */
  #content: string
  #reasoning: string | null
  /** The end of what the client has, where a stop sequence may have begun in it. */
  #joint: string
  /** What came since, for as long as such a sequence may end in it. */
  #since = ''
  #held: Delta[] = []

  /** `skipped` are the texts whose vectors the client has. */
  constructor(continuation: Continuation, skipped: ReadonlySet<number>) {
    this.#continuation = continuation
    this.#skipped = skipped
    this.#content = continuation.content
    this.#reasoning = continuation.reasoning
    const { request, prefix } = continuation
    this.#stops = request.kind === 'embedding' ? [] : (request.stop ?? [])
    this.#longestStop = Math.max(0, ...this.#stops.map(({ length }) => length))
    this.#joint = this.#longestStop > 1 ? prefix.slice(1 - this.#longestStop) : ''
  }

  /** Whether a stop sequence that begins in what the client has is complete: the answer is over. */
  get stopped(): boolean {
    return this.#stops.some((stop) => {
      const at = (this.#joint + this.#since).indexOf(stop)
      return at >= 0 && at < this.#joint.length
    })
  }

  /** What is new, and may be shown now. Throws DisagreementError. */
  pass(delta: Delta): Delta[] {
    const passed = this.#fresh(delta)
    if (this.#joint === '') return passed === undefined ? [] : [passed]
    this.#since += delta.content ?? ''
    if (passed !== undefined) this.#held.push(passed)
    return this.#since.length < this.#longestStop || this.stopped ? [] : this.rest()
  }

  /** What was held back because a stop sequence could have ended in it. */
  rest(): Delta[] {
    const held = this.stopped ? [] : this.#held
    this.#joint = ''
    this.#held = []
    return held
  }

  /** The end of the answer as a whole. Throws DisagreementError where it comes before what the client has. */
  end(end: End): End {
    const { tokens, exact } = this.#continuation
    // A stop sequence may end in what comes again: the client has its beginning.
    const stopped = this.#stops.length > 0 && end.finishReason === 'stop'
    if (this.#content.trim() !== '' && !exact && !stopped) throw new DisagreementError()
    const { promptTokens, completionTokens } = end.usage
    return {
      ...end,
      usage: {
        ...end.usage,
        promptTokens: Math.max(0, promptTokens - tokens),
        completionTokens: completionTokens + tokens
      }
    }
  }

  #fresh({ content, reasoning, logprobs, embeddings, ...rest }: Delta): Delta | undefined {
    const fresh: Delta = { ...rest }
    const known = content === undefined ? 0 : this.#known(content)
    if (content !== undefined && known < content.length) fresh.content = content.slice(known)
    if (logprobs !== undefined) fresh.logprobs = after(logprobs, known)
    const thought = reasoning === undefined ? '' : this.#think(reasoning)
    if (thought !== '') fresh.reasoning = thought
    const vectors = embeddings?.filter(({ index }) => !this.#skipped.has(index)) ?? []
    if (vectors.length > 0) fresh.embeddings = vectors
    const shows = fresh.content ?? fresh.reasoning ?? fresh.toolCalls ?? fresh.embeddings
    return shows === undefined ? undefined : fresh
  }

  /** How many characters of some content the client has. */
  #known(content: string): number {
    const expected = this.#content
    const length = Math.min(expected.length, content.length)
    if (content.slice(0, length) === expected.slice(0, length)) {
      this.#content = expected.slice(length)
      return length
    }
    if (!this.#continuation.exact) throw new DisagreementError()
    // The spaces at the end need not come again.
    this.#content = ''
    return 0
  }

  /** What of some reasoning is new; of reasoning that takes another way than before nothing is shown. */
  #think(reasoning: string): string {
    if (this.#reasoning === null) return ''
    const length = Math.min(this.#reasoning.length, reasoning.length)
    if (reasoning.slice(0, length) !== this.#reasoning.slice(0, length)) {
      this.#reasoning = null
      return ''
    }
    this.#reasoning = this.#reasoning.slice(length)
    return reasoning.slice(length)
  }
}

/** The log probabilities of the tokens after so many characters. */
function after(logprobs: Logprob[], characters: number): Logprob[] {
  let [index, length] = [0, 0]
  while (length < characters && index < logprobs.length) length += logprobs[index++]?.token.length ?? 0
  return logprobs.slice(index)
}
