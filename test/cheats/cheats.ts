import type { PrivateKey } from '@libp2p/interface'
import {
  encodeJson,
  sha256,
  type Delta,
  type Order,
  type Receipt,
  type SignedRecord
} from '../../protocols/index.ts'
import type { DishonestConsumer, Demand } from '../support/dishonest-consumer.ts'
import type { Sale } from '../support/dishonest-contributor.ts'
import { DOCUMENT, REQUEST, type Party } from '../support/records.ts'

const PRICE = { prompt: 250_000, completion: 1_000_000 }
const HOUR = 3_600_000

/** The honest price of a contributor's three deltas, in micro-credits. */
export const HONEST_CREDITS = 7 * PRICE.prompt + 3 * PRICE.completion

/** No cheat at all: shows that the others fail for what they are. */
export const HONEST = 'is honest'

/** Completion tokens of the three deltas: their honest count, and the most that a consumer accepts for them. */
export const HONEST_TOKENS = 3
export const ACCEPTED = 13

/** Prompt tokens of the request, the same: it says Hi, in one message. */
const HONEST_PROMPT = 7
const ACCEPTED_PROMPT = 114

export interface ContributorCheat {
  name: string
  /** Credits that it may get for nothing. @default 0 */
  bound?: number
  act: (sale: Sale, stranger: PrivateKey) => Promise<unknown>
}

/** Fields of a receipt that bills so many tokens at the price of the order. */
export const billing = (
  changes: Partial<Receipt>
): Pick<Receipt, 'promptTokens' | 'completionTokens' | 'credits'> & Partial<Receipt> => {
  const { promptTokens = 7, completionTokens = 3 } = changes
  return {
    promptTokens,
    completionTokens,
    credits: promptTokens * PRICE.prompt + completionTokens * PRICE.completion,
    ...changes
  }
}
const receipt =
  (changes: Partial<Receipt>, deltas: Delta[] = []) =>
  async (sale: Sale): Promise<void> => {
    for (const delta of deltas) await sale.delta(delta)
    await sale.receipt(changes)
    await sale.end()
  }

const callsWithoutNames = Array.from({ length: 128 }, (_, index) => ({ index, name: '', arguments: '' }))

let replayed: SignedRecord | undefined

/** A contributor's cheats. Each comes after three honest deltas. */
export const CONTRIBUTOR_CHEATS: ContributorCheat[] = [
  { name: HONEST, act: receipt({}) },
  { name: 'counts 10 times the tokens', act: receipt(billing({ completionTokens: 300 })) },
  { name: 'bills a huge number', act: receipt(billing({ completionTokens: 2 ** 52, credits: 2 ** 53 - 1 })) },
  {
    name: 'bills all that is accepted for three words',
    bound: ACCEPTED - HONEST_TOKENS,
    act: receipt(billing({ completionTokens: ACCEPTED }))
  },
  { name: 'bills a token more', act: receipt(billing({ completionTokens: ACCEPTED + 1 })) },
  {
    name: 'bills all that is accepted for a prompt of one word',
    bound: (ACCEPTED_PROMPT - HONEST_PROMPT) / 4,
    act: receipt(billing({ promptTokens: ACCEPTED_PROMPT }))
  },
  { name: 'bills a prompt token more', act: receipt(billing({ promptTokens: ACCEPTED_PROMPT + 1 })) },
  {
    name: 'bills calls without names',
    act: receipt(billing({ completionTokens: 100 }), [{ toolCalls: callsWithoutNames }])
  },
  {
    name: 'bills 8,000 spaces of reasoning as tokens',
    act: receipt(billing({ completionTokens: 8000 }), [{ reasoning: ' '.repeat(8000) }])
  },
  {
    name: 'bills deltas that carry nothing',
    act: receipt(
      billing({ completionTokens: 100 }),
      Array.from({ length: 97 }, () => ({ content: '' }))
    )
  },
  { name: 'bills more prompt than can be', act: receipt(billing({ promptTokens: 100_000 })) },
  { name: 'doubles the price', act: receipt({ credits: 2 * (7 * PRICE.prompt + 3 * PRICE.completion) }) },
  { name: 'bills another digest', act: receipt({ digest: 'sha256:other' }) },
  { name: 'bills another model', act: receipt({ model: 'dearer:70b' }) },
  {
    name: "signs by another peer's key",
    act: async (sale, stranger) => {
      await sale.receipt({}, stranger)
      await sale.end()
    }
  },
  { name: 'skips a number', act: receipt({ seq: 1 }) },
  { name: 'covers text it did not send', act: receipt({ transcriptHash: sha256('other') }) },
  { name: 'covers deltas it did not send', act: receipt({ deltas: 4 }) },
  { name: 'bills an hour ahead', act: receipt({ completedAt: Date.now() + 10 * HOUR }) },
  { name: 'bills another order', act: receipt({ order: 'AAAAAAAAAAAAAAAAAAAAAA' }) },
  {
    name: 'ends early and bills on',
    act: async (sale) => {
      await sale.receipt()
      await sale.receipt(billing({ seq: 1, completionTokens: 15 }))
      await sale.end()
    }
  },
  {
    name: 'replays a receipt',
    act: async (sale) => {
      if (replayed !== undefined) await sale.send({ type: 'receipt', receipt: replayed })
      replayed = await sale.receipt()
      await sale.end()
    }
  },
  {
    name: 'bills the same text twice over',
    act: async (sale) => {
      const early = { final: false, finishReason: null } as const
      await sale.receipt({ ...early, ...billing({}) })
      await sale.receipt({ ...early, seq: 1, ...billing({ completionTokens: 9 }) })
    }
  },
  {
    name: 'says more at the end than it billed',
    act: async (sale) => {
      await sale.receipt()
      await sale.end({ completionTokens: 300 })
    }
  },
  { name: 'ends without a receipt', act: (sale) => sale.end() },
  { name: 'takes the order and leaves', act: async ({ frames }) => frames.stream.close() }
]

export interface Cheating {
  liar: DishonestConsumer
  stranger: Party
  /** Counts the completion tokens that were got. */
  count: (tokens: number) => void
  /** Resolves when the contributor has nothing left to do. */
  idle: () => Promise<void>
}

export interface ConsumerCheat {
  name: string
  /** Completion tokens that it may get without paying. */
  bound: number
  act: (cheating: Cheating) => Promise<unknown>
}

/** Reads to the end, counting; says something to each receipt. */
async function drain(
  demand: Demand,
  count: Cheating['count'],
  say: (record: SignedRecord) => Promise<void> = async () => undefined
): Promise<void> {
  for (;;) {
    const frame = await demand.read()
    if (frame.type === 'delta') count(frame.tokens ?? 1)
    if (frame.type === 'receipt') await say(frame.receipt)
    if (frame.type === 'end' || frame.type === 'error') return
  }
}

const ordering =
  (changes: Partial<Order>, document: Uint8Array = DOCUMENT) =>
  async ({ liar, count }: Cheating): Promise<void> =>
    drain(await liar.place(await liar.order(changes), document), count)

/** Two receipts of 512 tokens, and what is written while the second is on its way. */
const EXPOSURE = 1536

let placed: SignedRecord | undefined

/** A consumer's cheats. The engine writes words without end. */
export const CONSUMER_CHEATS: ConsumerCheat[] = [
  { name: 'halves the price', bound: 0, act: ordering({ price: { prompt: 1, completion: 1 } }) },
  { name: 'orders for nothing', bound: 0, act: ordering({ price: { prompt: 0, completion: 0 } }) },
  { name: 'orders another digest', bound: 0, act: ordering({ digest: 'sha256:other' }) },
  { name: 'bounds the prompt at nothing', bound: 0, act: ordering({ maxPromptTokens: 0 }) },
  { name: 'bounds the answer at nothing', bound: 0, act: ordering({ maxCompletionTokens: 0 }) },
  { name: 'orders huge numbers', bound: 0, act: ordering({ maxCompletionTokens: Number.MAX_SAFE_INTEGER }) },
  { name: 'orders an hour ahead', bound: 0, act: ordering({ issuedAt: Date.now() + HOUR }) },
  {
    name: 'orders of an hour ago',
    bound: 0,
    act: ordering({ issuedAt: Date.now() - HOUR, expiresAt: Date.now() - 1 })
  },
  {
    name: "orders in another peer's name",
    bound: 0,
    act: async ({ liar, stranger, count }) =>
      drain(await liar.place(await liar.order({ consumer: stranger.peer }, stranger)), count)
  },
  {
    name: 'signs by another key',
    bound: 0,
    act: async ({ liar, stranger, count }) => drain(await liar.place(await liar.order({}, stranger)), count)
  },
  {
    name: 'sends another request than ordered',
    bound: 0,
    act: ordering({}, encodeJson({ ...REQUEST, model: 'scripted:1b', seed: 1 }))
  },
  {
    name: 'never acknowledges',
    bound: EXPOSURE,
    act: async ({ liar, count }) => {
      const demand = await liar.place(await liar.order())
      let [tokens, receipts] = [0, 0]
      while (receipts < 2 || tokens < 1024) {
        const frame = await demand.read()
        if (frame.type === 'delta') tokens += frame.tokens ?? 1
        if (frame.type === 'receipt') receipts++
      }
      count(tokens)
      demand.frames.stream.abort(new RangeError('gone'))
    }
  },
  {
    name: 'replays an order',
    bound: EXPOSURE,
    act: async ({ liar, count }) => {
      placed ??= await liar.order()
      const first = await liar.place(placed)
      await first.next('delta')
      await drain(await liar.place(placed), count)
      first.frames.stream.abort(new RangeError('gone'))
    }
  },
  {
    name: 'acknowledges another receipt',
    bound: EXPOSURE,
    act: async ({ liar, count }) => {
      const demand = await liar.place(await liar.order())
      await drain(demand, count, (record) => demand.acknowledge(record, { receiptHash: sha256('other') }))
    }
  },
  {
    name: 'acknowledges a number ahead',
    bound: EXPOSURE,
    act: async ({ liar, count }) => {
      const demand = await liar.place(await liar.order())
      await drain(demand, count, (record) => demand.acknowledge(record, { seq: 9 }))
    }
  },
  {
    name: 'acknowledges by another key',
    bound: EXPOSURE,
    act: async ({ liar, stranger, count }) => {
      const demand = await liar.place(await liar.order())
      await drain(demand, count, (record) =>
        demand.acknowledge(record, { consumer: stranger.peer }, stranger)
      )
    }
  },
  {
    name: 'takes and leaves',
    bound: EXPOSURE,
    act: async ({ liar, count }) => {
      const demand = await liar.place(await liar.order())
      for (let i = 0; i < 100; i++) if ((await demand.read()).type === 'delta') count(1)
      demand.frames.stream.abort(new RangeError('gone'))
    }
  }
]
