/** How fast a peer answers a model, as far as it is known. */
export interface Pace {
  /** Milliseconds to the first token of a prompt that is held already. */
  startMs: number
  /** Milliseconds to read a prompt token. */
  readMs: number
  /** Milliseconds to write a token of the answer. */
  writeMs: number
  /** How many recent answers this rests on; each counts less with every later one, and with time. */
  evidence: number
}

/** What a pace is taken for before it is measured: a graphics card in somebody's desk. */
export const USUAL_PACE: Pace = { startMs: 300, readMs: 1, writeMs: 25, evidence: 0 }

/** What one more answer leaves of the weight of those before: the latest ten or so decide. */
const KEPT_PER_ANSWER = 0.9

/** Time after which an answer counts half, in milliseconds: machines get other work. */
const HALF_LIFE_MS = 20 * 60_000

/** Weight of what is usual, in answers: the first real answer outweighs it. */
const PRIOR_WEIGHT = 0.3

/** The prompt for which the usual time to the first token is taken, in tokens, to tell reading from starting. */
const PRIOR_PROMPT_TOKENS = 1000

/** Shorter answers tell nothing about the speed of writing, in tokens. */
const MIN_WRITTEN_TOKENS = 8

/** What one answer showed. */
export interface Observed {
  /** Prompt tokens that had to be read. */
  promptTokens: number
  /** From the order to the first token, in milliseconds. */
  firstTokenMs: number
  /** The request may have waited for a slot or for the model: its first token tells only what is possible. */
  waited: boolean
  /** Milliseconds from the first token to the end, and tokens written; absent where they tell nothing. */
  written?: { ms: number; tokens: number }
}

/** Learns the pace of one model at one peer from its answers: a decaying least-squares line through first-token times. */
export class PaceMeter {
  #weight = 0
  #x = 0
  #y = 0
  #xx = 0
  #xy = 0
  #writeWeight = 0
  #writeSum = 0
  #at = 0

  /** The pace at `now`, in milliseconds since 1970; `usual` stands in for what was not seen. */
  at(now: number, usual: Pace = USUAL_PACE): Pace {
    const kept = this.#kept(now)
    const far = usual.startMs + PRIOR_PROMPT_TOKENS * usual.readMs
    const weight = this.#weight * kept + 2 * PRIOR_WEIGHT
    const x = this.#x * kept + PRIOR_WEIGHT * PRIOR_PROMPT_TOKENS
    const y = this.#y * kept + PRIOR_WEIGHT * (usual.startMs + far)
    const xx = this.#xx * kept + PRIOR_WEIGHT * PRIOR_PROMPT_TOKENS ** 2
    const xy = this.#xy * kept + PRIOR_WEIGHT * PRIOR_PROMPT_TOKENS * far
    const readMs = Math.max(0, (weight * xy - x * y) / (weight * xx - x * x))
    return {
      startMs: Math.max(0, (y - readMs * x) / weight),
      readMs,
      writeMs:
        (this.#writeSum * kept + PRIOR_WEIGHT * usual.writeMs) / (this.#writeWeight * kept + PRIOR_WEIGHT),
      evidence: this.#weight * kept
    }
  }

  /** Takes what an answer showed at `now`. */
  observe({ promptTokens, firstTokenMs, waited, written }: Observed, now: number, usual?: Pace): void {
    const { startMs, readMs, evidence } = this.at(now, usual)
    const expected = startMs + readMs * promptTokens
    const kept = this.#kept(now) * KEPT_PER_ANSWER
    this.#at = now
    this.#weight *= kept
    this.#x *= kept
    this.#y *= kept
    this.#xx *= kept
    this.#xy *= kept
    this.#writeWeight *= kept
    this.#writeSum *= kept
    if (!waited || firstTokenMs < expected || evidence === 0) {
      this.#weight += 1
      this.#x += promptTokens
      this.#y += firstTokenMs
      this.#xx += promptTokens ** 2
      this.#xy += promptTokens * firstTokenMs
    }
    if (written !== undefined && written.tokens >= MIN_WRITTEN_TOKENS) {
      this.#writeWeight += 1
      this.#writeSum += written.ms / written.tokens
    }
  }

  /** What is left of the weight of the answers by the time that has passed. */
  #kept(now: number): number {
    return 0.5 ** (Math.abs(now - this.#at) / HALF_LIFE_MS)
  }
}
