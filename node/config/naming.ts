import { z } from 'zod'
import { ed25519PeerId } from '../../protocols/records/fields.ts'

// Every `error` completes the sentence "expected …".

const name = z.string({ error: 'a text' }).min(1, { error: 'a text that is not empty' }).max(256, {
  error: 'at most 256 characters'
})
const peerId = name.refine((value) => ed25519PeerId.safeParse(value).success, {
  error: "a peer's id, such as 12D3KooW…"
})

const aliases = z
  .record(name, name, { error: 'pairs of a name and a model, such as gpt-4o=qwen3:32b' })
  .refine((pairs) => Object.keys(pairs).every((alias) => leadsOut(alias, pairs)), {
    error: 'aliases that lead to a model, not back to themselves'
  })

/** The settings that decide which model answers to a name. */
export const namingSettings = {
  alias: aliases
    .default({})
    .describe('Names that stand for models, such as gpt-4o=qwen3:32b; an alias may name auto'),
  petnames: z
    .record(
      name.regex(/^[\p{L}\p{N}_.-]+$/u, { error: 'names of letters, digits, dots, dashes and underscores' }),
      peerId,
      { error: "pairs of a name and a peer's id, such as mia=12D3KooW…" }
    )
    .default({})
    .describe('Your own names for peers, such as mia=12D3KooW…: qwen3:8b@mia asks that peer'),
  fallback: z
    .array(name, { error: 'a list of texts' })
    .max(8, { error: 'at most 8 models' })
    .default([])
    .describe('Models to ask in this order when the one asked for cannot be served'),
  fallbackAfterMs: wholeNumber(0, 600_000)
    .default(5000)
    .describe('Milliseconds that a busy model is waited for while a fallback is left'),
  lastResort: z
    .url({ protocol: /^https?$/, error: 'an http or https URL, such as https://api.example.com/v1' })
    .optional()
    .describe(
      'An OpenAI-compatible address that answers what the mesh cannot; never in a private mesh, nor where --ask-access names friends or nobody'
    ),
  lastResortKey: name
    .max(4096)
    .optional()
    .describe("The last resort's API key; in a variable or in config.json, never a flag"),
  lastResortKeyFile: name.optional().describe("A file that holds the last resort's API key"),
  lastResortModels: z
    .record(name, name, { error: 'pairs of a model and its name there, such as qwen3:32b=gpt-4o' })
    .default({})
    .describe('Names of models at the last resort, such as qwen3:32b=gpt-4o; * stands for all others')
}

/** Settings that no flag takes: the list of processes would show them. */
export const WITHOUT_FLAG: ReadonlySet<string> = new Set(['lastResortKey'])

function leadsOut(alias: string, pairs: Readonly<Record<string, string>>): boolean {
  const seen = new Set([alias])
  for (let at = pairs[alias]; at !== undefined; at = pairs[at]) {
    if (seen.has(at)) return false
    seen.add(at)
  }
  return true
}

function wholeNumber(min: number, max: number): z.ZodNumber {
  const error = `a whole number from ${min} to ${max}`
  return z.number({ error }).int({ error }).min(min, { error }).max(max, { error })
}
