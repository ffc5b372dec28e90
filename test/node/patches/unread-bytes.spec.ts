import assert from 'node:assert/strict'
import type { YamuxStream } from '@chainsafe/libp2p-yamux/stream'
import type { Stream } from '@libp2p/interface'
import { EarlyBytes } from '../../../node/patches/index.ts'
import { Libp2pPair } from '../../support/libp2p-pair.ts'
import { until } from '../../support/mesh.ts'
import type { Uint8ArrayList } from 'uint8arraylist'

const SILENT = '/lobstah/test/silent/1.0.0'

/** A stream as far as it is counted. */
function aStream(protocol = ''): YamuxStream & { aborted: boolean } {
  const stream = { protocol, status: 'open', aborted: false, abort: () => (stream.aborted = true) }
  return stream as unknown as YamuxStream & { aborted: boolean }
}

/** Unread bytes of a stream; not in its public type. */
interface UnreadBytes {
  readBufferLength: number
  readBuffer: Uint8ArrayList
}

describe('node/patches/unread-bytes', () => {
  it('resets the streams that have waited longest for a protocol where there is too much', () => {
    const early = new EarlyBytes(60_000)
    const [first, agreed, third] = [aStream(), aStream(), aStream()]
    early.add(first, 2000)
    early.add(agreed, 2000)
    agreed.protocol = SILENT
    early.add(third, 2000)
    assert.deepEqual([first.aborted, agreed.aborted, third.aborted], [false, false, false])
    early.add(third, 40_000)
    assert.deepEqual([first.aborted, third.aborted], [true, false])
    assert.ok(early.total <= 60_000)
  })

  it('holds no streams that are over', () => {
    const early = new EarlyBytes(1 << 30)
    for (let i = 0; i < 2000; i++) early.add(aStream(SILENT), 1)
    assert.ok(early.total < 300 * 20_000)
  })

  it('keeps what a paused stream gets in few pieces', async () => {
    const pair = await Libp2pPair.connect()
    try {
      const opened = Promise.withResolvers<Stream>()
      await pair.listener.handle(SILENT, (stream) => {
        stream.pause()
        opened.resolve(stream)
      })
      const stream = await pair.connection.newStream(SILENT)
      const paused = (await opened.promise) as unknown as UnreadBytes
      for (let i = 0; i < 20_000; i++) stream.send(Uint8Array.of(i))
      await until(() => paused.readBufferLength === 20_000)
      assert.ok([...paused.readBuffer].length < 1000)
      assert.deepEqual(
        [...paused.readBuffer.subarray(0, 300)],
        Array.from({ length: 300 }, (_, i) => i & 0xff)
      )
    } finally {
      await pair.stop()
    }
  })
})
