import assert from 'node:assert/strict'
import type { Stream } from '@libp2p/interface'
import {
  FrameStream,
  InvalidFrameError,
  PUNCH_PROTOCOL,
  PeerLostError,
  STUN_PROTOCOL,
  acceptPunch,
  askStunPorts,
  encodeJson,
  openPunch,
  proposePunch,
  tellStunPorts,
  type Endpoint,
  type PunchAnswer,
  type PunchOffer
} from '../../../protocols/index.ts'
import { Libp2pPair } from '../../support/libp2p-pair.ts'

const ENDPOINT: Endpoint = {
  observed: [{ address: '31.60.0.2', port: 40_003 }],
  local: [],
  mapping: 'stable'
}
const OFFER: PunchOffer = { type: 'offer', token: '00112233445566778899aabbccddeeff', udp: ENDPOINT }
const ANSWER: PunchAnswer = { type: 'answer', tcp: ENDPOINT }

describe('protocols/punch/exchange', () => {
  let pair: Libp2pPair
  let stop: AbortController

  before(async () => {
    pair = await Libp2pPair.connect()
  })
  after(() => pair.stop())
  beforeEach(() => {
    stop = new AbortController()
  })
  afterEach(async () => {
    stop.abort()
    await pair.listener.unhandle([PUNCH_PROTOCOL, STUN_PROTOCOL])
  })

  /** The initiator's result with a responder that behaves like this. */
  async function propose(act: (stream: Stream) => Promise<unknown>): Promise<PunchAnswer> {
    await pair.listener.handle(PUNCH_PROTOCOL, (stream) => void act(stream).catch(() => undefined))
    const stream = await openPunch(pair.connection, { signal: stop.signal })
    return await proposePunch(stream, OFFER, { signal: stop.signal })
  }

  /** How a responder fares with an initiator that acts so. */
  async function accept(act: (frames: FrameStream) => Promise<unknown>): Promise<{ offer: PunchOffer }> {
    const { promise, resolve } = Promise.withResolvers<Promise<{ offer: PunchOffer }>>()
    promise.catch(() => undefined)
    await pair.listener.handle(PUNCH_PROTOCOL, (stream) => {
      const accepting = acceptPunch(stream, async () => ANSWER, { signal: stop.signal })
      resolve(accepting)
    })
    const stream = await openPunch(pair.connection, { signal: stop.signal })
    await act(new FrameStream(stream))
    return await promise
  }

  it('brings offer and answer across, and both to the start', async () => {
    const accepted = Promise.withResolvers<{ offer: PunchOffer; answer: PunchAnswer }>()
    const answer = await propose(async (stream) => {
      accepted.resolve(await acceptPunch(stream, async () => ANSWER, { signal: stop.signal }))
    })
    assert.deepEqual(answer, ANSWER)
    assert.deepEqual(await accepted.promise, { offer: OFFER, answer: ANSWER })
  })

  it('takes a responder that ends for lost', async () => {
    await assert.rejects(
      propose((stream) => stream.close()),
      PeerLostError
    )
  })

  it('takes a responder that resets for lost', async () => {
    await assert.rejects(
      propose(async (stream) => stream.abort(new PeerLostError())),
      PeerLostError
    )
  })

  it('refuses a responder that starts before it answers', async () => {
    const started = propose((stream) => new FrameStream(stream).write(encodeJson({ type: 'started' })))
    await assert.rejects(started, InvalidFrameError)
  })

  it('refuses a frame over 4 KiB', async () => {
    const long = propose((stream) => new FrameStream(stream).write(new Uint8Array(5000)))
    await assert.rejects(long, InvalidFrameError)
  })

  it('gives up when its signal aborts', async () => {
    const waiting = propose(async () => stop.abort(new PeerLostError('stopped')))
    await assert.rejects(waiting, { message: 'stopped' })
  })

  it('refuses an initiator that starts before it offers', async () => {
    await assert.rejects(
      accept((frames) => frames.write(encodeJson({ type: 'start' }))),
      InvalidFrameError
    )
  })

  it('refuses an initiator that offers twice', async () => {
    await assert.rejects(
      accept(async (frames) => {
        await frames.write(encodeJson(OFFER))
        await frames.write(encodeJson(OFFER))
      }),
      InvalidFrameError
    )
  })

  it('takes an initiator that goes for lost', async () => {
    await assert.rejects(
      accept((frames) => frames.close()),
      PeerLostError
    )
  })

  it('tells STUN ports', async () => {
    const ports = { udp: [17_477, 17_478], tcp: 17_477 }
    await pair.listener.handle(STUN_PROTOCOL, (stream) => void tellStunPorts(stream, ports))
    const told = await askStunPorts(pair.connection, { signal: stop.signal })
    assert.deepEqual(told, { type: 'stun', ...ports })
  })

  it('refuses STUN ports of servers', async () => {
    await pair.listener.handle(STUN_PROTOCOL, (stream) => void tellStunPorts(stream, { udp: [53] }))
    await assert.rejects(askStunPorts(pair.connection, { signal: stop.signal }), InvalidFrameError)
  })
})
