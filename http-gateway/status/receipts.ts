import { z } from 'zod'
import { DEFAULT_RECEIPTS, MAX_RECEIPTS } from '../constants.ts'
import { receiptsAnswer } from '../openapi/answers.ts'
import { route } from '../route.ts'

/** The page of receipts that is asked for. */
const receiptsQuery = z.object({
  limit: z.coerce.number().int().min(1).max(MAX_RECEIPTS).default(DEFAULT_RECEIPTS),
  before: z.coerce.number().int().min(1).optional(),
  peer: z.string().min(1).max(128).optional()
})

/** `GET /receipts`: what the ledger holds, newest first, a page at a time. */
export const receipts = route({
  method: 'GET',
  path: '/receipts',
  summary: 'Ledger entries, newest first',
  owner: true,
  query: receiptsQuery,
  answer: receiptsAnswer,
  async handle({ components }, { query }) {
    const entries = await components.ledger.list(query)
    return { entries, next: entries.length < query.limit ? null : (entries.at(-1)?.index ?? null) }
  }
})
