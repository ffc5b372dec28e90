import assert from 'node:assert/strict'
import { pEvent } from 'p-event'
import type { YamuxStream } from '@chainsafe/libp2p-yamux/stream'
import type { Stream, StreamCloseEvent, StreamMessageEvent } from '@libp2p/interface'
import { CHAT_PROTOCOL } from '../../../protocols/index.ts'
import { Libp2pPair } from '../../support/libp2p-pair.ts'

const ECHO = '/lobstah/test/echo/1.0.0'

describe('node/patches/muxer', () => {
  let pair: Libp2pPair

  beforeEach(async () => {
    pair = await Libp2pPair.connect()
  })
  afterEach(() => pair.stop())

  const echo = (stream: Stream): void => {
    stream.addEventListener('message', ({ data }) => stream.send(data))
  }

  /** Resolves when so many bytes have come. */
  const receive = (stream: Stream, bytes: number): Promise<Buffer> => {
    const received = Promise.withResolvers<Buffer>()
    let all = Buffer.alloc(0)
    const onMessage = ({ data }: StreamMessageEvent): void => {
      all = Buffer.concat([all, data.subarray()])
      if (all.byteLength < bytes) return
      stream.removeEventListener('message', onMessage)
      received.resolve(all)
    }
    stream.addEventListener('message', onMessage)
    return received.promise
  }

  it('opens a chat stream with its first message', async () => {
    let opened = 0
    await pair.listener.handle(CHAT_PROTOCOL, (stream) => {
      opened++
      echo(stream)
    })
    const stream = await pair.connection.newStream(CHAT_PROTOCOL)
    await pair.settle()
    assert.equal(opened, 0)
    stream.send(Buffer.from('hello'))
    assert.equal((await receive(stream, 5)).toString(), 'hello')
    assert.equal(opened, 1)
    stream.send(Buffer.from(' again'))
    assert.equal((await receive(stream, 6)).toString(), ' again')
  })

  it('resets a chat stream to a peer that does not speak the protocol', async () => {
    const stream = await pair.connection.newStream(CHAT_PROTOCOL)
    const closed = pEvent(stream, 'close') as Promise<StreamCloseEvent>
    stream.addEventListener('message', () => assert.fail('An answer was taken for a message'))
    stream.send(Buffer.from('hello'))
    assert.equal((await closed).error?.name, 'UnsupportedProtocolError')
  })

  it('waits for the other side to agree to any other protocol', async () => {
    await assert.rejects(pair.connection.newStream(ECHO), { name: 'UnsupportedProtocolError' })
  })

  it('tells of room once for many small messages, and in time for large ones', async () => {
    await pair.listener.handle(ECHO, echo)
    const stream = await pair.connection.newStream(ECHO)
    const yamux = stream as unknown as YamuxStream
    const handle = yamux.handleWindowUpdate.bind(yamux)
    const updates: object[] = []
    yamux.handleWindowUpdate = (frame) => {
      updates.push(frame.header)
      handle(frame)
    }
    for (let i = 0; i < 100; i++) {
      const echoed = receive(stream, 5)
      stream.send(Buffer.from('token'))
      await echoed
    }
    assert.deepEqual(updates, [])
    const large = Buffer.alloc(3 * 2 ** 20, 'lobstah')
    const echoed = receive(stream, large.byteLength)
    stream.send(large)
    assert.ok((await echoed).equals(large))
    assert.ok(updates.length > 0)
  })
})
