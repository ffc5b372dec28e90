import assert from 'node:assert/strict'
import { Socket } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Connection } from '@libp2p/interface'
import { Libp2pPair } from '../../support/libp2p-pair.ts'

describe('node/patches/noise', () => {
  it('writes what is sent in one turn at once', async () => {
    const pair = await Libp2pPair.connect()
    await pair.listener.handle('/lobstah/test/1.0.0', () => undefined)
    const stream = await pair.connection.newStream('/lobstah/test/1.0.0')
    const { socket } = (pair.connection as Connection & { maConn: { socket: unknown } }).maConn
    assert.ok(socket instanceof Socket)
    await nextTurn()
    assert.equal(socket.writableCorked, 0)
    const before = socket.bytesWritten
    stream.send(Buffer.from('one'))
    stream.send(Buffer.from('two'))
    assert.equal(socket.writableCorked, 1)
    await new Promise((resolve) => process.nextTick(resolve))
    assert.equal(socket.writableCorked, 0)
    assert.ok(socket.bytesWritten > before)
    await pair.stop()
  })
})
