import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { connect, createServer as createTcpServer, type AddressInfo, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { testGateway, type TestGateway } from '../support/gateway/gateway.ts'

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) =>
  existsSync(path)
)
const LONG_MS = 120_000

const CHAT = JSON.stringify({ model: 'tiny', messages: [{ role: 'user', content: 'hi' }], stream: false })

/**
 * A page of another site: it tries every way that a page has to send a request, and tells what it could read. Each
 * try ends after two seconds at most.
 */
const pageFor = (gateway: string): string => `<!doctype html><meta charset="utf-8"><body><script>
const CHAT = ${JSON.stringify(CHAT)}, GATEWAY = ${JSON.stringify(gateway)}
const seen = {}
const within = (work) => Promise.race([work, new Promise((resolve) => setTimeout(resolve, 2000, 'late'))])
const attempt = async (name, work) => {
  try { seen[name] = String(await within(work())) } catch (err) { seen[name] = 'failed' }
}
const loaded = (frame) => new Promise((resolve) => frame.addEventListener('load', () => resolve('sent')))
const submit = async (path, enctype, attributes = {}) => {
  const frame = document.createElement('iframe')
  frame.name = 'f' + document.forms.length
  document.body.append(frame)
  const form = document.body.appendChild(document.createElement('form'))
  Object.assign(form, { method: 'post', action: GATEWAY + path, enctype, target: frame.name })
  if (attributes.rel) form.rel = attributes.rel
  const input = form.appendChild(document.createElement('input'))
  // A form's text is name=value: JSON hides the equals sign in a field that nobody reads.
  input.name = CHAT.slice(0, -1) + ',"x":"'
  input.value = '"}'
  await new Promise((resolve) => setTimeout(resolve))
  const done = loaded(frame)
  form.submit()
  return done
}
const framed = (html, sandbox) => {
  const frame = document.createElement('iframe')
  frame.setAttribute('sandbox', sandbox)
  frame.srcdoc = html
  const done = new Promise((resolve) => addEventListener('message', () => resolve('sent'), { once: true }))
  document.body.append(frame)
  return done
}
const send = (path, init) => fetch(GATEWAY + path, { method: 'POST', body: CHAT, ...init })
const go = async () => {
  await attempt('form text/plain', () => submit('/api/chat', 'text/plain'))
  await attempt('form urlencoded', () => submit('/api/chat', 'application/x-www-form-urlencoded'))
  await attempt('form multipart', () => submit('/api/chat', 'multipart/form-data'))
  await attempt('form without referrer', () => submit('/api/chat', 'text/plain', { rel: 'noreferrer' }))
  await attempt('form to v1', () => submit('/v1/chat/completions', 'text/plain'))
  for (const path of ['/api/chat', '/v1/chat/completions']) {
    await attempt('no-cors text ' + path, () => send(path, { mode: 'no-cors', headers: { 'content-type': 'text/plain' } }))
    await attempt('no-cors bare ' + path, () => send(path, { mode: 'no-cors', body: new Blob([CHAT]) }))
    await attempt('no-cors no referrer ' + path, () => send(path, { mode: 'no-cors', referrerPolicy: 'no-referrer' }))
    await attempt('keepalive ' + path, () => send(path, { mode: 'no-cors', keepalive: true }))
    await attempt('cors json ' + path, async () => (await send(path, { headers: { 'content-type': 'application/json' } })).text())
    await attempt('cors text ' + path, async () => (await send(path, {})).text())
  }
  await attempt('beacon', async () => navigator.sendBeacon(GATEWAY + '/api/chat', CHAT))
  await attempt('sandbox', () => framed(
    '<script>fetch(' + JSON.stringify(GATEWAY + '/api/chat') + ', { method: "POST", mode: "no-cors", body: ' +
    JSON.stringify(CHAT).replaceAll('<', '') + ' }).finally(() => parent.postMessage("", "*"))<\\/script>', 'allow-scripts'))
  await attempt('image', () => new Promise((resolve) => {
    const image = new Image()
    image.onload = () => resolve('loaded')
    image.onerror = () => resolve('sent')
    image.src = GATEWAY + '/api/tags'
  }))
  await attempt('script', () => new Promise((resolve) => {
    const script = document.createElement('script')
    script.onload = () => resolve('loaded')
    script.onerror = () => resolve('sent')
    script.src = GATEWAY + '/v1/models'
    document.body.append(script)
  }))
  await attempt('websocket', () => new Promise((resolve) => {
    const socket = new WebSocket(GATEWAY.replace('http', 'ws') + '/api/chat')
    socket.onopen = () => resolve('loaded')
    socket.onerror = () => resolve('sent')
  }))
  await fetch('/done', { method: 'POST', body: JSON.stringify(seen) })
}
go()
</script>`

/** A page that asks the name that it came from, which by then stands for the gateway. */
const REBOUND = `<!doctype html><script>
const seen = {}
const attempt = async (name, path, init) => {
  try { const response = await fetch(path, init); seen[name] = response.status + ' ' + await response.text() }
  catch (err) { seen[name] = 'failed' }
}
const go = async () => {
  await attempt('get', '/api/tags')
  await attempt('json', '/v1/chat/completions', { method: 'POST', headers: { 'content-type': 'application/json' }, body: ${JSON.stringify(CHAT)} })
  await attempt('text', '/api/chat', { method: 'POST', body: ${JSON.stringify(CHAT)} })
  await fetch('/done', { method: 'POST', body: JSON.stringify(seen) })
}
go()
</script>`

describe(`http-gateway, from web pages${CHROMIUM === undefined ? ': no Chromium is installed here' : ''}`, function () {
  this.timeout(LONG_MS)
  let test: TestGateway
  let home: string
  const open: { server: Server; browser?: ChildProcess }[] = []

  before(function () {
    if (CHROMIUM === undefined || process.platform !== 'linux') this.skip()
  })

  beforeEach(async () => {
    test = testGateway()
    await test.http.start()
    home = await mkdtemp(join(tmpdir(), 'lobstah-drive-by-'))
  })

  afterEach(async () => {
    for (const { server, browser } of open.splice(0)) {
      if (browser !== undefined && browser.exitCode === null && browser.signalCode === null) {
        const ended = once(browser, 'exit')
        browser.kill('SIGKILL')
        await ended
      }
      server.close()
    }
    await test.http.stop()
    await rm(home, { recursive: true, force: true, maxRetries: 5 })
  })

  /** Opens a page in a browser for which every name in `names` is an address of this machine. */
  const browse = (server: Server, url: string, names: Record<string, string>): void => {
    const rules = Object.entries(names).map(([name, address]) => `MAP ${name} ${address}`)
    const browser = spawn(
      CHROMIUM ?? '',
      [
        '--headless',
        '--no-sandbox',
        '--disable-gpu',
        '--no-first-run',
        '--no-proxy-server',
        `--user-data-dir=${home}`,
        `--host-resolver-rules=${rules.join(', ')}`,
        '--remote-debugging-port=0',
        url
      ],
      { stdio: 'ignore' }
    )
    open.push({ server, browser })
  }

  /** A site that serves a page and takes what the page tells. */
  const site = (
    page: string
  ): { server: ReturnType<typeof createServer>; told: Promise<Record<string, string>> } => {
    const told = Promise.withResolvers<Record<string, string>>()
    const server = createServer((request: IncomingMessage, response: ServerResponse) => {
      if (request.url !== '/done') return void response.setHeader('content-type', 'text/html').end(page)
      let body = ''
      request.on('data', (chunk: Buffer) => (body += chunk.toString()))
      request.on('end', () => {
        response.end()
        told.resolve(JSON.parse(body) as Record<string, string>)
      })
    })
    return { server, told: told.promise }
  }

  it('lets no page of another site reach the engine, and local programs do', async () => {
    const { server, told } = site(pageFor(test.http.url))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    browse(server, `http://evil.example:${port}/`, { 'evil.example': '127.0.0.1' })
    const seen = await told
    assert.equal(test.consumer.requests.length, 0, JSON.stringify(seen))
    for (const [name, outcome] of Object.entries(seen)) {
      assert.ok(
        ['sent', 'failed', 'late', 'true', '[object Response]'].includes(outcome),
        `${name}: ${outcome}`
      )
    }
    // They did come here: otherwise this would show nothing.
    const refused = test.log.filter(({ fields }) => fields?.['code'] === 'origin_not_allowed')
    assert.ok(refused.length >= Object.keys(seen).length - 1, `${refused.length} of ${JSON.stringify(seen)}`)

    for (const headers of [{}, { 'content-type': 'application/x-www-form-urlencoded' }]) {
      const response = await fetch(`${test.http.url}/api/chat`, { method: 'POST', headers, body: CHAT })
      assert.equal(response.status, 200)
    }
    assert.equal(test.consumer.requests.length, 2)
  })

  it('lets no page reach it whose name was rebound to this machine', async () => {
    const { server: pages, told } = site(REBOUND)
    pages.listen(0, '127.0.0.1')
    await once(pages, 'listening')
    const port = Number(new URL(test.http.url).port)
    const pagesPort = (pages.address() as AddressInfo).port
    // At the gateway's port of another address: the page and its report go to the site, all else to the gateway.
    const rebinding = createTcpServer((socket) => {
      socket
        .on('error', () => undefined)
        .once('data', (head: Buffer) => {
          const own = /^(GET \/ |POST \/done )/.test(head.toString('latin1'))
          const upstream = connect(own ? pagesPort : port, '127.0.0.1')
          upstream.on('error', () => socket.destroy())
          // One request a connection, so that each is sorted.
          upstream.write(
            head.toString('latin1').replace(/connection: keep-alive/i, 'Connection: close'),
            'latin1'
          )
          socket.pipe(upstream).pipe(socket)
        })
    })
    rebinding.listen(port, '127.0.0.2')
    await once(rebinding, 'listening')
    open.push({ server: pages })
    browse(rebinding, `http://rebind.example:${port}/`, { 'rebind.example': '127.0.0.2' })
    const seen = await told
    assert.equal(test.consumer.requests.length, 0, JSON.stringify(seen))
    assert.deepEqual(Object.keys(seen), ['get', 'json', 'text'])
    for (const [name, outcome] of Object.entries(seen)) {
      assert.match(outcome, /^403 .*host_not_allowed/, name)
    }
  })
})
