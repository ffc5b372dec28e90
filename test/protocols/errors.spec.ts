import assert from 'node:assert/strict'
import { once } from 'node:events'
import { streamPair } from '@libp2p/utils'
import type { Connection, Stream, StreamHandler } from '@libp2p/interface'
import { defaultLogger } from '@libp2p/logger'
import type { Authority } from '../../node/membership/authority.ts'
import { Gate } from '../../node/membership/gate.ts'
import type { LobstahError } from '../../protocols/index.ts'
import {
  BusyError,
  ChatExchange,
  EngineFailedError,
  FrameStream,
  InvalidFrameError,
  NotAllowedError,
  PeerLostError,
  ReceiptRefusedError,
  acceptPunch,
  encodeJson,
  proposePunch,
  reconcile,
  serveChat,
  serveReceipts,
  subscribeInfo,
  toErrorFrame
} from '../../protocols/index.ts'
import { CONSUMER_FRAMES, CONTRIBUTOR_FRAMES, ORDER_FRAME } from '../support/frames.ts'
import { until } from '../support/mesh.ts'
import { DOCUMENT, STRANGER } from '../support/records.ts'

/** One side of a protocol with an `error` frame, over a stream whose other end the test holds. */
interface Side {
  name: string
  /** Starts it so that it fails by itself once it has read `prompt`. */
  fail(stream: Stream): unknown
  /** Starts it so that it reads. */
  read(stream: Stream): unknown
  /** The frame after which it fails by itself. */
  prompt?: object
  /** The frames that it sends before any error, if `prompt` is not sent; the document is not JSON of a frame. */
  opening: number
}

const { certificate, hello } = {
  certificate: ORDER_FRAME.order,
  hello: { type: 'hello', certificate: ORDER_FRAME.order, epoch: 0 }
}
const claim = { type: 'claim', order: ORDER_FRAME.order, receipt: CONTRIBUTOR_FRAMES.receipt.receipt }
const noSignal = new AbortController().signal

/** A connection that opens only this stream. */
function connectionOf(stream: Stream, direction: 'inbound' | 'outbound'): Connection {
  return Object.assign(new EventTarget(), {
    direction,
    status: 'open',
    streams: [stream],
    remotePeer: STRANGER.privateKey.publicKey,
    newStream: () => Promise.resolve(stream),
    abort: () => undefined
  }) as unknown as Connection
}

/** Starts the membership protocol on a stream, with an authority that takes no certificate. */
async function startGate(stream: Stream, direction: 'inbound' | 'outbound'): Promise<void> {
  let onStream: StreamHandler | undefined
  let onOpen: ((event: CustomEvent<Connection>) => void) | undefined
  const authority = {
    certificate,
    epoch: 0,
    keys: [],
    statements: [],
    onChange: () => () => undefined,
    judge: () => Promise.reject(new NotAllowedError())
  } as unknown as Authority
  const gate = new Gate(authority, {
    registrar: {
      handle: (_protocol, handler) => {
        onStream = handler
        return Promise.resolve()
      }
    },
    events: { addEventListener: (_type, listener) => (onOpen = listener) },
    logger: defaultLogger()
  })
  await gate.start()
  const connection = connectionOf(stream, direction)
  onOpen?.(new CustomEvent('connection:open', { detail: connection }))
  if (direction === 'inbound') await onStream?.(stream, connection)
}

const SIDES: Side[] = [
  {
    name: "chat's contributor",
    prompt: ORDER_FRAME,
    opening: 0,
    fail: (stream) =>
      serveChat(stream, connectionOf(stream, 'inbound'), () => Promise.reject(new EngineFailedError())),
    read: (stream) =>
      serveChat(stream, connectionOf(stream, 'inbound'), async (session) => {
        void session.listen(() => Promise.resolve())
        await once(session.signal, 'abort')
        throw session.signal.reason
      })
  },
  {
    name: "chat's consumer",
    opening: 2,
    fail: async (stream) => {
      const exchange = new ChatExchange(stream, ORDER_FRAME.order, DOCUMENT)
      await exchange.acknowledge(CONSUMER_FRAMES.acknowledgement.acknowledgement)
      await exchange.fail(new ReceiptRefusedError())
    },
    read: async (stream) => {
      const exchange = new ChatExchange(stream, ORDER_FRAME.order, DOCUMENT)
      await exchange.read().catch((err: unknown) => exchange.fail(err as LobstahError))
    }
  },
  {
    name: "receipts' contributor",
    opening: 0,
    fail: (stream) => serveReceipts(stream, new BusyError()),
    read: (stream) =>
      serveReceipts(stream, { claims: () => Promise.resolve([]), replied: () => Promise.resolve() })
  },
  {
    name: "receipts' consumer",
    prompt: claim,
    opening: 1,
    fail: (stream) => ask(stream),
    read: (stream) => ask(stream)
  },
  {
    name: "membership's listener",
    prompt: hello,
    opening: 0,
    fail: (stream) => startGate(stream, 'inbound'),
    read: (stream) => startGate(stream, 'inbound')
  },
  {
    name: "membership's dialler",
    prompt: hello,
    opening: 1,
    fail: (stream) => startGate(stream, 'outbound'),
    read: (stream) => startGate(stream, 'outbound')
  }
]

async function ask(stream: Stream): Promise<void> {
  const decide = (): Promise<never> => Promise.reject(new BusyError())
  await reconcile(connectionOf(stream, 'outbound'), decide, { signal: noSignal }).catch(() => undefined)
}

describe('protocols, when an exchange fails', () => {
  let far: FrameStream
  let near: Stream

  beforeEach(async () => {
    const [outbound, inbound] = await streamPair({ delay: 0 })
    near = inbound
    far = new FrameStream(outbound)
  })
  afterEach(() => {
    near.abort(new PeerLostError())
    far.stream.abort(new PeerLostError())
  })

  /** Types of all frames up to the end of the stream. Rejects if the stream is reset. */
  async function rest(): Promise<string[]> {
    const types: string[] = []
    for (;;) {
      const payload = await far.read().catch((err: unknown) => {
        assert.match(String(err), /without a final frame/, 'the stream was reset')
      })
      if (payload === undefined) return types
      types.push((JSON.parse(Buffer.from(payload).toString()) as { type?: string }).type ?? 'document')
    }
  }

  for (const side of SIDES) {
    it(`${side.name} sends one error, closes its end, and does not reset before the peer closes`, async () => {
      const running = Promise.resolve(side.fail(near))
      if (side.prompt !== undefined) await far.write(encodeJson(side.prompt))
      await until(() => far.stream.remoteWriteStatus === 'closed')
      assert.equal(near.status, 'open')
      const types = await rest()
      assert.equal(types.at(-1), 'error')
      assert.equal(types.filter((type) => type === 'error').length, 1)
      await far.stream.close()
      await running
      await until(() => near.status === 'closed')
    })

    it(`${side.name} answers an error with nothing`, async () => {
      const running = Promise.resolve(side.read(near))
      if (side.name === "chat's contributor") await far.write(encodeJson(ORDER_FRAME))
      await far.write(encodeJson(toErrorFrame(new BusyError())))
      const types = await rest()
      assert.ok(!types.includes('error'), types.join())
      assert.equal(types.length, side.opening)
      await far.stream.close()
      await running
      await until(() => near.status === 'closed')
    })
  }

  const OTHERS: { name: string; opening: number; run: (stream: Stream) => Promise<unknown> }[] = [
    {
      name: "info's subscriber",
      opening: 0,
      run: (stream) =>
        subscribeInfo(connectionOf(stream, 'outbound'), { signal: noSignal, now: Date.now })
          .next()
          .catch((err: unknown) => err)
    },
    {
      name: "punch's initiator",
      opening: 1,
      run: (stream) =>
        proposePunch(stream, { type: 'offer', token: '00'.repeat(16) }, { signal: noSignal }).catch(
          (err: unknown) => err
        )
    },
    {
      name: "punch's responder",
      opening: 0,
      run: (stream) =>
        acceptPunch(stream, () => Promise.reject(new BusyError()), { signal: noSignal }).catch(
          (err: unknown) => err
        )
    }
  ]
  for (const { name, opening, run } of OTHERS) {
    it(`${name}, which has no error frame, takes one for invalid and answers nothing`, async () => {
      const running = run(near)
      for (let frames = 0; frames < opening; frames++) await far.read()
      await far.write(encodeJson(toErrorFrame(new BusyError())))
      assert.ok((await running) instanceof InvalidFrameError)
      near.abort(new PeerLostError())
      await assert.rejects(far.read(), PeerLostError)
    })
  }
})
