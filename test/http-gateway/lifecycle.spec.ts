import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import {
  GatewayListenError,
  GatewayApiKeyRequiredError,
  GatewayNotStartedError
} from '../../http-gateway/index.ts'
import { arrived, openSocket, readAll } from '../support/gateway/raw-http.ts'
import { testGateway } from '../support/gateway/gateway.ts'
import { ACCEPTED, END, aborted, content } from '../support/gateway/stub-consumer.ts'

const body = JSON.stringify({ model: 'tiny', stream: true, messages: [{ role: 'user', content: 'hi' }] })
const ask = `POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`

describe('http-gateway/gateway', () => {
  it('starts, stops and starts again', async () => {
    const { http } = testGateway()
    assert.throws(() => http.url, GatewayNotStartedError)
    for (let round = 0; round < 2; round++) {
      await http.start()
      await http.start()
      assert.match(http.url, /^http:\/\/127\.0\.0\.1:\d+$/)
      assert.equal((await fetch(`${http.url}/healthz`)).status, 200)
      await http.stop()
      await http.stop()
      assert.throws(() => http.url, GatewayNotStartedError)
    }
  })

  it('says what to do when its port is taken, and can start once it is free', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as AddressInfo
    const { http } = testGateway({ port })
    await assert.rejects(
      () => http.start(),
      (err: Error) => err instanceof GatewayListenError && err.message.includes(`Port ${port}`)
    )
    other.close()
    await once(other, 'close')
    await http.start()
    await http.stop()
  })

  it("says so where its address is not this machine's", async () => {
    const { http } = testGateway({ host: '192.0.2.1', apiKeys: ['k'.repeat(32)] })
    await assert.rejects(
      () => http.start(),
      (err: Error) =>
        err instanceof GatewayListenError && /192\.0\.2\.1 is no address of this/.test(err.message)
    )
  })

  it('refuses to listen where others reach it without an API key', async () => {
    for (const host of ['0.0.0.0', '::', '192.168.1.5', 'example.com']) {
      await assert.rejects(() => testGateway({ host }).http.start(), GatewayApiKeyRequiredError)
    }
  })

  it('lets a running stream finish, and refuses what comes meanwhile', async () => {
    const { http, consumer } = testGateway({ drainMs: 600_000 })
    await http.start()
    const gate = Promise.withResolvers<undefined>()
    consumer.script = async function* () {
      yield ACCEPTED
      yield content('one')
      await gate.promise
      yield END
    }
    const idle = await openSocket(http.url)
    const idleReady = arrived(idle, '"status":"ok"')
    idle.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n')
    await idleReady
    const running = await openSocket(http.url)
    const head = arrived(running, '"one"')
    const all = readAll(running)
    running.write(ask)
    await head
    const begun = await openSocket(http.url)
    begun.write('GET /healthz HTTP/1.1\r\nHost: ')
    // Answered once the gateway has read what came before on the other connection.
    assert.equal((await fetch(`${http.url}/healthz`)).status, 200)
    const { url } = http
    const stopped = http.stop()
    await once(idle, 'close')
    await assert.rejects(() => fetch(url))
    const refused = readAll(begun)
    begun.write('localhost\r\n\r\n')
    const text = await refused
    assert.match(text, /^HTTP\/1\.1 503 /)
    assert.match(text, /"code":"shutting_down"/)
    gate.resolve(undefined)
    assert.match(await all, /\[DONE\]/)
    await stopped
  })

  it('cuts a stream that does not finish in time, and says why', async () => {
    const { http, consumer } = testGateway({ drainMs: 0 })
    await http.start()
    consumer.script = async function* (_, signal) {
      yield ACCEPTED
      yield content('one')
      await aborted(signal)
    }
    const socket = await openSocket(http.url)
    const head = arrived(socket, '"one"')
    const all = readAll(socket)
    socket.write(ask)
    await head
    await http.stop()
    const text = await all
    assert.match(text, /"code":"shutting_down"/)
    assert.doesNotMatch(text, /\[DONE\]/)
  })

  it('cuts a stream whose client does not read', async () => {
    const { http, consumer } = testGateway({ drainMs: 0 })
    await http.start()
    const full = Promise.withResolvers<undefined>()
    let sent = 0
    consumer.script = async function* () {
      yield ACCEPTED
      while (true) {
        if (sent++ === 8) full.resolve(undefined)
        yield content('x'.repeat(65_536))
      }
    }
    const socket = await openSocket(http.url)
    socket.pause()
    socket.write(ask)
    await full.promise
    await http.stop()
    socket.destroy()
  })
})
