import assert from 'node:assert/strict'
import {
  ACKNOWLEDGEMENT,
  InvalidRecordError,
  MAX_PAYLOAD_LENGTH,
  ORDER,
  RECEIPT,
  open,
  seal,
  sha256,
  signedRecord,
  type SignedRecord
} from '../../../protocols/records/index.ts'
import { proofsOf, verifyProof } from '../../../node/entry/proof.ts'
import type { Deal } from '../../../node/ledger/index.ts'
import { assertGolden } from '../../support/golden.ts'
import {
  CONSUMER,
  CONTRIBUTOR,
  STRANGER,
  aReceipt,
  anAcknowledgement,
  anOrder
} from '../../support/records.ts'

const order = await seal(ORDER, anOrder(), CONSUMER.privateKey)

async function signedText(text: string, party = CONSUMER): Promise<SignedRecord> {
  const signature = await party.privateKey.sign(Buffer.from(ORDER.domain + text))
  return { payload: text, signature: Buffer.from(signature).toString('base64url') }
}

const changed = (changes: object): string => {
  const fields = { ...(JSON.parse(order.payload) as object), ...changes }
  return JSON.stringify(Object.fromEntries(Object.entries(fields).sort(([a], [b]) => (a < b ? -1 : 1))))
}

/** Orders that a verifier refuses, signed as they are. */
const REFUSED: { why: string; record: SignedRecord }[] = [
  { why: 'the signature has padding', record: { ...order, signature: `${order.signature}==` } },
  {
    why: 'the signature is base64, not base64url',
    record: { ...order, signature: `+${order.signature.slice(1)}` }
  },
  { why: 'the id has padding', record: await signedText(changed({ id: 'AAECAwQFBgcICQoLDA0ODw==' })) },
  { why: 'the hash has padding', record: await signedText(changed({ requestHash: `${'A'.repeat(43)}=` })) },
  { why: 'the hash is hexadecimal', record: await signedText(changed({ requestHash: 'a'.repeat(64) })) },
  {
    why: 'the fields are not sorted',
    record: await signedText(JSON.stringify(Object.fromEntries(Object.entries(anOrder()).reverse())))
  },
  {
    why: 'the payload has spaces',
    record: await signedText(JSON.stringify(JSON.parse(order.payload), null, 1))
  },
  { why: 'a number has a fraction', record: await signedText(changed({ maxPromptTokens: 1.5 })) },
  { why: 'a stranger signed it', record: await signedText(order.payload, STRANGER) },
  {
    why: 'the consumer is no Ed25519 peer id',
    record: await signedText(changed({ consumer: 'QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N' }))
  }
]

describe('protocols/records, for another implementation', () => {
  it('refuses each of refused-records.json', async () => {
    await assertGolden('refused-records', REFUSED)
    for (const { why, record } of REFUSED) {
      const opened = async (): Promise<unknown> => open(ORDER, signedRecord.parse(record))
      await assert.rejects(
        opened(),
        (err: Error) => ['ZodError', InvalidRecordError.name].includes(err.name),
        why
      )
    }
  })

  it('counts the length of a payload in code points', () => {
    const { signature } = order
    const astral = '\u{1F99E}'.repeat(MAX_PAYLOAD_LENGTH)
    assert.ok(signedRecord.safeParse({ payload: astral, signature }).success)
    assert.ok(!signedRecord.safeParse({ payload: `${astral}x`, signature }).success)
  })

  it('exports a deal as in export-line.json', async () => {
    const receipt = await seal(
      RECEIPT,
      aReceipt(sha256(order.payload), {
        final: true,
        finishReason: 'stop',
        promptTokens: 7,
        completionTokens: 2,
        credits: 3_750_000,
        deltas: 2
      }),
      CONTRIBUTOR.privateKey
    )
    const acknowledgement = await seal(ACKNOWLEDGEMENT, anAcknowledgement(receipt), CONSUMER.privateKey)
    const kept = { seq: 0 }
    const [proof] = proofsOf({
      order: { record: order },
      receipt: { record: receipt, ...kept },
      acknowledged: { record: receipt, ...kept },
      acknowledgement: { record: acknowledgement, ...kept }
    } as Deal)
    const line = JSON.stringify(proof)
    await assertGolden('export-line', { line })
    assert.equal((await verifyProof(line)).deal.acknowledged, true)
  })
})
