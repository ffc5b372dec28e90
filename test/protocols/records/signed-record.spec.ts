import assert from 'node:assert/strict'
import canonicalize from 'canonicalize'
import fc from 'fast-check'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { base32 } from 'multiformats/bases/base32'
import { base36 } from 'multiformats/bases/base36'
import type { PrivateKey } from '@libp2p/interface'
import { peerIdFromPrivateKey, peerIdFromString } from '@libp2p/peer-id'
import {
  ACKNOWLEDGEMENT,
  ANNOUNCEMENT,
  InvalidRecordError,
  MAX_PAYLOAD_LENGTH,
  ORDER,
  RECEIPT,
  open,
  seal,
  sha256,
  signedRecord,
  type RecordKind,
  type SignedRecord
} from '../../../protocols/records/index.ts'
import { assertGolden, readGolden } from '../../support/golden.ts'
import {
  CONSUMER,
  CONTRIBUTOR,
  STRANGER,
  aReceipt,
  anAcknowledgement,
  anAnnouncement,
  anOrder,
  type Party
} from '../../support/records.ts'

const order = await seal(ORDER, anOrder(), CONSUMER.privateKey)
const finalReceipt = aReceipt(sha256(order.payload), {
  final: true,
  promptTokens: 7,
  completionTokens: 2,
  credits: 3_750_000,
  deltas: 2,
  transcriptHash: sha256('transcript'),
  finishReason: 'stop'
})
const receipt = await seal(RECEIPT, finalReceipt, CONTRIBUTOR.privateKey)

interface Sample {
  name: string
  kind: RecordKind<unknown>
  payload: object
  signer: Party
}

const SAMPLES: Sample[] = [
  { name: 'order', kind: ORDER as RecordKind<unknown>, payload: anOrder(), signer: CONSUMER },
  { name: 'receipt', kind: RECEIPT as RecordKind<unknown>, payload: finalReceipt, signer: CONTRIBUTOR },
  {
    name: 'acknowledgement',
    kind: ACKNOWLEDGEMENT as RecordKind<unknown>,
    payload: anAcknowledgement(receipt),
    signer: CONSUMER
  },
  {
    name: 'announcement',
    kind: ANNOUNCEMENT as RecordKind<unknown>,
    payload: anAnnouncement(),
    signer: CONTRIBUTOR
  }
]

/** Signs a text as it stands, canonical or not. */
async function signText(text: string, domain: string, privateKey: PrivateKey): Promise<SignedRecord> {
  const signature = await privateKey.sign(Buffer.from(domain + text))
  return { payload: text, signature: Buffer.from(signature).toString('base64url') }
}

describe('protocols/records/signed-record', () => {
  it('has a tier in an order that is not interactive, as in its golden file; no other word is taken', async () => {
    const order = anOrder({ tier: 'batch' })
    const record = await seal(ORDER, order, CONSUMER.privateKey)
    await assertGolden('record-order-batch', { domain: ORDER.domain, signer: CONSUMER.peer, record })
    assert.deepEqual(await open(ORDER, record, CONSUMER.peer), order)
    const other = await seal(ORDER, { ...order, tier: 'soon' as 'batch' }, CONSUMER.privateKey).catch(
      (err: unknown) => err
    )
    if (!(other instanceof Error)) await assert.rejects(open(ORDER, other as SignedRecord, CONSUMER.peer))
  })

  for (const { name, kind, payload, signer } of SAMPLES) {
    describe(name, () => {
      const sealed = seal(kind, payload, signer.privateKey)

      it('is as in its golden file, which verifies', async () => {
        const record = await sealed
        await assertGolden(`record-${name}`, { domain: kind.domain, signer: signer.peer, record })
        const golden = (await readGolden(`record-${name}`)) as { record: SignedRecord }
        assert.deepEqual(await open(kind, signedRecord.parse(golden.record), signer.peer), payload)
      })

      it('is refused when anything of its payload is changed', async () => {
        const record = await sealed
        for (const [key, value] of Object.entries(payload) as [string, unknown][]) {
          const other =
            typeof value === 'number' ? value + 1 : typeof value === 'boolean' ? !value : undefined
          if (other === undefined) continue
          const text = canonicalize({ ...payload, [key]: other })
          await assert.rejects(open(kind, { ...record, payload: text! }), InvalidRecordError, key)
        }
      })

      it('is refused when one byte of its payload or signature is another', async () => {
        const record = await sealed
        await fc.assert(
          fc.asyncProperty(
            fc.nat(record.payload.length - 1),
            fc.integer({ min: 32, max: 126 }),
            async (at, code) => {
              const changed =
                record.payload.slice(0, at) + String.fromCharCode(code) + record.payload.slice(at + 1)
              if (changed === record.payload) return
              await assert.rejects(open(kind, { ...record, payload: changed }), InvalidRecordError)
            }
          ),
          { numRuns: 60 }
        )
        const bytes = Buffer.from(record.signature, 'base64url')
        for (const at of [0, 31, 32, 63]) {
          const forged = Buffer.from(bytes)
          forged[at]! ^= 1
          const signature = forged.toString('base64url')
          await assert.rejects(open(kind, { ...record, signature }), InvalidRecordError)
        }
      })

      it('is refused when somebody else signed it, or when it is not by whom it has to be', async () => {
        const forged = await seal(kind, payload, STRANGER.privateKey)
        await assert.rejects(open(kind, forged), InvalidRecordError)
        await assert.rejects(open(kind, await sealed, STRANGER.peer), InvalidRecordError)
      })

      it('is refused when its text is not canonical, although the signature is good', async () => {
        const { payload: text } = await sealed
        const reordered = JSON.stringify(
          Object.fromEntries(Object.entries(JSON.parse(text) as object).reverse())
        )
        for (const variant of [
          reordered,
          ` ${text}`,
          `${text}\n`,
          text.replace(',', ', '),
          text.replace(/"([a-z])/, (_, letter: string) => `"\\u00${letter.charCodeAt(0).toString(16)}`),
          text.replace(/:(\d+)([,}])/, ':$1.0$2'),
          text.replace(/^\{/, '{"zz":1,'),
          text.replace(/^\{("[a-zA-Z]+":)/, '{$1null,$1')
        ]) {
          if (variant === text) continue
          const record = await signText(variant, kind.domain, signer.privateKey)
          await assert.rejects(open(kind, record), InvalidRecordError, variant)
        }
      })

      it('may have fields that this version does not know: signed, and left out', async () => {
        const record = await seal(kind, { ...payload, zFuture: { deep: [1] } }, signer.privateKey)
        assert.deepEqual(await open(kind, record), payload)
        const stripped = { ...record, payload: (await sealed).payload }
        await assert.rejects(open(kind, stripped), InvalidRecordError)
      })

      it('is refused without any one of its fields', async () => {
        for (const key of Object.keys(payload)) {
          const rest = Object.fromEntries(Object.entries(payload).filter(([other]) => other !== key))
          const record = await seal(kind, rest, signer.privateKey)
          await assert.rejects(open(kind, record), InvalidRecordError, key)
        }
      })

      it('is refused when its signer has no Ed25519 key, or an id in another form', async () => {
        const field =
          name === 'announcement' ? 'peer' : kind.signer === RECEIPT.signer ? 'contributor' : 'consumer'
        const secp256k1 = await generateKeyPair('secp256k1')
        const foreign = { ...payload, [field]: peerIdFromPrivateKey(secp256k1).toString() }
        const record = await signText(canonicalize(foreign)!, kind.domain, secp256k1)
        await assert.rejects(
          open(kind, { ...record, signature: record.signature.slice(0, 86) }),
          InvalidRecordError
        )
        for (const base of [base32, base36]) {
          const cid = peerIdFromString(signer.peer).toCID().toString(base)
          const sameKey = await seal(kind, { ...payload, [field]: cid }, signer.privateKey)
          await assert.rejects(open(kind, sameKey), InvalidRecordError)
        }
      })

      for (const other of SAMPLES.filter((sample) => sample.name !== name)) {
        it(`does not verify as ${other.name}, nor the other way round with its fields`, async () => {
          await assert.rejects(open(other.kind, await sealed), InvalidRecordError)
          // All fields of both kinds, so that nothing but the domain tells them apart.
          const both = { ...other.payload, ...payload }
          const record = await seal(kind, both, signer.privateKey)
          if (kind.signer(both) === other.kind.signer(both)) {
            await open(kind, record)
          }
          await assert.rejects(open(other.kind, record), InvalidRecordError)
          const crossSigned = await seal(
            { ...other.kind, domain: kind.domain },
            other.payload,
            other.signer.privateKey
          )
          await assert.rejects(open(other.kind, crossSigned), { message: 'The signature does not verify' })
        })
      }
    })
  }

  it('has a domain of its own for each kind, ended by a newline, none the beginning of another', () => {
    const domains = SAMPLES.map(({ kind }) => kind.domain)
    assert.equal(new Set(domains).size, 4)
    for (const domain of domains) {
      assert.match(domain, /^lobstah\/[a-z]+\/1\n$/)
      assert.equal(domains.filter((other) => other.startsWith(domain)).length, 1)
    }
  })

  it('refuses a payload over the limit before it looks at it', () => {
    const payload = 'x'.repeat(MAX_PAYLOAD_LENGTH + 1)
    assert.equal(signedRecord.safeParse({ ...order, payload }).success, false)
    assert.equal(signedRecord.safeParse({ ...order, payload: payload.slice(1) }).success, true)
  })

  it('refuses signatures of another length or alphabet', () => {
    for (const signature of [
      '',
      order.signature.slice(1),
      `${order.signature}=`,
      `+${order.signature.slice(1)}`
    ]) {
      assert.equal(signedRecord.safeParse({ ...order, signature }).success, false)
    }
  })

  it('signs nothing that has no canonical JSON', async () => {
    for (const id of [Number.NaN, 1n, '\ud800']) {
      await assert.rejects(
        seal(ORDER, anOrder({ id: id as string }), CONSUMER.privateKey),
        InvalidRecordError
      )
    }
    await assert.rejects(seal(ORDER, undefined as never, CONSUMER.privateKey), InvalidRecordError)
  })

  it('signs as libp2p does, and by Ed25519 alone', async () => {
    const { payload, signature } = await seal(ORDER, anOrder(), CONSUMER.privateKey)
    const signed = await CONSUMER.privateKey.sign(Buffer.from(ORDER.domain + payload))
    assert.equal(signature, Buffer.from(signed).toString('base64url'))
    const other = await generateKeyPair('secp256k1')
    await assert.rejects(seal(ORDER, anOrder(), other), InvalidRecordError)
  })

  it('opens what it sealed, whatever the numbers and texts are', async () => {
    const amount = fc.maxSafeNat()
    const fields = fc.record({
      model: fc.string({ minLength: 1, maxLength: 64, unit: 'grapheme' }),
      maxPromptTokens: amount,
      maxCompletionTokens: amount,
      price: fc.record({ prompt: amount, completion: amount }, { noNullPrototype: true }),
      digest: fc.option(fc.string({ maxLength: 64, unit: 'grapheme' }))
    })
    await fc.assert(
      fc.asyncProperty(fields, async (changes) => {
        const payload = anOrder(changes)
        const record = await seal(ORDER, payload, CONSUMER.privateKey)
        assert.deepEqual(await open(ORDER, record, CONSUMER.peer), payload)
      }),
      { numRuns: 50 }
    )
  })

  it('throws nothing but InvalidRecordError, whatever is to be opened', async () => {
    const deep = '['.repeat(20_000) + ']'.repeat(20_000)
    const texts = fc.oneof(
      fc.string(),
      fc.json(),
      fc.nat(order.payload.length).map((length) => order.payload.slice(0, length)),
      fc.constantFrom(
        'null',
        '[]',
        '{}',
        '{"__proto__":{}}',
        deep,
        order.payload.replace(/\}$/, `,"z":${deep}}`)
      )
    )
    await fc.assert(
      fc.asyncProperty(texts, fc.constantFrom(...SAMPLES), async (payload, { kind }) => {
        if (SAMPLES.some(({ payload: good }) => canonicalize(good) === payload)) return
        await assert.rejects(open(kind, { payload, signature: order.signature }), InvalidRecordError)
        await assert.rejects(
          open(kind, await signText(payload, kind.domain, CONSUMER.privateKey), STRANGER.peer),
          InvalidRecordError
        )
      }),
      { numRuns: 200 }
    )
  })
})
