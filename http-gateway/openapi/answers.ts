import { z } from 'zod'
import type { PeerStatus } from '../../node/consumer/index.ts'

// The gateway's answers, for the OpenAPI document only: at run time nothing is checked against them.

const micro = z.int().describe('micro-credits')
const peer = z.string().describe("a peer's id")
const price = z.object({ prompt: micro, completion: micro }).describe('micro-credits a token')

export const errorAnswer = z.object({
  error: z.object({
    message: z.string(),
    type: z.string(),
    param: z.string().nullable(),
    code: z.string()
  })
})

export const modelAnswer = z.object({
  id: z.string(),
  object: z.literal('model'),
  created: z.int(),
  owned_by: z.string(),
  context_length: z.int(),
  context_window: z.int(),
  max_model_len: z.int(),
  lobstah: z.looseObject({ peers: z.array(peer), price, capabilities: z.array(z.string()) })
})
export const modelsAnswer = z.object({ object: z.literal('list'), data: z.array(modelAnswer) })

const usage = z.looseObject({
  prompt_tokens: z.int(),
  completion_tokens: z.int(),
  total_tokens: z.int()
})

export const chatAnswer = z.looseObject({
  id: z.string(),
  object: z.literal('chat.completion'),
  created: z.int(),
  model: z.string(),
  choices: z.array(
    z.looseObject({
      index: z.int(),
      message: z.looseObject({ role: z.literal('assistant'), content: z.string().nullable() }),
      finish_reason: z.string()
    })
  ),
  usage
})

export const versionAnswer = z.object({ version: z.string() })

export const healthAnswer = z.object({ status: z.literal('ok') })

const amounts = { earned: micro, spent: micro, claimed: micro, net: micro }
const paid = z
  .object({ credits: micro, atDefault: micro })
  .describe('paid since start, and what it costs by default; absent where that is the same')
export const balanceAnswer = z.object({
  ...amounts,
  paid: paid.optional(),
  peers: z.array(z.object({ peer, ...amounts, disputed: micro.optional(), paid: paid.optional() }))
})

/** A contributor as `/peers` tells of it. */
const peerFields = {
  peer,
  route: z.enum(['local', 'direct', 'relayed']),
  path: z
    .enum(['host', 'lan', 'direct', 'punched', 'relayed'])
    .nullable()
    .describe('the route in more detail; null while there is no connection'),
  state: z.enum(['up', 'excluded', 'down']),
  models: z.array(z.string()),
  contexts: z
    .record(z.string(), z.int().nullable())
    .describe('tokens that each model holds; null where unknown'),
  slots: z.int(),
  active: z.int(),
  queued: z.int(),
  speeds: z.record(z.string(), z.number()).optional().describe('tokens a second, measured, by model'),
  answered: z.int(),
  failed: z.int(),
  firstTokenMs: z.number().nullable(),
  disputes: z.int().optional(),
  paid: paid.optional(),
  tokenDrift: z
    .array(z.object({ model: z.string(), tokensPerByte: z.number(), othersTokensPerByte: z.number() }))
    .optional()
} satisfies { [Field in keyof PeerStatus]-?: z.ZodType<PeerStatus[Field]> }

/** The answer of `GET /peers`. */
export const peersAnswer = z.object({ peers: z.array(z.object(peerFields)) })

const ms = z.number().describe('milliseconds')
const candidate = z.object({
  peer,
  route: z.string(),
  relation: z.string(),
  model: z.string(),
  exclusions: z.array(z.string()).describe('why it is not asked; empty if it may be'),
  terms: z.record(z.string(), ms),
  finishMs: ms,
  score: ms,
  lacks: z.array(z.string()),
  known: z.boolean()
})
const attempt = z.object({
  peer,
  why: z.string(),
  atMs: ms,
  outcome: z.string(),
  message: z.string().optional()
})
const link = z.object({
  name: z.string(),
  model: z.string(),
  as: z.string().optional(),
  candidates: z.array(candidate),
  more: z.int(),
  attempts: z.array(attempt),
  failure: z.object({ code: z.string(), message: z.string() }).optional()
})

/** The body of `GET /explain`. */
export const explanationsAnswer = z.object({
  explanations: z.array(
    z.object({
      request: z.string().describe('empty for a model that is explained now'),
      at: z.int(),
      asked: z.string(),
      links: z.array(link),
      served: z
        .object({ peer, route: z.string(), model: z.string(), reason: z.looseObject({ why: z.string() }) })
        .optional()
    })
  )
})

export const pubkeyAnswer = z.object({
  peer,
  publicKey: z.string().describe('Ed25519, base64url'),
  addresses: z.array(z.string()).describe('multiaddrs')
})

export const capacityAnswer = z.object({
  contributing: z.boolean(),
  slots: z.int(),
  active: z.int(),
  queued: z.int(),
  models: z.array(z.string())
})

export const meshAnswer = z.object({ joins: z.boolean(), connected: z.int(), meeting: z.int() })

export const receiptsAnswer = z.object({
  entries: z.array(
    z.looseObject({
      index: z.int(),
      at: z.int().describe('milliseconds since 1970'),
      kind: z.enum(['order', 'receipt', 'acknowledgement']),
      order: z.string(),
      consumer: peer,
      contributor: peer,
      seq: z.int().nullable(),
      final: z.boolean().nullable(),
      credits: micro.nullable(),
      hash: z.string(),
      record: z.object({ payload: z.string(), signature: z.string() })
    })
  ),
  next: z.int().nullable()
})

export const openapiAnswer = z.looseObject({ openapi: z.literal('3.1.0') })
