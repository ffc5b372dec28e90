import { randomBytes } from 'node:crypto'
import {
  CLAIMS_PAGE,
  MAX_UNSEEN_TOKENS,
  ORDER,
  open,
  seal,
  sha256,
  type ClaimFrame,
  type Receipt
} from '../../protocols/index.ts'
import type { Sale } from '../support/dishonest-contributor.ts'
import type { Party } from '../support/records.ts'
import { ACCEPTED, HONEST, HONEST_TOKENS, billing } from './cheats.ts'

const HOUR = 3_600_000

/** False claims of a contributor that meets its consumer again after answers that broke off. */
export interface ClaimCheat {
  name: string
  /** Answers of three deltas that break off before. @default 1 */
  answers?: number
  /** Tokens that it may get for nothing. */
  bound: number
  claims: (sales: Sale[], stranger: Party) => Promise<ClaimFrame[]>
}

const one =
  (changes: Partial<Receipt>) =>
  async ([sale]: Sale[]): Promise<ClaimFrame[]> =>
    sale === undefined ? [] : [await sale.claim(changes)]

/** Over text that the consumer never saw. */
const unseen = (completionTokens: number): Partial<Receipt> => ({
  ...billing({ completionTokens }),
  deltas: 5000,
  transcriptHash: sha256('never sent')
})

export const CLAIM_CHEATS: ClaimCheat[] = [
  { name: HONEST, bound: 0, claims: one({}) },
  { name: 'claims 10 times the tokens', bound: 0, claims: one(billing({ completionTokens: 300 })) },
  {
    name: 'claims all that is accepted',
    bound: ACCEPTED - HONEST_TOKENS,
    claims: one(billing({ completionTokens: ACCEPTED }))
  },
  { name: 'claims a token more', bound: 0, claims: one(billing({ completionTokens: ACCEPTED + 1 })) },
  { name: 'claims more prompt than there is', bound: 0, claims: one(billing({ promptTokens: 1000 })) },
  { name: 'claims other text than it sent', bound: 0, claims: one({ transcriptHash: sha256('other') }) },
  { name: 'claims at twice the price', bound: 0, claims: one({ credits: 2 * billing({}).credits }) },
  { name: 'claims another digest', bound: 0, claims: one({ digest: 'sha256:other' }) },
  { name: 'claims an hour ahead', bound: 0, claims: one({ completedAt: Date.now() + HOUR }) },
  {
    name: 'claims a prompt without an answer',
    bound: 0,
    claims: async ([sale]) => {
      const order = sha256(sale?.order.payload ?? '')
      return await one({
        ...billing({ promptTokens: 1000, completionTokens: 0 }),
        deltas: 0,
        transcriptHash: order
      })(sale === undefined ? [] : [sale])
    }
  },
  {
    name: 'claims by another key',
    bound: 0,
    claims: async ([sale], { privateKey }) => (sale === undefined ? [] : [await sale.claim({}, privateKey)])
  },
  {
    name: "claims for another consumer's order",
    bound: 0,
    claims: async ([sale], { peer, privateKey }) => {
      if (sale === undefined) return []
      const id = randomBytes(16).toString('base64url')
      const placed = { ...(await open(ORDER, sale.order)), id, consumer: peer }
      const order = await seal(ORDER, placed, privateKey)
      const claim = await sale.claim({ order: id, orderHash: sha256(order.payload), consumer: peer })
      return [{ ...claim, order }]
    }
  },
  {
    name: "claims one order's receipt for another order",
    answers: 2,
    bound: 0,
    claims: async ([first, second]) => {
      if (first === undefined || second === undefined) return []
      const claim = await first.claim()
      return [claim, { ...claim, order: second.order }]
    }
  },
  {
    name: 'claims again what was settled',
    bound: 0,
    claims: async (sales) => {
      const [claim] = await one({})(sales)
      return claim === undefined ? [] : [claim, claim, claim]
    }
  },
  {
    name: 'claims two receipts of one number',
    bound: 0,
    claims: async (sales) => [
      ...(await one({})(sales)),
      ...(await one(billing({ completionTokens: 30 }))(sales))
    ]
  },
  {
    name: 'claims on after its final receipt',
    bound: 0,
    claims: async (sales) => [
      ...(await one({})(sales)),
      ...(await one({ seq: 1, ...billing({ completionTokens: 30 }) })(sales))
    ]
  },
  {
    name: 'claims more claims than a page has',
    bound: 0,
    claims: async (sales) => {
      const [claim] = await one({})(sales)
      return claim === undefined ? [] : Array.from({ length: 3 * CLAIMS_PAGE }, () => claim)
    }
  },
  { name: 'claims more than may be lost', bound: 0, claims: one(unseen(MAX_UNSEEN_TOKENS + 1)) },
  {
    name: 'claims a huge number',
    bound: 0,
    claims: one({ ...unseen(2 ** 52), credits: Number.MAX_SAFE_INTEGER })
  },
  {
    name: 'claims all that may be lost',
    bound: MAX_UNSEEN_TOKENS,
    claims: one(unseen(MAX_UNSEEN_TOKENS))
  },
  {
    name: 'claims so for each of 20 answers',
    answers: 20,
    bound: 20 * MAX_UNSEEN_TOKENS,
    claims: async (sales) => await Promise.all(sales.map((sale) => sale.claim(unseen(MAX_UNSEEN_TOKENS))))
  }
]
