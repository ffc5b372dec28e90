import { textBytes, type AnswerEvent, type Delta } from '../../../protocols/index.ts'
import type { Observed } from './pace.ts'

/** An answer that its reader held up for longer than this part of the time tells nothing about its writer's speed. */
const MAX_HELD_UP = 0.1

/** Times one answer as it comes, on the monotonic clock. */
export class Stopwatch {
  readonly #asked: number
  #firstToken: number | undefined
  #ended: number | undefined
  /** Milliseconds in which the reader asked for nothing, since the first token. */
  #heldUp = 0
  #gaveAt = 0
  #waited: boolean

  /** Starts at `now`; `waits` where the model has to be loaded first. */
  constructor(now: number, waits: boolean) {
    this.#asked = now
    this.#waited = waits
  }

  /** Takes an event that has come at `now`. */
  took(event: AnswerEvent, now: number): void {
    this.#gaveAt = now
    if (event.type === 'accepted') this.#waited ||= (event.position ?? 0) > 0
    if (event.type === 'status') this.#waited ||= event.phase === 'queued'
    if (event.type === 'delta' && carriesSomething(event.delta)) this.#firstToken ??= now
    if (event.type === 'end') this.#ended = now
  }

  /** The reader wants more, at `now`. */
  resumed(now: number): void {
    if (this.#firstToken !== undefined) this.#heldUp += now - this.#gaveAt
  }

  /** Milliseconds to the first token; undefined before it. */
  get firstTokenMs(): number | undefined {
    return this.#firstToken === undefined ? undefined : this.#firstToken - this.#asked
  }

  /** Whether the request may have waited for a slot or for the model. */
  get waited(): boolean {
    return this.#waited
  }

  /** The measurement of an answer that read and wrote so many tokens; undefined if no token came. */
  observed(promptTokens: number, completionTokens: number): Observed | undefined {
    const firstTokenMs = this.firstTokenMs
    if (firstTokenMs === undefined || this.#firstToken === undefined || this.#ended === undefined)
      return undefined
    const ms = this.#ended - this.#firstToken
    const told = { promptTokens, firstTokenMs, waited: this.#waited }
    return this.#heldUp > ms * MAX_HELD_UP ? told : { ...told, written: { ms, tokens: completionTokens - 1 } }
  }
}

/** Whether a client is shown anything of a delta: before that, another may be asked. */
export function carriesSomething(delta: Delta): boolean {
  return textBytes(delta) > 0 || delta.embeddings !== undefined
}
