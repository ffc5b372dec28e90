import { z } from 'zod'
import { MAX_MODEL_NAME_LENGTH } from '../../protocols/inference/index.ts'
import { parseWindow } from '../owner/hours.ts'
import { isTimeZone } from '../owner/zone.ts'

// Every `error` completes the sentence "expected …".

const text = z.string({ error: 'text' }).min(1, { error: 'text that is not empty' })
const flag = z.boolean({ error: 'true or false' })

/** The settings by which the owner of a machine limits what peers get of it. */
export const limitSettings = {
  hours: z
    .array(
      text.refine((value) => parseWindow(value) !== undefined, {
        error: 'hours such as "mon-fri 22:00-07:00", "sat 00:00-24:00" or "22:00-07:00"'
      }),
      { error: 'a list of strings' }
    )
    .default([])
    .describe('When to serve peers, such as "mon-fri 22:00-07:00,sat-sun 00:00-24:00"; by default always'),
  timeZone: text
    .refine(isTimeZone, { error: 'a time zone, such as Europe/Vienna' })
    .optional()
    .describe("Time zone of hours, days and months; by default the machine's own"),
  serveModels: z
    .array(text.max(MAX_MODEL_NAME_LENGTH, { error: "a model's name" }), { error: 'a list of strings' })
    .default([])
    .describe('Models that peers may use; by default all that the engine has'),
  tokensPerDay: whole(1, Number.MAX_SAFE_INTEGER)
    .optional()
    .describe('Tokens of prompts and answers to serve to peers per day; by default any number'),
  tokensPerMonth: whole(1, Number.MAX_SAFE_INTEGER)
    .optional()
    .describe('Tokens of prompts and answers to serve to peers per month; by default any number'),
  memoryShare: whole(1, 100)
    .optional()
    .describe(
      "Largest model to serve to peers, by its weights, in percent of the machine's memory; a model of unknown size is then not served"
    ),
  onBattery: flag.default(false).describe('Serve peers on battery power too'),
  whileInUse: flag
    .default(false)
    .describe('Serve peers even while somebody uses the keyboard, the mouse or the graphics processor'),
  idleMinutes: whole(1, 1440)
    .default(5)
    .describe('Minutes without input after which the machine no longer counts as in use'),
  watts: whole(1, 100_000)
    .optional()
    .describe(
      'Extra power that the machine draws while it answers, in watts; earnings then include the energy'
    ),
  kwhCents: whole(1, 1_000_000)
    .optional()
    .describe('Price of a kWh in hundredths of your currency; with watts, earnings then include the cost')
}

function whole(min: number, max: number): z.ZodNumber {
  const error = `a whole number from ${min} to ${max}`
  return z.number({ error }).int({ error }).min(min, { error }).max(max, { error })
}
