import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { z } from 'zod'
import { resolveConfig } from '../../../node/config/index.ts'
import { GatewayClient } from '../../../node/entry/gateway-client.ts'

describe('node/entry/gateway-client', () => {
  let home: string
  const servers: Server[] = []

  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'lobstah-client-'))
  })
  afterEach(async () => {
    for (const server of servers.splice(0)) {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    }
    await rm(home, { recursive: true })
  })

  async function clientOf(server: Server, flags: Record<string, unknown> = {}): Promise<GatewayClient> {
    servers.push(server)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const gatewayPort = (server.address() as AddressInfo).port
    return await GatewayClient.of(
      resolveConfig({ flags: { home, gatewayPort, ...flags }, env: {}, homeDir: home })
    )
  }

  it('says that an answer broke off when the gateway is gone', async () => {
    const gone: RequestListener = (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write('data: {}\n\n', () => response.destroy())
    }
    const client = await clientOf(createServer(gone))
    const { items } = await client.post('/', {}, AbortSignal.timeout(10_000))
    await assert.rejects(
      async () => {
        for await (const item of items) assert.deepEqual(item, { data: '{}' })
      },
      { name: 'CommandError', message: /The answer broke off/, exitCode: 3 }
    )
  })

  it('tells a certificate that is not taken from a node that does not run', async function () {
    const [cert, key] = [join(home, 'cert.pem'), join(home, 'key.pem')]
    const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2']
    try {
      const args = ['req', ...kind, '-subj', '/CN=grid.example', '-keyout', key, '-out', cert]
      await promisify(execFile)('openssl', args)
    } catch (err) {
      if (err instanceof Error && 'code' in err && err.code === 'ENOENT') this.skip()
      throw err
    }
    const server = createTlsServer({ cert: await readFile(cert), key: await readFile(key) })
    const client = await clientOf(server, { gatewayCert: cert, gatewayKey: key })
    await assert.rejects(client.get('/', z.unknown()), {
      message:
        /^The certificate of https:\/\/127\.0\.0\.1:\d+ is not trusted \(\w+\)\. .*NODE_EXTRA_CA_CERTS/,
      exitCode: 3
    })
  })

  it('names an IPv6 address as a URL does', async () => {
    const config = resolveConfig({ flags: { home, gatewayHost: '::1' }, env: {}, homeDir: home })
    assert.equal((await GatewayClient.of(config)).url, 'http://[::1]:17475')
  })
})
