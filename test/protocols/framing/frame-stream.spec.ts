import assert from 'node:assert/strict'
import { mock } from 'node:test'
import fc from 'fast-check'
import { streamPair } from '@libp2p/utils'
import * as varint from 'uint8-varint'
import type { Stream } from '@libp2p/interface'
import { InvalidFrameError, PeerLostError } from '../../../protocols/errors.ts'
import {
  FrameStream,
  MAX_FRAME_BYTES,
  MAX_REQUEST_BYTES,
  READ_HIGH_WATER_BYTES,
  WRITE_TIMEOUT_MS,
  streamSignal
} from '../../../protocols/framing/index.ts'
import { Libp2pPair } from '../../support/libp2p-pair.ts'
import { until } from '../../support/mesh.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

const framed = (...payloads: Uint8Array[]): Uint8Array =>
  Buffer.concat(payloads.flatMap((payload) => [varint.encode(payload.byteLength), payload]))

async function readAll(frames: FrameStream, count: number): Promise<string[]> {
  const texts: string[] = []
  for (let i = 0; i < count; i++) texts.push(Buffer.from(await frames.read()).toString())
  return texts
}

describe('protocols/framing/frame-stream', () => {
  let raw: Stream
  let frames: FrameStream

  beforeEach(async () => {
    const [outbound, inbound] = await streamPair({ delay: 0 })
    raw = outbound
    frames = new FrameStream(inbound)
  })
  afterEach(() => {
    raw.abort(new PeerLostError())
    frames.stream.abort(new PeerLostError())
    mock.timers.reset()
  })

  describe('read', () => {
    it('takes a frame that comes one byte at a time', async () => {
      for (const byte of framed(bytes('x'.repeat(300)))) raw.send(Uint8Array.of(byte))
      assert.deepEqual(await readAll(frames, 1), ['x'.repeat(300)])
    })

    it('takes any frames however they are cut into messages', async () => {
      const payloads = fc.array(fc.uint8Array({ maxLength: 400 }), { minLength: 1, maxLength: 8 })
      await fc.assert(
        fc.asyncProperty(payloads, fc.array(fc.nat(), { maxLength: 12 }), async (sent, cuts) => {
          const [from, to] = await streamPair({ delay: 0 })
          const received = new FrameStream(to)
          const all = framed(...sent)
          const ends = [...new Set([...cuts.map((cut) => cut % all.byteLength), all.byteLength])].sort(
            (a, b) => a - b
          )
          let start = 0
          for (const end of ends) {
            if (end > start) from.send(all.subarray(start, end))
            start = end
          }
          for (const payload of sent)
            assert.deepEqual(Buffer.from(await received.read()), Buffer.from(payload))
          from.abort(new PeerLostError())
          to.abort(new PeerLostError())
        }),
        { numRuns: 40 }
      )
    })

    it('takes many frames out of one message, and waits for the next', async () => {
      raw.send(framed(bytes('a'), bytes(''), bytes('ccc')))
      assert.deepEqual(await readAll(frames, 3), ['a', '', 'ccc'])
      const next = frames.read()
      raw.send(framed(bytes('d')))
      assert.deepEqual(Buffer.from(await next).toString(), 'd')
    })

    it('takes frames that came before anybody read', async () => {
      const [from, to] = await streamPair({ delay: 0 })
      from.send(framed(bytes('early')))
      await from.close()
      await until(() => to.remoteWriteStatus === 'closed')
      const late = new FrameStream(to)
      assert.deepEqual(await readAll(late, 1), ['early'])
      await assert.rejects(late.read(), PeerLostError)
    })

    it('takes a frame of exactly the limit', async () => {
      raw.send(framed(new Uint8Array(MAX_FRAME_BYTES)))
      assert.equal((await frames.read()).byteLength, MAX_FRAME_BYTES)
    })

    it('refuses a frame over the limit by its length alone', async () => {
      raw.send(varint.encode(MAX_FRAME_BYTES + 1))
      await assert.rejects(frames.read(), InvalidFrameError)
    })

    it('refuses a request document over its own limit by its length alone', async () => {
      raw.send(varint.encode(MAX_REQUEST_BYTES + 1))
      await assert.rejects(frames.read({ max: MAX_REQUEST_BYTES }), InvalidFrameError)
    })

    for (const [name, prefix] of [
      ['that never ends', Uint8Array.from({ length: 12 }, () => 0x80)],
      ['of 4 bytes that does not end', Uint8Array.of(0x80, 0x80, 0x80, 0x80)],
      ['of 5 bytes', varint.encode(2 ** 29)],
      ['beyond whole numbers', Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f)],
      ['that is longer than it has to be', Uint8Array.of(0x81, 0x00, 0x61)],
      ['that is zero in two bytes', Uint8Array.of(0x80, 0x00)]
    ] as const) {
      it(`refuses a length ${name}`, async () => {
        raw.send(prefix)
        await assert.rejects(frames.read({ max: MAX_REQUEST_BYTES }), InvalidFrameError)
      })
    }

    it('says that the peer is lost when the stream ends between frames', async () => {
      raw.send(framed(bytes('last')))
      await raw.close()
      assert.deepEqual(await readAll(frames, 1), ['last'])
      await assert.rejects(frames.read(), PeerLostError)
    })

    for (const [name, part] of [
      ['a payload', framed(bytes('hello')).subarray(0, 3)],
      ['a length', Uint8Array.of(0x80)]
    ] as const) {
      it(`says that the peer is lost when the stream ends within ${name}`, async () => {
        raw.send(part)
        await raw.close()
        await assert.rejects(frames.read(), PeerLostError)
      })
    }

    it('says that the peer is lost when the stream is reset, for waiting and for later readers', async () => {
      const waiting = frames.read()
      raw.abort(new InvalidFrameError())
      await assert.rejects(waiting, PeerLostError)
      await assert.rejects(frames.read(), PeerLostError)
    })

    it('says that the peer is lost on a stream that was reset before', async () => {
      const [from, to] = await streamPair({ delay: 0 })
      from.abort(new InvalidFrameError())
      await until(() => to.status === 'reset')
      await assert.rejects(new FrameStream(to).read(), PeerLostError)
    })

    it('stops at its signal, and loses nothing by it', async () => {
      const abort = new AbortController()
      const reading = frames.read({ signal: abort.signal })
      raw.send(framed(bytes('whole')).subarray(0, 3))
      abort.abort(new InvalidFrameError('enough'))
      await assert.rejects(reading, { message: 'enough' })
      await assert.rejects(frames.read({ signal: abort.signal }), { message: 'enough' })
      raw.send(framed(bytes('whole')).subarray(3))
      assert.deepEqual(await readAll(frames, 1), ['whole'])
    })

    it('is not stopped by the limit of an earlier reader', async () => {
      raw.send(framed(new Uint8Array(100)))
      await assert.rejects(frames.read({ max: 99 }), InvalidFrameError)
      assert.equal((await frames.read({ max: 100 })).byteLength, 100)
    })
  })

  describe('write', () => {
    it('sends each payload with its length', async () => {
      const [from, to] = await streamPair({ delay: 0 })
      const writer = new FrameStream(from)
      const reader = new FrameStream(to)
      for (const text of ['', 'a', 'b'.repeat(200)]) await writer.write(bytes(text))
      assert.deepEqual(await readAll(reader, 3), ['', 'a', 'b'.repeat(200)])
      from.abort(new PeerLostError())
    })

    it('says that the peer is lost on a stream that is closed or reset', async () => {
      raw.abort(new InvalidFrameError())
      await until(() => frames.stream.status === 'reset')
      await assert.rejects(frames.write(bytes('x')), PeerLostError)
    })

    it('says that the peer is lost when it makes no room for 120 s', async () => {
      mock.timers.enable({ apis: ['setTimeout'] })
      frames.stream.send = () => false
      frames.stream.writableNeedsDrain = true
      const writing = assert.rejects(frames.write(bytes('x')), PeerLostError)
      mock.timers.tick(WRITE_TIMEOUT_MS)
      await writing
    })

    it('stops waiting for room at its signal, or when the stream is reset', async () => {
      frames.stream.send = () => false
      frames.stream.writableNeedsDrain = true
      const abort = new AbortController()
      const writing = assert.rejects(frames.write(bytes('x'), { signal: abort.signal }), {
        message: 'enough'
      })
      abort.abort(new InvalidFrameError('enough'))
      await writing
      const other = assert.rejects(frames.write(bytes('x')), PeerLostError)
      raw.abort(new InvalidFrameError())
      await other
    })
  })

  describe('close', () => {
    it('half-closes, and ends when the other side does the same', async () => {
      const closing = frames.close()
      await until(() => raw.remoteWriteStatus === 'closed')
      assert.equal(frames.stream.status, 'open')
      await raw.close()
      await closing
      assert.equal(frames.stream.status, 'closed')
    })

    it('resets the stream when the other side does not close in time', async () => {
      await frames.close(20)
      assert.equal(frames.stream.status, 'aborted')
    })
  })

  describe('streamSignal', () => {
    it('fires with PeerLostError when the stream is reset', async () => {
      const signal = streamSignal(frames.stream)
      assert.equal(signal.aborted, false)
      raw.abort(new InvalidFrameError())
      await until(() => signal.aborted)
      assert.ok(signal.reason instanceof PeerLostError)
    })

    it('has fired already for a stream that is gone', () => {
      frames.stream.abort(new InvalidFrameError())
      assert.ok(streamSignal(frames.stream).reason instanceof PeerLostError)
    })
  })
})

describe('protocols/framing/frame-stream over TCP', () => {
  const PROTOCOL = '/lobstah/test/1.0.0'
  let pair: Libp2pPair
  let near: FrameStream
  let far: FrameStream

  before(async () => {
    pair = await Libp2pPair.connect()
  })
  after(() => pair.stop())

  beforeEach(async () => {
    const opened = Promise.withResolvers<FrameStream>()
    await pair.listener.handle(PROTOCOL, (stream) => opened.resolve(new FrameStream(stream)))
    near = new FrameStream(await pair.connection.newStream(PROTOCOL))
    far = await opened.promise
  })
  afterEach(async () => {
    near.stream.abort(new PeerLostError())
    far.stream.abort(new PeerLostError())
    await pair.listener.unhandle(PROTOCOL)
  })

  for (const [name, ends] of [
    ['the dialer', (): [FrameStream, FrameStream] => [near, far]],
    ['the listener', (): [FrameStream, FrameStream] => [far, near]]
  ] as const) {
    it(`holds ${name} back while its peer does not read, in bounded memory, and lets it go on`, async () => {
      const [writer, reader] = ends()
      const payload = new Uint8Array(64 * 1024)
      const count = 400
      let written = 0
      const writing = (async () => {
        for (; written < count; written++) await writer.write(payload)
      })()
      await until(() => reader.stream.readStatus === 'paused' && writer.stream.writableNeedsDrain)
      await pair.settle()
      const held = written
      await pair.settle()
      assert.equal(written, held)
      // The window (1 MiB), the high-water mark, what was on its way, and the frame that waits.
      assert.ok(held * payload.byteLength < 4 * 1024 * 1024, `${held} frames are held`)
      assert.ok(writer.stream.writeBufferLength <= payload.byteLength + 8)
      for (let i = 0; i < count; i++) assert.equal((await reader.read()).byteLength, payload.byteLength)
      await writing
    })
  }

  it('holds back a sender of frames that are larger than the window: none waits once a write is done', async () => {
    const payload = new Uint8Array(4 * MAX_FRAME_BYTES)
    const count = 6
    let most = 0
    const writing = (async () => {
      for (let i = 0; i < count; i++) {
        await near.write(payload)
        most = Math.max(most, near.stream.writeBufferLength)
      }
    })()
    for (let i = 0; i < count; i++) await far.read({ max: MAX_REQUEST_BYTES })
    await writing
    assert.ok(most <= MAX_FRAME_BYTES, `${most} bytes waited after a write was done`)
  })

  it('takes a request document of 20 MB', async () => {
    const document = new Uint8Array(20_000_000).map((_, index) => index % 251)
    const writing = near.write(document)
    const read = await far.read({ max: MAX_REQUEST_BYTES })
    await writing
    assert.ok(Buffer.from(read).equals(document))
  })

  it('pauses the stream at the high-water mark', async () => {
    const writing = near.write(new Uint8Array(MAX_FRAME_BYTES))
    await until(() => far.stream.readStatus === 'paused')
    assert.ok(far.stream.readBufferLength < MAX_FRAME_BYTES)
    assert.ok(READ_HIGH_WATER_BYTES < MAX_FRAME_BYTES)
    assert.equal((await far.read()).byteLength, MAX_FRAME_BYTES)
    await writing
  })

  it('delivers what came before the end of a paused stream, then says that the peer is lost', async () => {
    const payload = new Uint8Array(READ_HIGH_WATER_BYTES)
    await near.write(payload)
    await until(() => far.stream.readStatus === 'paused')
    await near.write(bytes('tail'))
    await near.stream.close()
    await pair.settle()
    assert.equal((await far.read()).byteLength, payload.byteLength)
    assert.deepEqual(await readAll(far, 1), ['tail'])
    await assert.rejects(far.read(), PeerLostError)
  })

  it('says that the peer is lost when the connection goes, to readers and to writers that wait', async () => {
    const writing = (async () => {
      for (;;) await near.write(new Uint8Array(64 * 1024))
    })()
    writing.catch(() => undefined)
    await until(() => near.stream.writableNeedsDrain)
    const reading = near.read()
    reading.catch(() => undefined)
    pair.connection.abort(new InvalidFrameError())
    await assert.rejects(writing, PeerLostError)
    await assert.rejects(reading, PeerLostError)
  })
})
