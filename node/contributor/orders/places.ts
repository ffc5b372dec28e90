import { TIERS, type Tier } from '../../../protocols/index.ts'
import type { Share } from './fair-queue.ts'

/** One that has a place in the queue, or wants one. */
export interface Claim {
  share: Share
  tier: Tier
  /** When it came, in milliseconds of the monotonic clock. */
  since: number
}

/**
 * Who loses a place in a full queue to a newcomer: of the least urgent tier that is less urgent than the newcomer's, or
 * of its own tier, the latest of whoever holds most places for their weight, where that is more than the newcomer would
 * hold. Undefined where nobody does.
 */
export function displaced<T extends Claim>(holders: readonly T[], newcomer: Claim): T | undefined {
  const worst = Math.max(...holders.map(({ tier }) => TIERS.indexOf(tier)))
  const own = TIERS.indexOf(newcomer.tier)
  if (worst < own) return undefined
  const rivals = holders.filter(({ tier }) => TIERS.indexOf(tier) === worst)
  const heaviness = heavinessOf([...rivals, newcomer])
  const heaviest = rivals.reduce((a, b) => (heaviness(b) > heaviness(a) ? b : a))
  if (worst === own && heaviness(heaviest) <= heaviness(newcomer)) return undefined
  return rivals
    .filter(({ share }) => share.id === heaviest.share.id)
    .reduce((a, b) => (b.since >= a.since ? b : a))
}

/** How many places the owner of a claim holds among these for its weight. */
function heavinessOf(claims: readonly Claim[]): (claim: Claim) => number {
  const places = new Map<string, number>()
  const groups = new Map<string, Set<string>>()
  for (const { share } of claims) {
    places.set(share.id, (places.get(share.id) ?? 0) + 1)
    if (share.group === undefined) continue
    groups.set(share.group, (groups.get(share.group) ?? new Set()).add(share.id))
  }
  return ({ share: { id, weight, group } }) => {
    const sharing = group === undefined ? 1 : (groups.get(group)?.size ?? 1)
    return ((places.get(id) ?? 0) * sharing) / weight
  }
}
