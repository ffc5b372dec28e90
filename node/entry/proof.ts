import { z } from 'zod'
import {
  ACKNOWLEDGEMENT,
  InvalidRecordError,
  ORDER,
  RECEIPT,
  cost,
  open,
  sha256,
  signedRecord,
  type Order,
  type Receipt,
  type SignedRecord
} from '../../protocols/index.ts'
import type { Deal } from '../ledger/index.ts'

const schema = z.object({
  order: signedRecord,
  receipt: signedRecord,
  /** Null for a claim: the contributor's word, within the bounds that the consumer signed. */
  acknowledgement: signedRecord.nullable()
})

/** One line of an export: proves to anybody, by its signatures alone, what one order cost and to whom it is owed. */
export type Proof = z.infer<typeof schema>

/** A proof that holds. */
export interface ProvenDeal {
  order: Order
  receipt: Receipt
  /** Whether the consumer has acknowledged it. */
  acknowledged: boolean
}

/** An order's proofs: of what was acknowledged, and of a claim beyond it. */
export function proofsOf({ order, receipt, acknowledged, acknowledgement }: Deal): Proof[] {
  const proofs: Proof[] = []
  const add = (of: SignedRecord, said: SignedRecord | null): void =>
    void proofs.push({ order: order.record, receipt: of, acknowledgement: said })
  if (acknowledged !== null && acknowledgement !== null) add(acknowledged.record, acknowledgement.record)
  if (receipt !== null && (receipt.seq ?? -1) > (acknowledgement?.seq ?? -1)) add(receipt.record, null)
  return proofs
}

/** Parses and verifies one line of an export. Throws InvalidRecordError saying what is wrong. */
export async function verifyProof(line: string): Promise<{ proof: Proof; deal: ProvenDeal }> {
  const proof = parse(line)
  const order = await open(ORDER, proof.order)
  const receipt = await open(RECEIPT, proof.receipt, order.contributor)
  const check = (holds: boolean, what: string): void => {
    if (!holds) throw new InvalidRecordError(what)
  }
  check(
    receipt.order === order.id && receipt.orderHash === sha256(proof.order.payload),
    'The receipt is of another order'
  )
  check(receipt.consumer === order.consumer, 'The receipt names another consumer')
  check(
    receipt.promptTokens <= order.maxPromptTokens && receipt.completionTokens <= order.maxCompletionTokens,
    'The receipt exceeds the bounds of the order'
  )
  check(
    receipt.credits === cost(order.price, receipt.promptTokens, receipt.completionTokens),
    'The receipt is not at the price of the order'
  )
  if (proof.acknowledgement !== null) {
    const said = await open(ACKNOWLEDGEMENT, proof.acknowledgement, order.consumer)
    check(
      said.order === order.id &&
        said.contributor === order.contributor &&
        said.seq === receipt.seq &&
        said.receiptHash === sha256(proof.receipt.payload),
      'The acknowledgement is of another receipt'
    )
  }
  return { proof, deal: { order, receipt, acknowledged: proof.acknowledgement !== null } }
}

function parse(line: string): Proof {
  try {
    return schema.parse(JSON.parse(line))
  } catch (err) {
    throw new InvalidRecordError('The line is not {"order":…,"receipt":…,"acknowledgement":…}', {
      cause: err
    })
  }
}
