import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { get } from 'node:https'
import type { IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { connect } from 'node:tls'
import { testGateway } from '../support/gateway/gateway.ts'
import { exchange } from '../support/gateway/raw-http.ts'
import { ACCEPTED, END, content } from '../support/gateway/stub-consumer.ts'

const run = promisify(execFile)

/** Makes a self-signed certificate for localhost; false where there is no openssl. */
async function makeCertificate(cert: string, key: string): Promise<boolean> {
  const name = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
  const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2']
  try {
    await run('openssl', ['req', ...kind, ...name, '-keyout', key, '-out', cert])
    return true
  } catch (err) {
    if (err instanceof Error && 'code' in err && err.code === 'ENOENT') return false
    throw err
  }
}

describe('http-gateway policy, over TLS', () => {
  let folder: string
  let certFile: string
  let keyFile: string

  before(async function () {
    folder = await mkdtemp(join(tmpdir(), 'lobstah-tls-'))
    certFile = join(folder, 'cert.pem')
    keyFile = join(folder, 'key.pem')
    if (!(await makeCertificate(certFile, keyFile))) this.skip()
  })
  after(async () => {
    await rm(folder, { recursive: true })
  })

  it('speaks HTTPS under its certificate, and no HTTP', async () => {
    const { http } = testGateway({ certFile, keyFile })
    await http.start()
    try {
      assert.match(http.url, /^https:\/\/127\.0\.0\.1:\d+$/)
      const ca = await readFile(certFile)
      const fetchText = async (path: string, host: string): Promise<[number | undefined, string]> => {
        const request = get(http.url + path, { ca, agent: false, servername: 'localhost', headers: { host } })
        const [reply] = (await once(request, 'response')) as [IncomingMessage]
        return [reply.statusCode, (await reply.toArray()).join('')]
      }
      assert.deepEqual(await fetchText('/healthz', 'localhost'), [200, '{"status":"ok"}'])
      assert.equal((await fetchText('/healthz', 'evil.example'))[0], 403)
      const plain = await exchange(http.url, 'GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n')
      assert.doesNotMatch(plain, /"ok"/)
      const strange = get(http.url, { agent: false })
      await assert.rejects(once(strange, 'response'), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' })
    } finally {
      await http.stop()
    }
  })

  it('says what is wrong with the files', async () => {
    const other = join(folder, 'other.pem')
    const otherKey = join(folder, 'other-key.pem')
    await makeCertificate(other, otherKey)
    const text = join(folder, 'text.pem')
    await writeFile(text, 'no certificate')
    const wrong: [object, RegExp][] = [
      [{ certFile }, /both a certificate and its key/],
      [{ keyFile }, /both a certificate and its key/],
      [{ certFile: join(folder, 'absent.pem'), keyFile }, /certificate .*absent\.pem cannot be read/],
      [{ certFile, keyFile: folder }, /key .* cannot be read/],
      [{ certFile: text, keyFile }, /not a certificate and its key/],
      [{ certFile, keyFile: otherKey }, /belong together/]
    ]
    for (const [init, message] of wrong) {
      await assert.rejects(testGateway(init).http.start(), { name: 'GatewayTlsError', message })
    }
  })

  it('does not cut off a client that reads slowly, although TLS tells nothing of how far it is', async () => {
    const bytes = 24 * 1024 * 1024
    const { http, consumer } = testGateway({ certFile, keyFile, stalledReaderMs: 500 })
    consumer.script = async function* () {
      yield ACCEPTED
      yield content('x'.repeat(bytes))
      yield END
    }
    await http.start()
    const { port } = new URL(http.url)
    const socket = connect({
      port: Number(port),
      host: '127.0.0.1',
      servername: 'localhost',
      ca: await readFile(certFile)
    })
    await once(socket, 'secureConnect')
    let read = 0
    socket.on('data', (chunk: Buffer) => {
      read += chunk.length
      if (read > bytes) socket.destroy()
      socket.pause()
      setTimeout(() => socket.resume(), 2)
    })
    const body = JSON.stringify({ model: 'tiny', messages: [{ role: 'user', content: 'hi' }] })
    const head = `Host: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}`
    socket.write(`POST /v1/chat/completions HTTP/1.1\r\n${head}\r\n\r\n${body}`)
    await once(socket, 'close')
    assert.ok(read > bytes, `${read} of ${bytes}`)
    await http.stop()
  })
})
