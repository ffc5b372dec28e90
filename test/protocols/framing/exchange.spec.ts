import assert from 'node:assert/strict'
import { streamPair } from '@libp2p/utils'
import { z } from 'zod'
import type { Stream } from '@libp2p/interface'
import { BusyError, EngineFailedError, LobstahError, PeerLostError } from '../../../protocols/errors.ts'
import {
  Exchange,
  FrameStream,
  READ_HIGH_WATER_BYTES,
  encodeJson,
  errorFrame,
  toErrorFrame
} from '../../../protocols/framing/index.ts'
import { until } from '../../support/mesh.ts'

const schema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('word'), word: z.string() }),
  errorFrame
])
type Frame = z.infer<typeof schema>

describe('protocols/framing/exchange', () => {
  let exchange: Exchange<Frame, Frame>
  let far: FrameStream
  let near: Stream

  beforeEach(async () => {
    const [outbound, inbound] = await streamPair({ delay: 0 })
    near = inbound
    far = new FrameStream(outbound)
    exchange = new Exchange<Frame, Frame>(inbound, schema)
  })
  afterEach(() => {
    near.abort(new PeerLostError())
    far.stream.abort(new PeerLostError())
  })

  const next = async (): Promise<unknown> => JSON.parse(Buffer.from(await far.read()).toString())
  const say = (frame: object): Promise<void> => far.write(encodeJson(frame))

  it('gives frames with their bytes, and throws the error of the peer', async () => {
    await say({ type: 'word', word: 'hello' })
    await say(toErrorFrame(new BusyError()))
    const { frame, payload } = await exchange.read()
    assert.deepEqual(frame, { type: 'word', word: 'hello' })
    assert.ok(Buffer.from(payload).equals(encodeJson(frame)))
    await assert.rejects(exchange.read(), BusyError)
  })

  it('says why it fails, closes its own end, and does not reset before the peer has closed', async () => {
    await exchange.send({ type: 'word', word: 'last' })
    const failing = exchange.fail(new EngineFailedError('out of memory'))
    await until(() => far.stream.remoteWriteStatus === 'closed')
    assert.equal(near.status, 'open')
    assert.deepEqual(await next(), { type: 'word', word: 'last' })
    assert.deepEqual(await next(), toErrorFrame(new EngineFailedError('out of memory')))
    await far.stream.close()
    await failing
    assert.equal(near.status, 'closed')
    assert.equal(far.stream.status, 'closed')
  })

  it('goes on taking what was said before the peer knew', async () => {
    const failing = exchange.fail(new EngineFailedError())
    await say({ type: 'word', word: 'late' })
    assert.deepEqual((await exchange.read()).frame, { type: 'word', word: 'late' })
    await far.stream.close()
    await failing
  })

  it('drops what nobody reads any more, so that the peer comes to its end', async () => {
    const payload = new Uint8Array(READ_HIGH_WATER_BYTES)
    await far.write(payload)
    await until(() => near.readStatus === 'paused')
    const failing = exchange.fail(new BusyError())
    for (let i = 0; i < 8; i++) await far.write(payload)
    await far.stream.close()
    await failing
    assert.equal(near.status, 'closed')
  })

  for (const [name, reason] of [
    ['the error of the peer', (err: LobstahError) => err],
    ['another error', () => new EngineFailedError()]
  ] as const) {
    it(`answers an error with none of its own, be it for ${name}`, async () => {
      await say(toErrorFrame(new BusyError()))
      const heard = await exchange.read().catch((err: unknown) => err)
      assert.ok(heard instanceof LobstahError)
      const failing = exchange.fail(reason(heard))
      await assert.rejects(far.read(), { name: 'PeerLostError', message: /without a final frame/ })
      await far.stream.close()
      await failing
      assert.equal(near.status, 'closed')
    })
  }

  it('says one error, however often it fails', async () => {
    const failing = [exchange.fail(new BusyError()), exchange.fail(new EngineFailedError())]
    assert.deepEqual(await next(), toErrorFrame(new BusyError()))
    await assert.rejects(far.read(), PeerLostError)
    await far.stream.close()
    await Promise.all(failing)
  })

  it('resets at once where the peer is lost', async () => {
    await exchange.fail(new PeerLostError())
    assert.equal(near.status, 'aborted')
  })
})
