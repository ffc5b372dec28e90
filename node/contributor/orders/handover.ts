import { TIERS } from '../../../protocols/index.ts'
import type { Waiter } from './ticket.ts'

type Running = Pick<Waiter, 'tier' | 'own' | 'startedAt' | 'handover'>

/**
 * The running answers that are to make room, now that no slot is free: one for each interactive request that waits, the
 * least urgent first, and of those the latest, which loses the least. The owner's own work makes room for the owner
 * alone.
 */
export function yielding<T extends Running>(
  running: readonly T[],
  waiting: readonly Pick<Waiter, 'tier' | 'own'>[]
): T[] {
  const urgent = waiting.filter(({ tier }) => tier === 'interactive')
  const others = running.filter(({ tier }) => tier !== 'interactive')
  const asked = others.filter(({ handover }) => handover.signal.aborted)
  const forOwn = urgent.some(({ own }) => own)
  return others
    .filter((one) => !asked.includes(one) && (!one.own || forOwn))
    .toSorted((a, b) => TIERS.indexOf(b.tier) - TIERS.indexOf(a.tier) || b.startedAt - a.startedAt)
    .slice(0, Math.max(0, urgent.length - asked.length))
}
