import { z } from 'zod'
import { EARNINGS_GROUPS } from '../limits-desk.ts'

// As in `answers.ts`, for the OpenAPI document only.

const time = z.int().describe('milliseconds since 1970')

export const servingAnswer = z.object({
  contributing: z.boolean(),
  open: z.boolean().describe('whether peers are served now'),
  reason: z
    .string()
    .nullable()
    .describe('paused, hours, tokens_per_day, tokens_per_month, on_battery, in_use or gpu_in_use'),
  message: z.string().nullable(),
  until: time.nullable().describe('when peers are served again, if that is known'),
  paused: z.object({ until: time.nullable() }).nullable(),
  tokens: z
    .object({
      day: z.int(),
      month: z.int(),
      perDay: z.int().nullable(),
      perMonth: z.int().nullable()
    })
    .describe('tokens of prompts and answers that peers got'),
  slots: z.int(),
  active: z.int(),
  queued: z.int(),
  signals: z.array(
    z.object({
      signal: z.enum(['power', 'input', 'gpu']),
      known: z.boolean(),
      value: z.union([z.string(), z.number()]).nullable(),
      detail: z.string()
    })
  )
})

export const limitsAnswer = z.object({
  limits: z.looseObject({}),
  pinned: z.array(z.string()).describe('fields that a flag or variable sets'),
  serving: servingAnswer
})

const earned = {
  orders: z.int(),
  promptTokens: z.int(),
  completionTokens: z.int(),
  earned: z.int().describe('micro-credits, acknowledged'),
  claimed: z.int().describe('micro-credits, not acknowledged yet'),
  seconds: z.number().describe('time in which an answer ran'),
  tokensPerSecond: z.number().nullable(),
  kwh: z.number().nullable().describe('by the setting watts'),
  cost: z.number().nullable().describe('by the setting kwhCents, in hundredths')
}

export const earningsAnswer = z.object({
  timeZone: z.string(),
  since: time,
  today: z.object(earned),
  week: z.object(earned),
  month: z.object(earned),
  by: z.enum(EARNINGS_GROUPS).nullable(),
  groups: z.array(z.object({ key: z.string(), ...earned }))
})
