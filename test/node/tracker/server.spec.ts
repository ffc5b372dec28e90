import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { get } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { connect } from 'node:net'
import { once } from 'node:events'
import { defaultLogger } from '@libp2p/logger'
import {
  MAX_CONNECTIONS_PER_HOST,
  READS_PER_MINUTE,
  Tracker,
  TrackerStartError
} from '../../../node/tracker/index.ts'
import { signedPresence, signedWithdrawal } from '../../support/presences.ts'
import { NOW } from '../../support/records.ts'

/** Makes a self-signed certificate for loopback; false where there is no openssl. */
function makeCertificate(cert: string, key: string): boolean {
  const name = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1']
  const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2']
  return spawnSync('openssl', ['req', ...kind, ...name, '-keyout', key, '-out', cert]).status === 0
}

const log = defaultLogger().forComponent('test')

describe('node/tracker/server', () => {
  let now = NOW
  let tracker: Tracker
  beforeEach(async () => {
    now = NOW
    tracker = new Tracker({ host: '127.0.0.1', port: 0 }, { log, now: () => now })
    await tracker.start()
  })
  afterEach(() => tracker.stop())

  async function post(path: string, body: unknown, headers = {}): Promise<{ status: number; body: unknown }> {
    const response = await fetch(`${tracker.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body)
    })
    return { status: response.status, body: await response.json() }
  }

  async function codeOf(answer: Promise<{ status: number; body: unknown }>): Promise<[number, string]> {
    const { status, body } = await answer
    return [status, (body as { error: { code: string } }).error.code]
  }

  it('takes announcements, lists them, and takes them back', async () => {
    const record = await signedPresence()
    assert.deepEqual(await post('/announce', record), { status: 200, body: { ttlMs: 600_000 } })
    const response = await fetch(`${tracker.url}/peers`)
    assert.deepEqual(await response.json(), { peers: [record] })
    assert.equal(response.headers.get('cache-control'), 'no-store')
    assert.deepEqual(await post('/unannounce', await signedWithdrawal(NOW + 1)), { status: 200, body: {} })
    assert.deepEqual(await (await fetch(`${tracker.url}/peers?mesh=public&limit=5`)).json(), { peers: [] })
  })

  it('names what is wrong with a request, by a code and a status', async () => {
    assert.deepEqual(await codeOf(post('/announce', '{')), [400, 'invalid_request'])
    assert.deepEqual(await codeOf(post('/announce', {})), [400, 'invalid_record'])
    assert.deepEqual(await codeOf(post('/announce', 'x'.repeat(40_000))), [413, 'too_large'])
    assert.deepEqual(await codeOf(post('/announce', await signedWithdrawal(NOW))), [400, 'invalid_record'])
    assert.deepEqual(await codeOf(post('/other', {})), [404, 'not_found'])
    for (const query of ['mesh=x', 'limit=0', 'limit=-1', 'limit=1e3', 'mesh=public&mesh=public'])
      assert.equal((await fetch(`${tracker.url}/peers?${query}`)).status, 400, query)
    now += 600_001
    assert.deepEqual(await codeOf(post('/announce', await signedPresence())), [400, 'stale'])
  })

  it('answers one address only so often, whatever it says it is', async () => {
    let refused = 0
    for (let n = 0; n < READS_PER_MINUTE + 5; n++) {
      const response = await fetch(`${tracker.url}/peers`, {
        headers: { 'x-forwarded-for': `203.0.113.${n}` }
      })
      await response.body?.cancel()
      if (response.status === 429) refused++
    }
    assert.equal(refused, 5)
    now += 60_000
    assert.equal((await fetch(`${tracker.url}/peers`)).status, 200)
  })

  it('behind a proxy, tells clients apart by the hop that the proxy wrote', async () => {
    await tracker.stop()
    tracker = new Tracker({ host: '127.0.0.1', port: 0, behindProxy: true }, { log, now: () => now })
    await tracker.start()
    const statuses = async (forwarded: (n: number) => string): Promise<number[]> => {
      const found: number[] = []
      for (let n = 0; n < READS_PER_MINUTE + 5; n++) {
        const response = await fetch(`${tracker.url}/peers`, { headers: { 'x-forwarded-for': forwarded(n) } })
        await response.body?.cancel()
        found.push(response.status)
      }
      return found
    }
    assert.ok(!(await statuses((n) => `203.0.113.${n}`)).includes(429))
    assert.ok((await statuses((n) => `192.0.2.${n}, 198.51.100.1`)).includes(429))
  })

  it('speaks HTTPS with a certificate, and says what is wrong with one', async function () {
    const folder = await mkdtemp(join(tmpdir(), 'lobstah-tracker-'))
    const [certFile, keyFile] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
    const files = { certFile, keyFile }
    const secure = new Tracker({ host: '127.0.0.1', port: 0, ...files }, { log })
    const half = new Tracker({ host: '127.0.0.1', port: 0, certFile }, { log })
    try {
      await assert.rejects(secure.start(), TrackerStartError)
      await assert.rejects(half.start(), /--tracker-key/)
      if (!makeCertificate(certFile, keyFile)) this.skip()
      await secure.start()
      const [response] = (await once(
        get(`${secure.url}/peers`, { ca: await readFile(certFile) }),
        'response'
      )) as [IncomingMessage]
      assert.match(secure.url ?? '', /^https:/)
      assert.deepEqual(JSON.parse(await text(response)), { peers: [] })
    } finally {
      await secure.stop()
      await rm(folder, { recursive: true })
    }
  })

  it('holds only so many connections of one address open', async () => {
    const { port, hostname } = new URL(tracker.url ?? '')
    const sockets = await Promise.all(
      Array.from({ length: MAX_CONNECTIONS_PER_HOST }, async () => {
        const socket = connect(Number(port), hostname)
        await once(socket, 'connect')
        return socket
      })
    )
    const extra = connect(Number(port), hostname)
    extra.on('error', () => undefined)
    await once(extra, 'close')
    assert.ok(sockets.every(({ destroyed }) => !destroyed))
    for (const socket of sockets) socket.destroy()
  })
})
