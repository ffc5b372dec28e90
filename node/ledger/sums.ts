import type { PeerBalance } from './index.ts'
import type { Settled } from './settlement.ts'

/** A peer's balance as the entries add up to it, exact at any size. */
type Sum = Record<'earned' | 'spent' | 'claimed', bigint>

/** A row of the table of claims. */
export interface OpenClaimRow {
  order: string
  peer: string
  seq: number
  credits: number
}

/** Sums over the entries: the balances and the open claims. */
export class Sums {
  readonly #sums = new Map<string, Sum>()
  readonly #claims = new Map<string, OpenClaimRow>()

  /** Begins with what archived entries came to. */
  begin(peer: string, earned: bigint, spent: bigint): void {
    this.#sums.set(peer, { earned, spent, claimed: 0n })
  }

  /** Adds what an entry of an order changes. */
  add(order: string, { peer, earned, spent, claimed, standing }: Settled): void {
    const sum = this.#sums.get(peer) ?? { earned: 0n, spent: 0n, claimed: 0n }
    sum.earned += BigInt(earned)
    sum.spent += BigInt(spent)
    sum.claimed += BigInt(claimed)
    this.#sums.set(peer, sum)
    if (standing === undefined) return
    const { open, seq, credits } = standing
    if (open) this.#claims.set(order, { order, peer, seq, credits })
    else this.#claims.delete(order)
  }

  /** Which of the tables' rows is not what the entries add up to, or undefined. To be asked once. */
  differing(balances: PeerBalance[], claims: Iterable<OpenClaimRow>): string | undefined {
    return this.#differingBalance(balances) ?? this.#differingClaim(claims)
  }

  #differingBalance(balances: PeerBalance[]): string | undefined {
    for (const { peer, earned, spent, claimed } of balances) {
      const sum = this.#sums.get(peer)
      this.#sums.delete(peer)
      const same =
        sum !== undefined &&
        Number(sum.earned) === earned &&
        Number(sum.spent) === spent &&
        Number(sum.claimed) === claimed
      if (!same) return `the balance with ${peer} is not what the entries add up to`
    }
    const [missing] = this.#sums.keys()
    return missing === undefined ? undefined : `the balance with ${missing} is missing`
  }

  #differingClaim(claims: Iterable<OpenClaimRow>): string | undefined {
    for (const { order, peer, seq, credits } of claims) {
      const claim = this.#claims.get(order)
      this.#claims.delete(order)
      if (claim?.peer === peer && claim.seq === seq && claim.credits === credits) continue
      return `the claim for order ${order} is not what the entries come to`
    }
    const [missing] = this.#claims.keys()
    return missing === undefined ? undefined : `the claim for order ${missing} is missing`
  }
}
