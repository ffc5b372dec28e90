import QuickLRU from 'quick-lru'
import { canonicalModelName, type OfferedModel } from '../../../protocols/index.ts'

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

/** Models, and peers of each, whose figures are remembered; those heard of longest ago are forgotten first. */
const MAX_MODELS = 128
const MAX_PEERS = 64

/** Difference of two figures that the texts themselves may make. */
const NOISE = 1.1

/** How far a contributor's figure counts in the choice of one: what it bills is bounded anyway. */
const MAX_BILLING = 2

/** The billed tokens of an answer's text. */
export interface BilledText {
  tokens: number
  bytes: number
  /** The model's digest; null where its contributor tells none. @default null */
  digest?: string | null
}

interface Figures {
  /** The model's name. */
  model: string
  /** Tokens a byte of the latest answers, by contributor. */
  peers: QuickLRU<string, number[]>
}

/** Watches how many tokens each contributor bills for a byte of text, weights by weights. */
export class TokenCounts {
  readonly #figures = new QuickLRU<string, Figures>({ maxSize: MAX_MODELS })

  /** Takes an answer's count; short ones say nothing. */
  add(peer: string, model: string, { tokens, bytes, digest = null }: BilledText): void {
    if (bytes < MIN_BYTES) return
    const key = keyOf(model, digest)
    const figures = this.#figures.get(key) ?? {
      model: canonicalModelName(model),
      peers: new QuickLRU<string, number[]>({ maxSize: MAX_PEERS })
    }
    this.#figures.set(key, figures)
    figures.peers.set(peer, [...(figures.peers.get(peer) ?? []), tokens / bytes].slice(-REMEMBERED_ANSWERS))
  }

  /** The models of which a contributor's figure is not that of the others. */
  drifts(peer: string): TokenDrift[] {
    return [...this.#figures].flatMap(([, figures]) => {
      const drift = driftOf(peer, figures)
      if (drift === undefined) return []
      const ratio = drift.tokensPerByte / drift.othersTokensPerByte
      return ratio > TOLERANCE || ratio < 1 / TOLERANCE ? [drift] : []
    })
  }

  /** Tokens that a contributor bills for a text, as a multiple of what others bill for the same weights; 1 until known. */
  billing(peer: string, { id, digest }: Pick<OfferedModel, 'id' | 'digest'>): number {
    const figures = this.#figures.get(keyOf(id, digest))
    const drift = figures && driftOf(peer, figures)
    if (drift === undefined || drift.othersTokensPerByte === 0) return 1
    const ratio = drift.tokensPerByte / drift.othersTokensPerByte
    if (ratio < NOISE && ratio > 1 / NOISE) return 1
    return Math.min(MAX_BILLING, Math.max(1 / MAX_BILLING, ratio))
  }
}

/** The same weights have the same vocabulary; without a digest the name has to do. */
function keyOf(model: string, digest: string | null): string {
  return digest ?? canonicalModelName(model)
}

/** A contributor's figure and that of the others; undefined where too few are known. */
function driftOf(peer: string, { model, peers }: Figures): TokenDrift | undefined {
  const known = [...peers].filter(([, figures]) => figures.length >= ENOUGH_ANSWERS)
  const own = known.find(([other]) => other === peer)
  const others = known.filter(([other]) => other !== peer).map(([, figures]) => median(figures))
  if (own === undefined || others.length < ENOUGH_PEERS) return undefined
  return { model, tokensPerByte: median(own[1]), othersTokensPerByte: median(others) }
}

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const upper = sorted[middle] ?? 0
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? upper)) / 2
}
