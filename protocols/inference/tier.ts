import { z } from 'zod'

/** How soon a request wants to be answered, the most urgent first: `protocols/chat/README.md#tiers`. */
export const TIERS = ['interactive', 'batch', 'best-effort'] as const

export const tier = z.enum(TIERS)
export type Tier = z.infer<typeof tier>

/** The less urgent of two tiers. */
export function lessUrgent(a: Tier, b: Tier): Tier {
  return TIERS.indexOf(a) > TIERS.indexOf(b) ? a : b
}
