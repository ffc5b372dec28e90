import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { z } from 'zod'
import { decodeJson, encodeJson } from '../../../protocols/framing/index.ts'
import {
  InvalidFrameError,
  MAX_ERROR_MESSAGE_LENGTH,
  consumerFrame,
  contributorFrame,
  inferenceRequest
} from '../../../protocols/index.ts'
import {
  CONSUMER_FRAMES,
  CONTRIBUTOR_FRAMES,
  ORDER_FRAME,
  TRACED_ORDER_FRAME,
  onTheWire
} from '../../support/frames.ts'
import { assertGolden, readGolden } from '../../support/golden.ts'
import { DOCUMENT, REQUEST } from '../../support/records.ts'

const SAMPLES: { name: string; schema: z.ZodType; frame: object }[] = [
  { name: 'chat-consumer-order-traced', schema: consumerFrame, frame: TRACED_ORDER_FRAME },
  ...Object.entries(CONSUMER_FRAMES).map(([type, frame]) => ({
    name: `chat-consumer-${type}`,
    schema: consumerFrame,
    frame
  })),
  ...Object.entries(CONTRIBUTOR_FRAMES).map(([type, frame]) => ({
    name: `chat-contributor-${type}`,
    schema: contributorFrame,
    frame
  }))
]

/** Any change to JSON text: cut, a part replaced, a value replaced by another. */
function mutated(text: string): fc.Arbitrary<string> {
  const at = fc.nat(text.length)
  return fc.oneof(
    at.map((end) => text.slice(0, end)),
    fc.tuple(at, fc.nat(8), fc.string({ maxLength: 8 })).map(([from, length, other]) => {
      return text.slice(0, from) + other + text.slice(from + length)
    }),
    fc
      .tuple(fc.constantFrom(...(text.match(/"(?:[^"\\]|\\.)*"|\d+/g) ?? [])), fc.json({ maxDepth: 2 }))
      .map(([part, other]) => {
        return text.replace(part, () => other)
      })
  )
}

describe('protocols/chat/frames', () => {
  for (const { name, schema, frame } of SAMPLES) {
    describe(name, () => {
      it('is as in its golden file, which is understood', async () => {
        await assertGolden(`frame-${name}`, onTheWire(frame))
        const { payload } = (await readGolden(`frame-${name}`)) as { payload: string }
        assert.deepEqual(decodeJson(schema, Buffer.from(payload)), frame)
      })

      it('may have fields that this version does not know', () => {
        assert.deepEqual(decodeJson(schema, encodeJson({ ...frame, future: { deep: true } })), frame)
      })

      it('is refused by InvalidFrameError alone, however it is cut or changed', () => {
        const text = JSON.stringify(frame)
        fc.assert(
          fc.property(mutated(text), (changed) => {
            try {
              decodeJson(schema, Buffer.from(changed))
            } catch (err) {
              assert.ok(err instanceof InvalidFrameError, String(err))
            }
          }),
          { numRuns: 150 }
        )
      })

      it('is refused under a type that nobody knows, or that is no text', () => {
        for (const type of ['future', '', null, 1, ['delta'], '__proto__', 'toString']) {
          assert.throws(() => decodeJson(schema, encodeJson({ ...frame, type })), InvalidFrameError)
        }
      })
    })
  }

  it('takes a request document as it is in its golden file', async () => {
    await assertGolden('frame-chat-request', onTheWire(REQUEST))
    assert.deepEqual(decodeJson(inferenceRequest, DOCUMENT), REQUEST)
  })

  it('refuses anything at all by InvalidFrameError alone', () => {
    const schemas = fc.constantFrom<z.ZodType>(consumerFrame, contributorFrame, inferenceRequest)
    const deep = '{"type":'.repeat(50_000)
    const payloads = fc.oneof(
      fc.uint8Array({ maxLength: 64 }),
      fc
        .oneof(fc.json(), fc.constantFrom('', 'null', '[]', '"delta"', deep, '['.repeat(100_000)))
        .map((text) => Buffer.from(text))
    )
    fc.assert(
      fc.property(schemas, payloads, (schema, payload) => {
        assert.throws(() => decodeJson(schema, payload), InvalidFrameError)
      }),
      { numRuns: 400 }
    )
  })

  it('refuses text that is not UTF-8', () => {
    const payload = Buffer.concat([
      Buffer.from('{"type":"delta","content":"'),
      Buffer.of(0xff),
      Buffer.from('"}')
    ])
    assert.throws(() => decodeJson(contributorFrame, payload), {
      name: 'InvalidFrameError',
      message: /UTF-8/
    })
  })

  it('takes no trace context that the W3C would not', () => {
    const { traceparent } = TRACED_ORDER_FRAME
    for (const bad of [
      '',
      traceparent.toUpperCase(),
      `${traceparent}-00`,
      traceparent.replace(/^00/, 'ff'),
      traceparent.replace(/-[0-9a-f]{32}-/, `-${'0'.repeat(32)}-`),
      traceparent.replace(/-[0-9a-f]{16}-/, `-${'0'.repeat(16)}-`)
    ]) {
      assert.throws(
        () => decodeJson(consumerFrame, encodeJson({ ...ORDER_FRAME, traceparent: bad })),
        InvalidFrameError
      )
    }
  })

  it('names the field at fault', () => {
    const frame = { type: 'end', finishReason: 'stop', usage: { promptTokens: -1, completionTokens: 0 } }
    assert.throws(() => decodeJson(contributorFrame, encodeJson(frame)), { message: /usage\.promptTokens/ })
  })

  it("takes none of the other side's frames", () => {
    for (const type of ['accepted', 'status', 'delta', 'receipt', 'end'] as const) {
      assert.throws(() => decodeJson(consumerFrame, encodeJson(CONTRIBUTOR_FRAMES[type])), InvalidFrameError)
    }
    for (const type of ['order', 'acknowledgement', 'cancel'] as const) {
      assert.throws(() => decodeJson(contributorFrame, encodeJson(CONSUMER_FRAMES[type])), InvalidFrameError)
    }
  })

  it('bounds what a stranger may say of an error', () => {
    const { error } = CONTRIBUTOR_FRAMES
    const message = 'x'.repeat(MAX_ERROR_MESSAGE_LENGTH)
    decodeJson(contributorFrame, encodeJson({ ...error, message }))
    for (const change of [
      { message: `${message}x` },
      { code: 'c'.repeat(65) },
      { retryAfterMs: 86_400_001 },
      { retryAfterMs: -1 }
    ]) {
      assert.throws(
        () => decodeJson(contributorFrame, encodeJson({ ...error, ...change })),
        InvalidFrameError
      )
    }
  })
})
