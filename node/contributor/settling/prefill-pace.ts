/** Prompt tokens a second of a model whose pace was never seen: a slow machine's. */
const UNKNOWN_TOKENS_PER_SECOND = 500

/** Prompts that are shorter say nothing about the pace: what comes beside the reading outweighs it. */
const MIN_TOKENS = 64

/** How much one prompt changes what is known. */
const WEIGHT = 0.2

/**
 * How fast each model of this node reads prompts, as its answers showed it. Tells how much of a prompt was read when
 * its consumer cancels before the first token; engines do not.
 */
export class PrefillPace {
  /** Tokens a second, by model. */
  readonly #paces = new Map<string, number>()

  /** Takes a prompt that was read whole: the tokens that no cache held, and the time to the first token in milliseconds. */
  observe(model: string, tokens: number, ms: number): void {
    if (tokens < MIN_TOKENS || ms <= 0) return
    const seen = (tokens / ms) * 1000
    const before = this.#paces.get(model) ?? seen
    this.#paces.set(model, before + (seen - before) * WEIGHT)
  }

  /** Prompt tokens that are read in so many milliseconds. */
  tokensIn(model: string, ms: number): number {
    return Math.floor(((this.#paces.get(model) ?? UNKNOWN_TOKENS_PER_SECOND) * ms) / 1000)
  }
}
