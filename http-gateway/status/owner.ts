import { z } from 'zod'
import { EARNINGS_GROUPS } from '../limits-desk.ts'
import { earningsAnswer, limitsAnswer, servingAnswer } from '../openapi/owner-answers.ts'
import { route } from '../route.ts'

/** Longest pause with an end, in milliseconds: a year. */
const MAX_PAUSE_MS = 366 * 86_400_000

const pauseBody = z
  .object({
    for: z
      .int({ error: 'must be a whole number of milliseconds' })
      .min(1, { error: 'must be at least 1' })
      .max(MAX_PAUSE_MS, { error: `must be at most ${MAX_PAUSE_MS}` })
      .optional(),
    until: z
      .union([z.literal('tomorrow'), z.int().min(0)], {
        error: 'must be "tomorrow" or a time in milliseconds since 1970'
      })
      .optional()
  })
  .refine((body) => body.for === undefined || body.until === undefined, {
    path: ['until'],
    error: 'must be left out where for is given'
  })
  .nullish()

const earningsQuery = z.object({
  since: z.coerce.number({ error: 'must be a time in milliseconds since 1970' }).int().min(0).optional(),
  by: z.enum(EARNINGS_GROUPS, { error: `must be ${EARNINGS_GROUPS.join(', ')}` }).optional()
})

/** `GET /lobstah/serving`. */
export const serving = route({
  method: 'GET',
  path: '/lobstah/serving',
  summary: 'Whether peers are served now, and why not',
  answer: servingAnswer,
  handle: ({ components }) => components.owner.serving()
})

/** `GET /lobstah/limits`. */
export const limits = route({
  method: 'GET',
  path: '/lobstah/limits',
  summary: "The limits that this machine's owner sets to peers",
  answer: limitsAnswer,
  owner: true,
  handle: ({ components }) => components.owner.limits()
})

/** `PATCH /lobstah/limits`: all of the fields are changed, or none. */
export const changeLimits = route({
  method: 'PATCH',
  path: '/lobstah/limits',
  summary: 'Changes limits at once, and keeps them in config.json; null resets a limit',
  body: z.record(z.string(), z.unknown()),
  answer: limitsAnswer,
  owner: true,
  handle: ({ components }, { body }) => components.owner.change(body)
})

/** `POST /lobstah/pause`. */
export const pause = route({
  method: 'POST',
  path: '/lobstah/pause',
  summary: 'Takes no more orders of peers, for a time or until resumed; running answers go on',
  body: pauseBody,
  answer: servingAnswer,
  owner: true,
  handle: ({ components }, { body }) => {
    if (body?.for !== undefined) return components.owner.pause({ for: body.for })
    return components.owner.pause(body?.until === undefined ? {} : { until: body.until })
  }
})

/** `POST /lobstah/resume`. */
export const resume = route({
  method: 'POST',
  path: '/lobstah/resume',
  summary: 'Ends a pause',
  answer: servingAnswer,
  owner: true,
  handle: ({ components }) => components.owner.resume()
})

/** `GET /lobstah/earnings`. */
export const earnings = route({
  method: 'GET',
  path: '/lobstah/earnings',
  summary: "Earnings from peers' orders today, this week and this month, and by model, peer or day",
  query: earningsQuery,
  answer: earningsAnswer,
  handle: ({ components }, { query: { since, by } }) =>
    components.owner.earnings({
      ...(since === undefined ? {} : { since }),
      ...(by === undefined ? {} : { by })
    })
})
