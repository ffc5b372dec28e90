import assert from 'node:assert/strict'
import { setImmediate as nextTurn } from 'node:timers/promises'
import * as varint from 'uint8-varint'
import type { Connection, Stream } from '@libp2p/interface'
import type { ChatExchange } from '../../../protocols/index.ts'
import {
  BusyError,
  CHAT_PROTOCOL,
  CancelledError,
  type ChatHandler,
  type ChatSession,
  DeadlineError,
  EngineFailedError,
  FrameStream,
  InvalidFrameError,
  LobstahError,
  MAX_FRAME_BYTES,
  NotAllowedError,
  PeerLostError,
  ReceiptRefusedError,
  contributorFrame,
  decodeJson,
  encodeJson,
  openChat,
  readAccepted,
  serveChat,
  type ContributorFrame,
  type SignedRecord
} from '../../../protocols/index.ts'
import { CONSUMER_FRAMES, CONTRIBUTOR_FRAMES, ORDER_FRAME } from '../../support/frames.ts'
import { Libp2pPair } from '../../support/libp2p-pair.ts'
import { until } from '../../support/mesh.ts'
import { DOCUMENT } from '../../support/records.ts'

const { order } = ORDER_FRAME
const { acknowledgement } = CONSUMER_FRAMES.acknowledgement
const { accepted, delta, end, receipt } = CONTRIBUTOR_FRAMES

describe('protocols/chat over TCP', () => {
  let pair: Libp2pPair
  /** The listener's behaviour for the next stream. */
  let onStream: (stream: Stream, connection: Connection) => Promise<unknown>

  before(async () => {
    pair = await Libp2pPair.connect()
    await pair.listener.handle(CHAT_PROTOCOL, (stream, connection) => void onStream(stream, connection))
  })
  after(() => pair.stop())
  afterEach(async () => {
    for (const node of [pair.dialer, pair.listener]) {
      for (const connection of node.getConnections()) {
        for (const stream of chatStreams(connection)) stream.abort(new PeerLostError())
      }
    }
    await until(() =>
      pair.dialer.getConnections().every((connection) => chatStreams(connection).length === 0)
    )
  })

  const chatStreams = (connection: Connection): Stream[] =>
    connection.streams.filter(({ protocol }) => protocol === CHAT_PROTOCOL)

  /** A contributor that does what it wants, and a consumer's exchange with it. */
  async function withServer(
    act: (frames: FrameStream) => Promise<unknown>,
    document = DOCUMENT
  ): Promise<ChatExchange> {
    onStream = (stream) => act(new FrameStream(stream)).catch(() => undefined)
    return await openChat(pair.connection, order, document)
  }

  /** A contributor as it should be, and a consumer that does what it wants; `failed` is what the contributor logs. */
  async function withClient(
    handler: ChatHandler
  ): Promise<{ frames: FrameStream; failed: Promise<LobstahError | undefined> }> {
    const served = Promise.withResolvers<LobstahError | undefined>()
    onStream = async (stream, connection) => served.resolve(await serveChat(stream, connection, handler))
    return { frames: new FrameStream(await pair.connection.newStream(CHAT_PROTOCOL)), failed: served.promise }
  }

  const send = async (frames: FrameStream, ...sent: object[]): Promise<void> => {
    for (const frame of sent) await frames.write(encodeJson(frame))
  }

  const read = async (frames: FrameStream): Promise<ContributorFrame> =>
    decodeJson(contributorFrame, await frames.read())

  describe('a consumer', () => {
    it('sends order and document, and takes frames with the bytes that the transcript covers', async () => {
      const sent: unknown[] = []
      const exchange = await withServer(async (frames) => {
        sent.push(JSON.parse(Buffer.from(await frames.read()).toString()), await frames.read())
        await send(frames, accepted, delta, end)
        await frames.close()
      })
      assert.deepEqual(await readAccepted(exchange), { position: 3, waitMs: 12_500 })
      const received = await exchange.read()
      assert.deepEqual(received.frame, delta)
      assert.ok(Buffer.from(received.payload).equals(encodeJson(delta)))
      assert.deepEqual((await exchange.read()).frame, end)
      await exchange.close()
      assert.deepEqual(sent[0], ORDER_FRAME)
      assert.deepEqual(Buffer.from(sent[1] as Uint8Array), Buffer.from(DOCUMENT))
    })

    it('throws the error that the contributor sends', async () => {
      const exchange = await withServer((frames) => send(frames, CONTRIBUTOR_FRAMES.error))
      await assert.rejects(exchange.read(), (err) => err instanceof BusyError && err.retryAfterMs === 2000)
    })

    it('stops at its signal', async () => {
      const exchange = await withServer(async () => undefined)
      const abort = new AbortController()
      const reading = exchange.read({ signal: abort.signal })
      abort.abort(new CancelledError('enough'))
      await assert.rejects(reading, { message: 'enough' })
      await assert.rejects(exchange.read({ signal: abort.signal }), { message: 'enough' })
    })

    it('takes a contributor that is silent for too long for lost', async () => {
      const exchange = await withServer((frames) => send(frames, accepted))
      await readAccepted(exchange)
      await assert.rejects(exchange.read({ timeoutMs: 30 }), DeadlineError)
    })

    it('goes on waiting while the contributor says anything', async () => {
      const gate = Promise.withResolvers<undefined>()
      const exchange = await withServer(async (frames) => {
        await send(frames, CONTRIBUTOR_FRAMES.status)
        await gate.promise
        await send(frames, delta)
      })
      assert.equal((await exchange.read({ timeoutMs: 5000 })).frame.type, 'status')
      gate.resolve(undefined)
      assert.equal((await exchange.read({ timeoutMs: 5000 })).frame.type, 'delta')
    })

    for (const [name, bytes] of [
      ['malformed', Buffer.from('{"type":')],
      ['no JSON', Buffer.from('hello')],
      ['of an unknown type', encodeJson({ type: 'future' })],
      ['without its fields', encodeJson({ type: 'end' })],
      ["one of the consumer's own", encodeJson(CONSUMER_FRAMES.cancel)]
    ] as const) {
      it(`refuses a frame that is ${name}`, async () => {
        const exchange = await withServer((frames) => frames.write(bytes))
        await assert.rejects(exchange.read(), InvalidFrameError)
      })
    }

    it('refuses a frame of 2 MiB by its length alone', async () => {
      const exchange = await withServer(async (frames) =>
        frames.stream.send(varint.encode(2 * MAX_FRAME_BYTES))
      )
      await assert.rejects(exchange.read(), InvalidFrameError)
    })

    it('refuses a first frame that does not accept', async () => {
      const exchange = await withServer((frames) => send(frames, delta))
      await assert.rejects(readAccepted(exchange), InvalidFrameError)
    })

    for (const [name, leave] of [
      ['ends the stream', (frames: FrameStream) => frames.stream.close()],
      ['resets the stream', async (frames: FrameStream) => frames.stream.abort(new InvalidFrameError())],
      [
        'ends it within a frame',
        async (frames: FrameStream) => {
          frames.stream.send(encodeJson(delta).subarray(0, 9))
          await frames.stream.close()
        }
      ]
    ] as const) {
      it(`takes a contributor that ${name} without a last frame for lost`, async () => {
        const exchange = await withServer(async (frames) => {
          await send(frames, accepted, delta)
          // The order, the request and the cancel.
          for (let i = 0; i < 3; i++) await frames.read()
          await leave(frames)
        })
        await readAccepted(exchange)
        await exchange.read()
        await exchange.cancel()
        await assert.rejects(exchange.read(), PeerLostError)
      })
    }

    it('takes a contributor for lost when the connection goes', async () => {
      const own = await Libp2pPair.connect()
      await own.listener.handle(CHAT_PROTOCOL, (stream) => void send(new FrameStream(stream), accepted))
      const exchange = await openChat(own.connection, order, DOCUMENT)
      await readAccepted(exchange)
      const reading = exchange.read()
      const stopped = own.listener.stop()
      await assert.rejects(reading, PeerLostError)
      await assert.rejects(openChat(own.connection, order, DOCUMENT), PeerLostError)
      await stopped
      await own.stop()
    })

    it('says that the peer is lost when it does not speak the protocol', async () => {
      const connection = await pair.listener.dial(pair.dialer.peerId)
      await assert.rejects(readAccepted(await openChat(connection, order, DOCUMENT)), PeerLostError)
    })

    it('opens nothing when its signal has fired', async () => {
      const signal = AbortSignal.abort(new CancelledError('enough'))
      await assert.rejects(openChat(pair.connection, order, DOCUMENT, { signal }), { message: 'enough' })
    })

    it('countersigns, cancels and says why it ends', async () => {
      const sent: unknown[] = []
      const done = Promise.withResolvers<undefined>()
      const exchange = await withServer(async (frames) => {
        await send(frames, accepted)
        for (let i = 0; i < 5; i++) sent.push(JSON.parse(Buffer.from(await frames.read()).toString()))
        await assert.rejects(frames.read(), PeerLostError)
        done.resolve(undefined)
      })
      await readAccepted(exchange)
      await exchange.acknowledge(acknowledgement)
      await exchange.cancel()
      const failing = exchange.fail(new ReceiptRefusedError('too dear'))
      await done.promise
      await failing
      const refusal = { type: 'error', code: 'receipt_refused', message: 'too dear', retryable: true }
      assert.deepEqual(sent.slice(2), [CONSUMER_FRAMES.acknowledgement, CONSUMER_FRAMES.cancel, refusal])
    })
  })

  describe('a contributor', () => {
    it('answers, and closes the stream when the consumer has', async () => {
      const { frames, failed } = await withClient(async (session) => {
        assert.equal(session.peer, pair.dialer.peerId.toString())
        assert.deepEqual(session.order, order)
        assert.deepEqual(Buffer.from(await session.readRequest()), Buffer.from(DOCUMENT))
        await session.send(accepted)
        await session.sendPayload(encodeJson(delta))
        await session.send(end)
      })
      await send(frames, ORDER_FRAME)
      await frames.write(DOCUMENT)
      for (const frame of [accepted, delta, end]) assert.deepEqual(await read(frames), frame)
      await frames.close()
      assert.equal(await failed, undefined)
      assert.equal(frames.stream.status, 'closed')
    })

    for (const [name, bytes] of [
      ['malformed', Buffer.from('{')],
      ['of another type', encodeJson(CONSUMER_FRAMES.cancel)],
      ['without a signature', encodeJson({ type: 'order', order: { payload: order.payload } })]
    ] as const) {
      it(`refuses an order that is ${name}`, async () => {
        const { frames, failed } = await withClient(async () => assert.fail('served'))
        await frames.write(bytes)
        const frame = await read(frames)
        assert.ok(frame.type === 'error' && frame.code === 'invalid_frame')
        await frames.close()
        assert.ok((await failed) instanceof InvalidFrameError)
      })
    }

    it('refuses an order of 2 MiB by its length alone', async () => {
      const { frames } = await withClient(async () => assert.fail('served'))
      frames.stream.send(varint.encode(2 * MAX_FRAME_BYTES))
      const frame = await read(frames)
      assert.ok(frame.type === 'error' && frame.code === 'invalid_frame')
    })

    it('refuses a request document of 70 MiB by its length alone', async () => {
      const { frames } = await withClient(async (session) => {
        await session.readRequest()
      })
      await send(frames, ORDER_FRAME)
      frames.stream.send(varint.encode(70 * MAX_FRAME_BYTES))
      const frame = await read(frames)
      assert.ok(frame.type === 'error' && frame.code === 'order_refused')
    })

    it('refuses before it has read a large request, and the consumer learns why', async () => {
      let held = 0
      onStream = async (stream, connection) => {
        await serveChat(stream, connection, async () => {
          throw new NotAllowedError('not you')
        })
        held = stream.readBufferLength
      }
      const exchange = await openChat(pair.connection, order, new Uint8Array(20_000_000))
      await assert.rejects(
        readAccepted(exchange),
        (err) => err instanceof NotAllowedError && err.message === 'not you'
      )
      assert.ok(chatStreams(pair.connection).some((stream) => stream.writeBufferLength > 10_000_000))
      const failing = exchange.fail(new NotAllowedError())
      // At once: what waits for room would keep the next contributor from being asked.
      await nextTurn()
      assert.equal(chatStreams(pair.connection).length, 0)
      await failing
      assert.ok(held < 4 * MAX_FRAME_BYTES)
    })

    for (const [part, serve] of [
      ['order', async () => undefined],
      [
        'request',
        async (session: ChatSession) => {
          await session.readRequest()
        }
      ]
    ] as const) {
      it(`says that the deadline has passed when the ${part} does not come in time`, async () => {
        const deadlineMs = part === 'order' ? 10_000 : 60_000
        let pass: (() => void) | undefined
        const { setTimeout } = globalThis
        // Deadlines pass when this test says so.
        globalThis.setTimeout = ((onTimeout: () => void, ms: number) => {
          if (ms <= deadlineMs - 1000 || ms > deadlineMs) return setTimeout(onTimeout, ms)
          pass = onTimeout
          return undefined
        }) as typeof setTimeout
        let frames: FrameStream
        try {
          ;({ frames } = await withClient(serve))
          if (part === 'order') frames.stream.send(Uint8Array.of(100))
          else await send(frames, ORDER_FRAME)
          await until(() => pass !== undefined)
        } finally {
          globalThis.setTimeout = setTimeout
        }
        pass?.()
        const frame = await read(frames)
        assert.ok(frame.type === 'error' && frame.code === 'deadline', JSON.stringify(frame))
      })
    }

    it('sends what its handler throws, and ends the stream', async () => {
      const { frames, failed } = await withClient(async (session) => {
        await session.send(delta)
        throw new EngineFailedError('out of memory')
      })
      await send(frames, ORDER_FRAME)
      assert.equal((await read(frames)).type, 'delta')
      assert.deepEqual(await read(frames), {
        type: 'error',
        code: 'engine_failed',
        message: 'out of memory',
        retryable: true
      })
      await assert.rejects(frames.read(), PeerLostError)
      await frames.close()
      assert.ok((await failed) instanceof EngineFailedError)
    })

    it('tells nothing of what has no code', async () => {
      const { frames, failed } = await withClient(async () => {
        throw new TypeError('/home/alice/secret')
      })
      await send(frames, ORDER_FRAME)
      assert.deepEqual(await read(frames), {
        type: 'error',
        code: 'internal',
        message: 'Internal error',
        retryable: true
      })
      await frames.close()
      assert.match(String((await failed)?.cause), /secret/)
    })

    it('says nothing to a consumer that is lost, and resets the stream', async () => {
      const { frames, failed } = await withClient(async () => assert.fail('served'))
      frames.stream.send(encodeJson(ORDER_FRAME).subarray(0, 50))
      await frames.stream.close()
      assert.ok((await failed) instanceof LobstahError)
      await assert.rejects(frames.read(), PeerLostError)
    })

    describe('that listens', () => {
      const taken: SignedRecord[] = []

      async function listening(
        onAcknowledgement = async (record: SignedRecord): Promise<void> => void taken.push(record)
      ): Promise<{
        frames: FrameStream
        session: ChatSession
      }> {
        taken.length = 0
        const opened = Promise.withResolvers<ChatSession>()
        const { frames } = await withClient(async (session) => {
          opened.resolve(session)
          await session.listen(onAcknowledgement)
        })
        await send(frames, ORDER_FRAME)
        return { frames, session: await opened.promise }
      }

      it('takes acknowledgements one after another', async () => {
        const { frames, session } = await listening()
        await send(frames, CONSUMER_FRAMES.acknowledgement, CONSUMER_FRAMES.acknowledgement)
        await until(() => taken.length === 2)
        assert.deepEqual(taken[1], acknowledgement)
        assert.equal(session.signal.aborted, false)
      })

      for (const [name, bytes, errorClass] of [
        ['cancels', encodeJson(CONSUMER_FRAMES.cancel), CancelledError],
        [
          'sends an error',
          encodeJson({ type: 'error', code: 'receipt_refused', message: '', retryable: true }),
          ReceiptRefusedError
        ],
        ['sends another order', encodeJson(ORDER_FRAME), InvalidFrameError],
        ['sends a frame of the contributor', encodeJson(receipt), InvalidFrameError],
        ['sends nonsense', Buffer.from('nonsense'), InvalidFrameError]
      ] as const) {
        it(`says so when the consumer ${name}`, async () => {
          const { frames, session } = await listening()
          await frames.write(bytes)
          await until(() => session.signal.aborted)
          assert.ok(session.signal.reason instanceof errorClass)
        })
      }

      it('says so when the consumer sends an oversize frame', async () => {
        const { frames, session } = await listening()
        frames.stream.send(varint.encode(2 * MAX_FRAME_BYTES))
        await until(() => session.signal.aborted)
        assert.ok(session.signal.reason instanceof InvalidFrameError)
      })

      it('says so when an acknowledgement is refused', async () => {
        const { frames, session } = await listening(async () => {
          throw new ReceiptRefusedError('no')
        })
        await send(frames, CONSUMER_FRAMES.acknowledgement)
        await until(() => session.signal.aborted)
        assert.ok(session.signal.reason instanceof ReceiptRefusedError)
      })

      for (const [name, leave] of [
        ['ends the stream', (frames: FrameStream) => frames.stream.close()],
        ['resets the stream', async (frames: FrameStream) => frames.stream.abort(new InvalidFrameError())]
      ] as const) {
        it(`says that the consumer is lost when it ${name}`, async () => {
          const { frames, session } = await listening()
          await leave(frames)
          await until(() => session.signal.aborted)
          assert.ok(session.signal.reason instanceof PeerLostError)
        })
      }

      it('goes on after a cancel: acknowledgements still come', async () => {
        const { frames, session } = await listening()
        await send(frames, CONSUMER_FRAMES.cancel, CONSUMER_FRAMES.acknowledgement)
        await until(() => taken.length === 1)
        assert.ok(session.signal.reason instanceof CancelledError)
        assert.equal(session.writable, true)
      })
    })
  })
})
