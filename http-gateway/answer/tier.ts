import type { FastifyRequest } from 'fastify'
import { BadRequestError } from '../../protocols/errors.ts'
import { TIERS, lessUrgent, tier, type Tier } from '../../protocols/inference/index.ts'

/** OpenAI's service tiers that are not urgent: `flex` is slower and may find no capacity. */
const SERVICE_TIERS: Readonly<Record<string, Tier>> = { flex: 'batch' }

/**
 * How soon a request wants to be answered: by its header `x-lobstah-tier`, else by OpenAI's `service_tier`, else by its
 * API key. No request is more urgent than its key. Throws BadRequestError.
 */
export function tierOf(request: FastifyRequest): Tier | undefined {
  const wanted = fromHeader(request.headers['x-lobstah-tier']) ?? fromBody(request.body)
  const most = request.caller?.tier
  return most === undefined || wanted === undefined ? (wanted ?? most) : lessUrgent(wanted, most)
}

function fromHeader(header: string | string[] | undefined): Tier | undefined {
  if (header === undefined) return undefined
  const parsed = tier.safeParse(typeof header === 'string' ? header.trim().toLowerCase() : header)
  if (parsed.success) return parsed.data
  throw new BadRequestError(`The header x-lobstah-tier must be one of ${TIERS.join(', ')}`, {
    param: 'x-lobstah-tier'
  })
}

function fromBody(body: unknown): Tier | undefined {
  if (typeof body !== 'object' || body === null || !('service_tier' in body)) return undefined
  const { service_tier: name } = body
  return typeof name === 'string' && Object.hasOwn(SERVICE_TIERS, name) ? SERVICE_TIERS[name] : undefined
}
