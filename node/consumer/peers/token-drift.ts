import { canonicalModelName } from '../../../protocols/index.ts'

/** Answers of a contributor and model that are remembered, and how many of them it takes to judge. */
const REMEMBERED_ANSWERS = 51
const ENOUGH_ANSWERS = 5

/** Other contributors that the model's usual figure is taken from, at least. */
const ENOUGH_PEERS = 2

/** Shortest answer that says anything about the model's tokens, in bytes of text. */
const MIN_BYTES = 32

/** By how much a contributor's figure may be above or below the others': tokenizers of one model agree closely. */
const TOLERANCE = 1.25

/** A contributor that counts tokens of a model otherwise than those who serve the same model. */
export interface TokenDrift {
  model: string
  /** Median of this contributor's answers. */
  tokensPerByte: number
  /** Median of the other contributors' medians. */
  othersTokensPerByte: number
}

/** Watches how many tokens each contributor bills for a byte of text, model by model. */
export class TokenCounts {
  /** Figures of the latest answers, by model and contributor. */
  readonly #figures = new Map<string, Map<string, number[]>>()

  /** Takes an answer's count; short ones say nothing. */
  add(peer: string, model: string, answer: { tokens: number; bytes: number }): void {
    if (answer.bytes < MIN_BYTES) return
    const key = canonicalModelName(model)
    const peers = this.#figures.get(key) ?? new Map<string, number[]>()
    this.#figures.set(key, peers)
    peers.set(peer, [...(peers.get(peer) ?? []), answer.tokens / answer.bytes].slice(-REMEMBERED_ANSWERS))
  }

  /** The models of which a contributor's figure is not that of the others. */
  drifts(peer: string): TokenDrift[] {
    return [...this.#figures].flatMap(([model, peers]) => {
      const known = [...peers].filter(([, figures]) => figures.length >= ENOUGH_ANSWERS)
      const own = known.find(([other]) => other === peer)
      const others = known.filter(([other]) => other !== peer).map(([, figures]) => median(figures))
      if (own === undefined || others.length < ENOUGH_PEERS) return []
      const [tokensPerByte, othersTokensPerByte] = [median(own[1]), median(others)]
      const ratio = tokensPerByte / othersTokensPerByte
      if (!(ratio > TOLERANCE || ratio < 1 / TOLERANCE)) return []
      return [{ model, tokensPerByte, othersTokensPerByte }]
    })
  }
}

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const upper = sorted[middle] ?? 0
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? upper)) / 2
}
