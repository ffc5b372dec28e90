import type { LobstahError } from '../../../protocols/index.ts'
import { isTrusted } from './evidence.ts'
import type { Candidate } from './judged.ts'

/** Strangers that must agree. */
const ENOUGH = 4

/**
 * Peers' opinions that the request itself is at fault, so that no other peer need be asked. One stranger's word is not enough: it could
 * end every request so. This node's own engine is believed, and so are peers that have answered before.
 */
export class Opinions {
  readonly #said: { peer: string; err: LobstahError }[] = []

  /** Takes a peer's refusal of the request itself. Throws it where it is believed. */
  add(
    candidate: Pick<Candidate, 'provider' | 'standing' | 'relation' | 'firstTokenMs'>,
    err: LobstahError
  ): void {
    const { provider, standing } = candidate
    this.#said.push({ peer: provider.peer, err })
    const believed = standing === 'proven' || isTrusted(candidate)
    if (believed || this.#said.length >= ENOUGH) throw err
  }

  /** The peers that were wrong when another has answered the request. */
  get overruled(): string[] {
    return this.#said.map(({ peer }) => peer)
  }

  /** The error for the user when nobody else can be asked. */
  get shared(): LobstahError | undefined {
    return this.#said[0]?.err
  }
}
