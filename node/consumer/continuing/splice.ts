import type { AnswerEvent, Delta, Logprob } from '../../../protocols/index.ts'
import type { Continuation } from './continuation.ts'
import { DisagreementError, Joint } from './joint.ts'
import { RepeatedCalls } from './repeated-calls.ts'

type End = Extract<AnswerEvent, { type: 'end' }>

/** Joins what a contributor says to what the client has: leaves out what comes again, and adds the counts up. */
export class Splice {
  readonly #continuation: Continuation
  readonly #skipped: ReadonlySet<number>
  readonly #calls: RepeatedCalls
  readonly #stops: readonly string[]
  readonly #longestStop: number
  /** Finds where the texts join; undefined once that is known. */
  #joint: Joint | undefined
  /** Earlier text, as far as it is known. */
  #undecided: Delta[] = []
  /** Characters that are still to be left out. */
  #again = 0
  /** Reasoning that is still to come again; null where none is shown any more. */
  #reasoning: string | null
  /** The end of what the client has, where a stop sequence may have begun in it. */
  #before: string
  /** Newer text, for as long as such a sequence may end in it. */
  #since = ''
  #held: Delta[] = []

  /** `skipped` are the texts whose vectors the client has. */
  constructor(continuation: Continuation, skipped: ReadonlySet<number>) {
    const { request, own, prefix, content, exact } = continuation
    this.#continuation = continuation
    this.#skipped = skipped
    this.#calls = new RepeatedCalls(continuation.calls)
    this.#reasoning = continuation.reasoning
    if (prefix !== '' || content !== '') this.#joint = new Joint({ own, prefix, tail: content, exact })
    this.#stops = request.kind === 'embedding' ? [] : (request.stop ?? [])
    this.#longestStop = Math.max(0, ...this.#stops.map(({ length }) => length))
    this.#before = this.#longestStop > 1 ? (prefix + content).slice(1 - this.#longestStop) : ''
  }

  /** Whether a stop sequence that begins in what the client has is complete: the answer is over. */
  get stopped(): boolean {
    const text = this.#before + this.#since
    return this.#stops.some((stop) => {
      const at = text.indexOf(stop, Math.max(0, this.#before.length - stop.length + 1))
      return at >= 0 && at < this.#before.length
    })
  }

  /** New text that may be shown now. Throws DisagreementError. */
  pass(delta: Delta): Delta[] {
    if (this.#joint === undefined) return this.#show(delta)
    this.#undecided.push(delta)
    const calls = delta.toolCalls?.some(({ index }) => !this.#continuation.calls.has(index)) === true
    // A call that is new ends the text before it.
    const again = calls ? this.#joint.end() : this.#joint.add(delta.content ?? '')
    return again === undefined ? [] : this.#decided(again)
  }

  /** Text that was held back, at the end of the answer. Throws DisagreementError where it ends before what the client has. */
  finish(end: End): Delta[] {
    let shown: Delta[] = []
    if (this.#joint !== undefined) {
      if (!(end.finishReason === 'stop' && this.#stopBegun())) shown = this.#decided(this.#joint.end())
    }
    if (!this.#calls.complete) throw new DisagreementError(false)
    return [...shown, ...this.#rest()]
  }

  /** The end of the answer as a whole. */
  end(end: End): End {
    const { tokens } = this.#continuation
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

  /** Whether the client has the beginning of a stop sequence, which may end in what comes again. */
  #stopBegun(): boolean {
    const { prefix, content } = this.#continuation
    const text = prefix + content
    return this.#stops.some((stop) =>
      Array.from({ length: stop.length - 1 }, (_, i) => stop.slice(0, i + 1)).some((begun) =>
        text.endsWith(begun)
      )
    )
  }

  #decided(again: number): Delta[] {
    this.#joint = undefined
    this.#again = again
    return this.#undecided.splice(0).flatMap((delta) => this.#show(delta))
  }

  #show(delta: Delta): Delta[] {
    const fresh = this.#fresh(delta)
    if (this.#before === '') return fresh === undefined ? [] : [fresh]
    this.#since += fresh?.content ?? ''
    if (fresh !== undefined) this.#held.push(fresh)
    return this.#since.length < this.#longestStop || this.stopped ? [] : this.#rest()
  }

  /** Text that was held back because a stop sequence could have ended in it. */
  #rest(): Delta[] {
    const held = this.stopped ? [] : this.#held
    this.#before = ''
    this.#held = []
    return held
  }

  #fresh({ content, reasoning, logprobs, embeddings, toolCalls, ...rest }: Delta): Delta | undefined {
    const fresh: Delta = { ...rest }
    const known = Math.min(this.#again, content?.length ?? 0)
    this.#again -= known
    if (content !== undefined && known < content.length) fresh.content = content.slice(known)
    if (logprobs !== undefined) fresh.logprobs = after(logprobs, known)
    const thought = reasoning === undefined ? '' : this.#think(reasoning)
    if (thought !== '') fresh.reasoning = thought
    const calls = this.#calls.pass(toolCalls ?? [])
    if (calls.length > 0) fresh.toolCalls = calls
    const vectors = embeddings?.filter(({ index }) => !this.#skipped.has(index)) ?? []
    if (vectors.length > 0) fresh.embeddings = vectors
    const shows = fresh.content ?? fresh.reasoning ?? fresh.toolCalls ?? fresh.embeddings
    return shows === undefined ? undefined : fresh
  }

  /** The new part of some reasoning; none if it diverges from the earlier reasoning. */
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
