import { MAX_UNSEEN_CLAIMS_A_DAY, MAX_UNSEEN_TOKENS_A_DAY } from '../../../protocols/index.ts'

const DAY_MS = 86_400_000

interface Accepted {
  /** Milliseconds since 1970. */
  at: number
  tokens: number
}

/**
 * What of each contributor's claims was accepted unseen in the last day: a contributor whose every answer is lost
 * on the way comes to the same as one who never answers.
 */
export class UnseenClaims {
  readonly #accepted = new Map<string, Accepted[]>()

  /** Takes a claim over completion tokens that were not seen; false where it is over what a day allows. */
  take(peer: string, tokens: number, now: number): boolean {
    for (const [other, claims] of this.#accepted) {
      const recent = claims.filter(({ at }) => Math.abs(now - at) < DAY_MS)
      if (recent.length === 0) this.#accepted.delete(other)
      else this.#accepted.set(other, recent)
    }
    const before = this.#accepted.get(peer) ?? []
    const sum = before.reduce((all, claim) => all + claim.tokens, tokens)
    if (before.length >= MAX_UNSEEN_CLAIMS_A_DAY || sum > MAX_UNSEEN_TOKENS_A_DAY) return false
    this.#accepted.set(peer, [...before, { at: now, tokens }])
    return true
  }
}
