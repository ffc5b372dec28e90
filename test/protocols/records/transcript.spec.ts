import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { encodeJson } from '../../../protocols/framing/index.ts'
import { Transcript, sha256 } from '../../../protocols/records/index.ts'
import { assertGolden } from '../../support/golden.ts'

const ORDER_HASH = sha256('order')

/** The definition in protocols/records/README.md, word by word. */
function chain(orderHash: string, payloads: Uint8Array[]): string[] {
  let h = Buffer.from(orderHash, 'base64url')
  return [
    orderHash,
    ...payloads.map((payload) => {
      h = createHash('sha256')
        .update(Buffer.concat([h, payload]))
        .digest()
      return h.toString('base64url')
    })
  ]
}

describe('protocols/records/transcript', () => {
  it('is the chain of the spec, as in its golden file', async () => {
    const transcript = new Transcript(ORDER_HASH)
    const points = [transcript.at()]
    const payloads = ['Hel', 'lo', ' wörld'].map((content) =>
      encodeJson({ type: 'delta', content, tokens: 1 })
    )
    for (const payload of payloads) {
      transcript.add(payload, payload.byteLength)
      points.push(transcript.at())
    }
    assert.deepEqual(
      points.map((point) => point?.hash),
      chain(ORDER_HASH, payloads)
    )
    await assertGolden('transcript', {
      orderHash: ORDER_HASH,
      payloads: payloads.map((payload) => Buffer.from(payload).toString()),
      points
    })
  })

  it('has every point from the latest forgotten one on, for any frames', () => {
    const frames = fc.array(fc.tuple(fc.uint8Array({ maxLength: 20 }), fc.nat(100)), { maxLength: 30 })
    fc.assert(
      fc.property(frames, fc.array(fc.integer({ min: -2, max: 40 })), (added, forgotten) => {
        const transcript = new Transcript(ORDER_HASH)
        for (const [payload, bytes] of added) transcript.add(payload, bytes)
        for (const deltas of forgotten) transcript.forget(deltas)
        const base = Math.min(Math.max(0, ...forgotten), added.length)
        const hashes = chain(
          ORDER_HASH,
          added.map(([payload]) => payload)
        )
        assert.equal(transcript.deltas, added.length)
        for (let deltas = -1; deltas <= added.length + 1; deltas++) {
          const known = deltas >= base && deltas <= added.length
          const bytes = added.slice(0, Math.max(deltas, 0)).reduce((sum, [, more]) => sum + more, 0)
          const expected = known ? { deltas, hash: hashes[deltas], bytes } : undefined
          assert.deepEqual(transcript.at(deltas), expected)
        }
      })
    )
  })

  it('goes on from what was forgotten', () => {
    const [one, two] = [new Transcript(ORDER_HASH), new Transcript(ORDER_HASH)]
    for (let i = 0; i < 10; i++) {
      one.add(Uint8Array.of(i), 1)
      two.add(Uint8Array.of(i), 1)
      two.forget(i)
    }
    assert.deepEqual(two.at(), one.at())
  })

  it('is another one for another order, order of frames, or cut of the same bytes', () => {
    const hashOf = (orderHash: string, ...texts: string[]): string | undefined => {
      const transcript = new Transcript(orderHash)
      for (const text of texts) transcript.add(Buffer.from(text), text.length)
      return transcript.at()?.hash
    }
    const hashes = [
      hashOf(ORDER_HASH, 'a', 'b'),
      hashOf(sha256('other'), 'a', 'b'),
      hashOf(ORDER_HASH, 'b', 'a'),
      hashOf(ORDER_HASH, 'ab'),
      hashOf(ORDER_HASH, 'ab', '')
    ]
    assert.equal(new Set(hashes).size, hashes.length)
  })

  it('has no point that is not a whole number', () => {
    const transcript = new Transcript(ORDER_HASH)
    transcript.add(Uint8Array.of(1), 1)
    for (const deltas of [0.5, Number.NaN, Infinity]) assert.equal(transcript.at(deltas), undefined)
  })
})
