/** Prompt tokens that Ollama reads in one piece, which it finishes although its client has left. */
const BATCH_TOKENS = 512

/** How long a piece is taken to last where no speed was measured yet, and at most, in milliseconds. */
const UNKNOWN_MS = 5000
const MAX_MS = 15_000

/**
 * Tracks the requests that Ollama still works on after they were abandoned. Ollama does not say: `/api/ps` calls a model idle as soon as the
 * client is gone. But it stops only between two pieces of a prompt, and how long a piece takes its answers show.
 */
export class Lingering {
  readonly #clock: () => number
  /** Prompt tokens read in a millisecond, by model. */
  readonly #speeds = new Map<string, number>()
  #left: { since: number; until: number }[] = []

  /** `clock`: milliseconds, of a clock that only goes forward. */
  constructor(clock: () => number = () => performance.now()) {
    this.#clock = clock
  }

  /** How many requests that were left Ollama is taken to work on. */
  get count(): number {
    const now = this.#clock()
    this.#left = this.#left.filter(({ until }) => until > now)
    return this.#left.length
  }

  /** Learns how fast a model reads from an answer's counts; a prompt that was mostly cached shows nothing. */
  measured(model: string, tokens: number, durationMs: number): void {
    if (tokens >= BATCH_TOKENS / 4 && durationMs > 0) this.#speeds.set(model, tokens / durationMs)
  }

  /** A request was left before its first token. */
  leftInPrompt(model: string, promptTokens: number): void {
    const now = this.#clock()
    const speed = this.#speeds.get(model)
    const tokens = Math.min(promptTokens, BATCH_TOKENS)
    const unknown = (UNKNOWN_MS * tokens) / BATCH_TOKENS
    this.#left.push({
      since: now,
      until: now + Math.min(speed === undefined ? unknown : tokens / speed, MAX_MS)
    })
  }

  /** A request that began then has its first token: Ollama, which answers in order, is done with what came before. */
  answered(since: number): void {
    this.#left = this.#left.filter((left) => left.since > since)
  }

  /** Now, by the clock that {@link answered} is told times of. */
  now(): number {
    return this.#clock()
  }
}
