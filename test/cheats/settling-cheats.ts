import {
  ACKNOWLEDGEMENT,
  RECEIPT,
  seal,
  sha256,
  type Acknowledgement,
  type SignedRecord
} from '../../protocols/index.ts'
import type { Claim, DishonestConsumer } from '../support/dishonest-consumer.ts'
import type { Party } from '../support/records.ts'
import type { Cheating, ConsumerCheat } from './cheats.ts'

/** Words that it takes before it leaves. */
const TAKEN = 100

/** The tokens it may keep: those it took, and those in flight. */
const BOUND = 1536

/** Takes an answer's beginning and leaves: what was delivered is claimed of it. */
async function takeAndLeave({ liar, count }: Cheating): Promise<void> {
  const demand = await liar.place(await liar.order())
  for (let taken = 0; taken < TAKEN;) {
    if ((await demand.read()).type !== 'delta') continue
    taken++
    count(1)
  }
  demand.frames.stream.abort(new RangeError('gone'))
}

async function acknowledging(
  receipt: SignedRecord,
  { receiptPayload: { order, contributor, seq } }: Claim,
  signer: Party,
  changes: Partial<Acknowledgement> = {}
): Promise<SignedRecord> {
  const consumer = signer.peer
  const receiptHash = sha256(receipt.payload)
  const honest = { order, consumer, contributor, seq, receiptHash, issuedAt: Date.now() }
  return await seal(ACKNOWLEDGEMENT, { ...honest, ...changes }, signer.privateKey)
}

type Reply = (claim: Claim, liar: DishonestConsumer, stranger: Party) => Promise<object>

/** Settles when the contributor is done with the answer, saying something to each claim. */
const settling =
  (reply: Reply) =>
  async (cheating: Cheating): Promise<void> => {
    await takeAndLeave(cheating)
    await cheating.idle()
    await cheating.liar.settle((claim) => reply(claim, cheating.liar, cheating.stranger))
  }

const dispute: Reply = async ({ receiptPayload: { order, seq } }) => ({
  type: 'dispute',
  order,
  seq,
  reason: 'implausible'
})

/** Replies of a consumer to a claim, after it took the beginning of an answer and left. */
export const SETTLING_CHEATS: ConsumerCheat[] = [
  {
    name: 'settles by another key',
    bound: BOUND,
    act: settling(async (claim, { party }, stranger) => ({
      type: 'acknowledgement',
      acknowledgement: await acknowledging(claim.receipt, claim, stranger, { consumer: party.peer })
    }))
  },
  {
    name: 'settles another receipt than claimed',
    bound: BOUND,
    act: settling(async (claim, { party }) => ({
      type: 'acknowledgement',
      acknowledgement: await acknowledging(claim.receipt, claim, party, { receiptHash: sha256('other') })
    }))
  },
  {
    name: 'settles a receipt of its own making',
    bound: BOUND,
    act: settling(async (claim, { party }) => {
      const cheap = { ...claim.receiptPayload, seq: 9, promptTokens: 0, completionTokens: 0, credits: 0 }
      const receipt = await seal(RECEIPT, cheap, party.privateKey)
      const acknowledgement = await acknowledging(receipt, claim, party, { seq: 9 })
      return { type: 'acknowledgement', acknowledgement, receipt }
    })
  },
  {
    name: 'settles a number that was never sent',
    bound: BOUND,
    act: settling(async (claim, { party }) => ({
      type: 'acknowledgement',
      acknowledgement: await acknowledging(claim.receipt, claim, party, { seq: 999 })
    }))
  },
  {
    name: 'disputes every claim, again and again',
    bound: BOUND,
    act: async (cheating) => {
      await settling(dispute)(cheating)
      for (let i = 0; i < 9; i++) {
        await cheating.liar.settle((claim) => dispute(claim, cheating.liar, cheating.stranger))
      }
    }
  }
]
