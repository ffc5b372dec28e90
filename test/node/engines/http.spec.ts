import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { ask } from '../../../node/engines/http.ts'

const REPLY = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'

describe('node/engines/http', () => {
  let server: Server
  let url: URL
  /** The fate of each request, by its number on its connection and the number of the connection. */
  let answer: (socket: Socket, request: number, connection: number) => void
  let connections: number
  const sockets = new Set<Socket>()

  beforeEach(async () => {
    connections = 0
    server = createServer((socket) => {
      sockets.add(socket)
      const connection = ++connections
      let requests = 0
      socket.on('data', () => answer(socket, ++requests, connection))
      socket.on('error', () => undefined)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
  })
  afterEach(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
    sockets.clear()
  })

  const post = async (): Promise<string> => await text(await ask(url, { method: 'POST', body: '{}' }))

  it('keeps its connection for the next request', async () => {
    answer = (socket) => socket.write(REPLY)
    assert.equal(await post(), 'ok')
    assert.equal(await post(), 'ok')
    assert.equal(connections, 1)
  })

  it('asks again on a new connection when the server has closed the one that was kept', async () => {
    answer = (socket, request) => (request === 1 ? socket.write(REPLY) : socket.resetAndDestroy())
    assert.equal(await post(), 'ok')
    assert.equal(await post(), 'ok')
    assert.equal(connections, 2)
  })

  it('asks once only on a connection of its own', async () => {
    answer = (socket) => socket.resetAndDestroy()
    await assert.rejects(post(), { code: 'ECONNRESET' })
    assert.equal(connections, 1)
  })
})
