import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { DEFAULT_RECEIPTS, MAX_RECEIPTS } from '../constants.ts'
import type { GatewayContext } from '../context.ts'
import { parse } from '../parse.ts'

/** The page of receipts that is asked for. */
export const receiptsQuery = z.object({
  limit: z.coerce.number().int().min(1).max(MAX_RECEIPTS).default(DEFAULT_RECEIPTS),
  before: z.coerce.number().int().min(1).optional(),
  peer: z.string().min(1).max(128).optional()
})

/** `GET /receipts`: what the ledger holds, newest first, a page at a time. */
export function receipts(app: FastifyInstance, { components }: GatewayContext, done: () => void): void {
  app.get('/receipts', async (request) => {
    const options = parse(receiptsQuery, request.query)
    const entries = await components.ledger.list(options)
    return { entries, next: entries.length < options.limit ? null : (entries.at(-1)?.index ?? null) }
  })
  done()
}
