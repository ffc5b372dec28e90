import assert from 'node:assert/strict'
import fc from 'fast-check'
import * as varint from 'uint8-varint'
import type { Stream } from '@libp2p/interface'
import type { z } from 'zod'
import { verifyProof } from '../../node/entry/proof.ts'
import {
  ACKNOWLEDGEMENT,
  ANNOUNCEMENT,
  FrameStream,
  InvalidFrameError,
  InvalidRecordError,
  MAX_FRAME_BYTES,
  ORDER,
  PeerLostError,
  RECEIPT,
  REQUEST_BOUNDS,
  claimFrame,
  claimReplyFrame,
  consumerFrame,
  contributorFrame,
  decodeJson,
  inferenceRequest,
  open,
  signedRecord,
  type RecordKind
} from '../../protocols/index.ts'
import { infoFrame } from '../../protocols/info/frames.ts'
import {
  initiatorFrame,
  responderFrame,
  seenFrame,
  stunFrame,
  whoisFrame
} from '../../protocols/punch/frames.ts'
import { CONSUMER_FRAMES, CONTRIBUTOR_FRAMES, ORDER_FRAME } from '../support/frames.ts'
import { Libp2pPair } from '../support/libp2p-pair.ts'
import { DOCUMENT } from '../support/records.ts'

/** How many inputs each decoder gets; more by `FUZZ_RUNS`. */
const RUNS = Number(process.env.FUZZ_RUNS ?? 300)

const DECODERS: [string, z.ZodType][] = [
  ['consumer', consumerFrame],
  ['contributor', contributorFrame],
  ['claim', claimFrame],
  ['claim reply', claimReplyFrame],
  ['request', inferenceRequest],
  ['announcement', infoFrame],
  ['punch, initiator', initiatorFrame],
  ['punch, responder', responderFrame],
  ['STUN servers', stunFrame],
  ['seen, asking', whoisFrame],
  ['seen, telling', seenFrame]
]

/** Documents that are cheap to send and would be dear to look at. */
const HUGE: [string, z.ZodType, string, number][] = [
  ['a list of nothing', inferenceRequest, '{"kind":"chat","model":"m","messages":[#0]}', 64],
  [
    'lists in lists',
    inferenceRequest,
    `{"kind":"chat","model":"m","messages":[{"role":"user","content":[#0]},0]}`,
    16
  ],
  ['many biases', inferenceRequest, '{"kind":"completion","model":"m","prompt":"","logit_bias":[#0]}', 16],
  ['many tool calls', contributorFrame, '{"type":"delta","toolCalls":[#0]}', 1],
  ['many log probabilities', contributorFrame, '{"type":"delta","logprobs":[#0]}', 1],
  ['many vectors', contributorFrame, '{"type":"delta","embeddings":[#0]}', 1],
  ['a long text of another type', claimFrame, '{"type":[#0]}', 1]
]

const { order } = ORDER_FRAME
const { receipt } = CONTRIBUTOR_FRAMES.receipt
const { acknowledgement } = CONSUMER_FRAMES.acknowledgement
const SEEDS = [
  ...Object.values(CONSUMER_FRAMES),
  ...Object.values(CONTRIBUTOR_FRAMES),
  ORDER_FRAME,
  { type: 'list', after: '' },
  { type: 'claim', order, receipt },
  { type: 'dispute', order: 'AAECAwQFBgcICQoLDA0ODw', seq: 1, reason: 'exposure' },
  { order, receipt, acknowledgement },
  JSON.parse(Buffer.from(DOCUMENT).toString()) as object
].map((frame) => Buffer.from(JSON.stringify(frame)))

/** Bytes of nothing, of a good frame cut or changed, and of JSON that is deep, long or odd. */
const input: fc.Arbitrary<Buffer> = fc.oneof(
  fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
  fc.tuple(fc.constantFrom(...SEEDS), fc.nat(4000)).map(([seed, end]) => seed.subarray(0, end)),
  fc
    .tuple(fc.constantFrom(...SEEDS), fc.nat(), fc.uint8Array({ minLength: 1, maxLength: 16 }))
    .map(([seed, at, bytes]) => {
      const changed = Buffer.from(seed)
      changed.set(bytes.subarray(0, changed.length - (at % changed.length)), at % changed.length)
      return changed
    }),
  fc.json({ maxDepth: 4 }).map((text) => Buffer.from(text)),
  fc.integer({ min: 1, max: 50_000 }).map((depth) => Buffer.from('['.repeat(depth) + ']'.repeat(depth))),
  fc.integer({ min: 1, max: 50_000 }).map((length) => Buffer.from(`{"type":"${'x'.repeat(length)}"}`)),
  fc
    .constantFrom('1e999', '-0', '{"__proto__":{"type":"cancel"}}', '"\\ud800"')
    .map((text) => Buffer.from(text))
)

describe('decoders of what strangers send', function () {
  this.timeout(60_000 + RUNS * 100)

  for (const [name, schema] of DECODERS) {
    it(`the ${name} frame is decoded, or refused by InvalidFrameError`, () => {
      fc.assert(
        fc.property(input, (bytes) => {
          try {
            decodeJson(schema, bytes)
          } catch (err) {
            assert.ok(err instanceof InvalidFrameError, String(err))
          }
        }),
        { numRuns: RUNS }
      )
    })
  }

  for (const [name, schema, text, megabytes] of HUGE) {
    it(`${name}, ${megabytes} MiB, is refused in a moment, and by no more memory than it has`, () => {
      const bytes = Buffer.from(text.replace('#', '0,'.repeat((megabytes * 2 ** 20 - text.length) / 2)))
      const before = process.memoryUsage().heapUsed
      const start = performance.now()
      assert.throws(() => decodeJson(schema, bytes), InvalidFrameError)
      assert.ok(performance.now() - start < 15_000)
      assert.ok(process.memoryUsage().heapUsed - before < 12 * bytes.length + 2 ** 26)
    })
  }

  it('a request with as many values as it may have, all of them wrong, is refused in seconds', () => {
    const values = REQUEST_BOUNDS.values - 10
    const bytes = Buffer.from(`{"kind":"chat","model":"m","messages":[${'0,'.repeat(values)}0]}`)
    const start = performance.now()
    assert.throws(() => decodeJson(inferenceRequest, bytes, REQUEST_BOUNDS), InvalidFrameError)
    assert.ok(performance.now() - start < 15_000)
  })

  it('a signed record is opened, or refused by InvalidRecordError', async () => {
    const kinds = [ORDER, RECEIPT, ACKNOWLEDGEMENT, ANNOUNCEMENT] as unknown as RecordKind<unknown>[]
    const record = fc.tuple(
      fc.oneof(
        input.map((bytes) => bytes.toString()),
        fc.constantFrom(order.payload, receipt.payload)
      ),
      fc.constantFrom(order.signature, 'A'.repeat(86), '_'.repeat(86))
    )
    await fc.assert(
      fc.asyncProperty(record, fc.constantFrom(...kinds), async ([payload, signature], kind) => {
        if (!signedRecord.safeParse({ payload, signature }).success) return
        await open(kind, { payload, signature }).catch((err: unknown) => {
          assert.ok(err instanceof InvalidRecordError, String(err))
        })
      }),
      { numRuns: RUNS }
    )
  })

  it('a line of an export is verified, or refused by InvalidRecordError', async () => {
    await fc.assert(
      fc.asyncProperty(input, async (bytes) => {
        await verifyProof(bytes.toString()).catch((err: unknown) => {
          assert.ok(err instanceof InvalidRecordError, String(err))
        })
      }),
      { numRuns: RUNS }
    )
  })

  it('a stream of any bytes comes to frames or an error, never to more memory than a frame', async () => {
    const pair = await Libp2pPair.connect()
    const read = Promise.withResolvers<unknown>()
    let settle = read
    let largest = 0
    await pair.listener.handle(
      '/fuzz',
      async (stream: Stream) => {
        const frames = new FrameStream(stream)
        try {
          for (;;) largest = Math.max(largest, (await frames.read()).byteLength)
        } catch (err) {
          stream.abort(new InvalidFrameError())
          settle.resolve(err)
        }
      },
      { maxInboundStreams: 1000 }
    )
    const lengths = fc.oneof(fc.nat(300), fc.constantFrom(MAX_FRAME_BYTES + 1, 2 ** 31, 2 ** 53 - 1))
    const chunk = fc.oneof(
      lengths.map((length) => Buffer.from(varint.encode(length))),
      fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes))
    )
    try {
      await fc.assert(
        fc.asyncProperty(fc.array(chunk, { maxLength: 20 }), async (chunks) => {
          settle = Promise.withResolvers()
          const stream = await pair.connection.newStream('/fuzz', { maxOutboundStreams: 1000 })
          if (chunks.length > 0) stream.send(Buffer.concat(chunks))
          // The other end may have reset the stream already.
          await stream.close().catch(() => undefined)
          const err = await settle.promise
          assert.ok(err instanceof InvalidFrameError || err instanceof PeerLostError, String(err))
        }),
        { numRuns: Math.min(RUNS, 100) }
      )
    } finally {
      await pair.stop()
    }
    assert.ok(largest <= MAX_FRAME_BYTES)
  })
})
