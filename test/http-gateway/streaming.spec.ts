import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { PeerLostError } from '../../protocols/errors.ts'
import { arrived, openSocket, readAll } from '../support/gateway/raw-http.ts'
import { testGateway, type TestGateway } from '../support/gateway/gateway.ts'
import { ACCEPTED, END, aborted, content } from '../support/gateway/stub-consumer.ts'
import type { GatewayInit } from '../../http-gateway/index.ts'

const body = JSON.stringify({ model: 'tiny', stream: true, messages: [{ role: 'user', content: 'hi' }] })
const request = [
  'POST /v1/chat/completions HTTP/1.1',
  'Host: localhost',
  'Content-Type: application/json',
  `Content-Length: ${Buffer.byteLength(body)}`,
  '',
  body
].join('\r\n')

/** Long enough never to come about in a test. */
const NEVER_MS = 600_000

describe('http-gateway/answer, on a socket', () => {
  let test: TestGateway

  async function started(init: GatewayInit = {}): Promise<void> {
    test = testGateway({ keepAliveMs: NEVER_MS, firstByteMs: NEVER_MS, ...init })
    await test.http.start()
  }

  afterEach(async () => {
    await test.http.stop()
  })

  it('sends each delta at once, as one chunk', async () => {
    await started()
    const gate = Promise.withResolvers<undefined>()
    test.consumer.script = async function* () {
      yield ACCEPTED
      yield content('one')
      await gate.promise
      yield content('two')
      yield END
    }
    const socket = await openSocket(test.http.url)
    const first = arrived(socket, '"one"')
    const last = arrived(socket, '[DONE]\n\n\r\n0\r\n\r\n')
    socket.write(request)
    assert.doesNotMatch(await first, /two/)
    gate.resolve(undefined)
    const text = await last
    // Each chunk of the transfer encoding is its length and one event.
    assert.equal(text.match(/\r\n[0-9a-f]+\r\ndata: [^\n]*\n\n/g)?.length, 4)
    socket.destroy()
  })

  it('answers 200 before the first delta only when a contributor has accepted', async () => {
    await started({ firstByteMs: 0, keepAliveMs: 5 })
    const accept = Promise.withResolvers<undefined>()
    const asked = Promise.withResolvers<undefined>()
    test.consumer.script = async function* (_, signal) {
      asked.resolve(undefined)
      await accept.promise
      yield ACCEPTED
      yield { type: 'status', phase: 'prefill' }
      await aborted(signal)
    }
    const socket = await openSocket(test.http.url)
    const pings = arrived(socket, ': ping\n\n')
    socket.write(request)
    await asked.promise
    assert.equal(socket.bytesRead, 0)
    accept.resolve(undefined)
    const text = await pings
    assert.match(text, /^HTTP\/1\.1 200 OK\r\n/)
    assert.doesNotMatch(text, /data:/)
    socket.destroy()
  })

  it('gives a failure its status as long as it has time, whoever accepted', async () => {
    await started()
    test.consumer.script = async function* () {
      yield ACCEPTED
      yield { type: 'status', phase: 'prefill' }
      throw new PeerLostError()
    }
    const socket = await openSocket(test.http.url)
    const answer = arrived(socket, 'peer_lost')
    socket.write(request)
    const text = await answer
    assert.match(text, /^HTTP\/1\.1 503 /)
    assert.match(text, /\r\nretry-after: 1\r\n/)
    socket.destroy()
  })

  it('tells a failure in mid-stream and breaks the connection', async () => {
    await started()
    test.consumer.script = async function* () {
      yield ACCEPTED
      yield content('half')
      throw new PeerLostError('gone')
    }
    const socket = await openSocket(test.http.url)
    const all = readAll(socket)
    socket.write(request)
    const text = await all
    const error = JSON.stringify({
      error: { message: 'gone', type: 'server_error', param: null, code: 'peer_lost' }
    })
    assert.ok(text.includes(`data: ${error}\n\n`), text)
    assert.doesNotMatch(text, /\[DONE\]/)
    assert.doesNotMatch(text, /finish_reason":"/)
    assert.doesNotMatch(text, /\r\n0\r\n\r\n/, 'no clean end')
  })

  it('takes an answer that breaks off, or is cancelled, for a failure', async () => {
    await started()
    for (const last of [undefined, { ...END, finishReason: 'cancelled' } as typeof END]) {
      test.consumer.script = async function* () {
        yield ACCEPTED
        yield content('half')
        if (last !== undefined) yield last
      }
      const socket = await openSocket(test.http.url)
      const all = readAll(socket)
      socket.write(request)
      const text = await all
      assert.match(text, /data: \{"error":/)
      assert.doesNotMatch(text, /\[DONE\]/)
    }
  })

  it('ends the stream at the end event although the consumer still settles', async () => {
    await started()
    const settled = Promise.withResolvers<undefined>()
    test.consumer.script = async function* () {
      yield ACCEPTED
      yield END
      await settled.promise
      throw new PeerLostError()
    }
    const socket = await openSocket(test.http.url)
    const end = arrived(socket, '\r\n0\r\n\r\n')
    socket.write(request)
    assert.doesNotMatch(await end, /error/)
    assert.equal(test.consumer.finished, 0)
    settled.resolve(undefined)
    socket.destroy()
  })

  for (const [when, init, before] of [
    ['while it waits for a contributor', {}, []],
    ['after a contributor accepted', { firstByteMs: 0 }, [ACCEPTED]],
    ['in mid-stream', {}, [ACCEPTED, content('x')]]
  ] as const) {
    it(`cancels at once when the client hangs up ${when}`, async () => {
      await started(init)
      const waiting = Promise.withResolvers<undefined>()
      test.consumer.script = async function* (_, signal) {
        yield* before
        waiting.resolve(undefined)
        await aborted(signal)
      }
      const socket = await openSocket(test.http.url)
      const head = before.length > 0 ? arrived(socket, 'HTTP/1.1 200') : undefined
      socket.write(request)
      await waiting.promise
      await head
      socket.destroy()
      assert.match(String(await test.consumer.aborted), /hung up/)
    })
  }

  it('cancels a request for a document too', async () => {
    await started()
    const waiting = Promise.withResolvers<undefined>()
    test.consumer.script = async function* (_, signal) {
      yield ACCEPTED
      waiting.resolve(undefined)
      await aborted(signal)
    }
    const socket = await openSocket(test.http.url)
    socket.write(request.replace('"stream":true', '"stream":null'))
    await waiting.promise
    socket.destroy()
    assert.match(String(await test.consumer.aborted), /hung up/)
  })

  describe('with a client that does not read', () => {
    const EVENT_BYTES = 16_384

    /** Resolves when nothing more is taken from the consumer: the same count, over many turns of the loop. */
    async function standstill(): Promise<number> {
      for (let last = -1, quiet = 0; ;) {
        quiet = test.consumer.pulled === last ? quiet + 1 : 0
        last = test.consumer.pulled
        if (quiet === 500 && last > 0) return last
        await new Promise((resolve) => setImmediate(resolve))
      }
    }

    it('takes no more from the consumer until it reads again', async () => {
      await started()
      const total = 4096
      test.consumer.script = async function* () {
        yield ACCEPTED
        for (let i = 0; i < total; i++) yield content('x'.repeat(EVENT_BYTES))
        yield END
      }
      const socket = await openSocket(test.http.url)
      socket.pause()
      socket.write(request)
      const pulled = await standstill()
      // The two kernels' buffers take some; the rest of the 64 MiB must be waiting.
      assert.ok(pulled < total / 2, `${pulled} of ${total} taken`)
      let bytes = 0
      socket.on('data', (chunk: Buffer) => {
        bytes += chunk.length
        if (chunk.includes('[DONE]')) socket.end()
      })
      socket.resume()
      await once(socket, 'close')
      assert.equal(test.consumer.pulled, total + 2)
      assert.ok(bytes > total * EVENT_BYTES)
    })

    it('cuts it off when it never does', async () => {
      await started({ stalledReaderMs: 50 })
      test.consumer.script = async function* () {
        yield ACCEPTED
        while (true) yield content('x'.repeat(EVENT_BYTES))
      }
      const socket = await openSocket(test.http.url)
      socket.pause()
      socket.write(request)
      assert.match(String(await test.consumer.aborted), /hung up/)
      socket.destroy()
    })

    it('cuts it off when it leaves a document unread, and not one that reads slowly', async () => {
      await started({ stalledReaderMs: 250 })
      const bytes = 32 * 1024 * 1024
      const inFlight = async (): Promise<number> => {
        const text = await (await fetch(`${test.http.url}/metrics`)).text()
        return Number(/^lobstah_gateway_answers_in_flight (\d+)$/m.exec(text)?.[1])
      }
      test.consumer.script = async function* () {
        yield ACCEPTED
        yield content('x'.repeat(bytes))
        yield END
      }
      const ask = async (): Promise<Socket> => {
        const socket = await openSocket(test.http.url)
        socket.pause()
        socket.write(request.replace('"stream":true', '"stream":null'))
        return socket
      }
      const unread = await ask()
      const slow = await ask()
      let read = 0
      slow.on('data', (chunk: Buffer) => {
        read += chunk.length
        if (read > bytes) slow.destroy()
        slow.pause()
        setTimeout(() => slow.resume(), 1)
      })
      slow.resume()
      await once(slow, 'close')
      assert.ok(read > bytes, `${read} of ${bytes}`)
      while ((await inFlight()) > 0);
      unread.resume()
      await once(unread, 'close')
      assert.ok(unread.bytesRead < bytes, 'all of it had been sent')
    })

    it('notices that it hangs up', async () => {
      await started()
      test.consumer.script = async function* () {
        yield ACCEPTED
        while (true) yield content('x'.repeat(EVENT_BYTES))
      }
      const socket = await openSocket(test.http.url)
      socket.pause()
      socket.write(request)
      await standstill()
      socket.destroy()
      assert.match(String(await test.consumer.aborted), /hung up/)
    })
  })
})
