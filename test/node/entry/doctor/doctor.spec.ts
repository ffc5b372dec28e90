import assert from 'node:assert/strict'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Startable } from '@libp2p/interface'
import { STUN_PROTOCOL, tellStunPorts } from '../../../../protocols/index.ts'
import { resolveConfig } from '../../../../node/config/index.ts'
import { doctor } from '../../../../node/entry/doctor/doctor.ts'
import type { Finding } from '../../../../node/entry/doctor/diagnosis.ts'
import { openDatastore } from '../../../../node/entry/home-lock.ts'
import type { Lobstah } from '../../../../node/lobstah.ts'
import { bindingResponse } from '../../../../node/reach/stun/message.ts'
import { bareNode } from '../../../support/libp2p-pair.ts'
import { OUTER, dialBacks } from '../../../support/dial-backs.ts'
import { startOllamaServer } from '../../../support/engines/ollama-server.ts'
import { Mesh, addressesOf, contributorsKnown, until } from '../../../support/mesh.ts'
import { ScriptedEngine, say } from '../../../support/scripted-engine.ts'

const LOOPBACK = ['/ip4/127.0.0.1/tcp/0']
const NOBODY = '/ip4/127.0.0.1/tcp/1/p2p/12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA'

describe('node/entry/doctor/doctor', function () {
  this.timeout(60_000)
  let mesh: Mesh
  let home: string
  const sockets: Socket[] = []
  const services: Startable[] = []

  beforeEach(async () => {
    mesh = new Mesh()
    home = await mkdtemp(join(tmpdir(), 'lobstah-'))
  })
  afterEach(async () => {
    for (const service of services.splice(0)) await service.stop()
    await mesh.stop()
    for (const socket of sockets.splice(0)) socket.close()
    await rm(home, { recursive: true })
  })

  /** The doctor's findings, by check; the last one wins. */
  async function examine(flags: Record<string, unknown>): Promise<Record<string, Finding>> {
    return Object.fromEntries((await findingsOf(flags)).map((finding) => [finding.check, finding]))
  }

  async function findingsOf(flags: Record<string, unknown>): Promise<Finding[]> {
    const settings = { home, engine: 'none', gateway: false, loopbackPeers: true, ...flags }
    let findings: Finding[] = []
    const output = {
      json: true,
      result: (value: unknown) => (findings = value as Finding[]),
      note: () => undefined,
      event: () => undefined
    }
    const config = resolveConfig({ flags: settings, env: {}, homeDir: home })
    const failed = await doctor(config, {}, output as never).then(
      () => false,
      () => true
    )
    assert.equal(
      failed,
      findings.some(({ status }) => status === 'fail'),
      'it fails when a check does'
    )
    for (const { status, remedy, detail } of findings)
      assert.equal(
        remedy !== undefined,
        status === 'warn' || status === 'fail',
        `what to do about: ${detail}`
      )
    return findings
  }

  /** A relay whose STUN servers say what they are told to: by `portOf`, the port seen by the server of that index. */
  async function relay(portOf?: (server: number) => number | undefined): Promise<Lobstah> {
    const node = await mesh.node({ relay: true, listen: LOOPBACK })
    if (portOf === undefined) return node
    const ports = await Promise.all(
      [0, 1].map(async (server) => {
        const socket = createSocket('udp4')
        sockets.push(socket)
        socket.on('message', (message, from) => {
          const port = portOf(server)
          const response = port === undefined ? undefined : bindingResponse(message, { address: OUTER, port })
          if (response !== undefined) socket.send(response, from.port, from.address)
        })
        socket.bind(0, '127.0.0.1')
        await once(socket, 'listening')
        return socket.address().port
      })
    )
    await node.libp2p.unhandle(STUN_PROTOCOL)
    await node.libp2p.handle(STUN_PROTOCOL, (stream) => void tellStunPorts(stream, { udp: ports }))
    return node
  }

  const contribute = (bootstrap: string[], rest: object = {}): Promise<Lobstah> =>
    mesh.node({
      bootstrap,
      engine: new ScriptedEngine(() => say(['fine'])),
      contribute: true,
      listen: LOOPBACK,
      ...rest
    })

  it('finds a healthy mesh healthy, and names the STUN ports that it asked', async () => {
    const relays = [await relay(), await relay()]
    const bootstrap = relays.flatMap(addressesOf)
    await contribute(bootstrap)
    await contributorsKnown(await mesh.node({ bootstrap }), 1)
    const found = await examine({ bootstrap, serveAccess: 'mesh', askAccess: 'mesh' })
    assert.deepEqual(
      ['bootstrap', 'dht', 'relays', 'nat', 'reachable', 'clock'].map((check) => found[check]?.status),
      ['ok', 'ok', 'ok', 'ok', 'ok', 'ok'],
      JSON.stringify(found)
    )
    assert.match(
      found.nat!.detail,
      /none: 127\.0\.0\.1 is this machine's own \(asked 127\.0\.0\.1, UDP \d+, \d+/
    )
  })

  it('says that nobody is reached, and looks no further', async () => {
    const found = await examine({ bootstrap: [NOBODY] })
    assert.equal(found.bootstrap?.status, 'fail')
    assert.match(found.bootstrap.remedy!, /firewall/)
    assert.deepEqual(
      ['dht', 'relays', 'nat', 'reachable', 'clock'].map((check) => found[check]?.status),
      Array.from({ length: 5 }, () => 'skip')
    )
  })

  it('says that no mesh is joined', async () => {
    assert.equal((await examine({})).bootstrap?.status, 'warn')
  })

  it('says that whom it joins by serves neither the DHT nor circuits', async () => {
    const client = await bareNode()
    try {
      const found = await examine({ bootstrap: client.getMultiaddrs().map(String) })
      assert.equal(found.bootstrap?.status, 'ok')
      assert.deepEqual([found.dht?.status, found.relays?.status], ['fail', 'fail'])
      assert.match(found.dht!.remedy!, /relay/)
      assert.equal(found.nat?.status, 'skip')
    } finally {
      await client.stop()
    }
  })

  it('warns of a single relay', async () => {
    const found = await examine({ bootstrap: addressesOf(await relay()) })
    assert.equal(found.relays?.status, 'warn')
    assert.match(found.relays.remedy!, /second relay/)
  })

  describe('NAT type', () => {
    for (const [kind, portOf, status, text] of [
      ['a cone', () => 40_000, 'ok', /^cone: all see 5\.10\.0\.10/],
      ['a symmetric one', (server: number) => 40_000 + server, 'warn', /^symmetric: each destination/],
      ['UDP that is blocked', () => undefined, 'warn', /^no answer by UDP from 127\.0\.0\.1, UDP \d+/]
    ] as const) {
      it(`tells ${kind}`, async () => {
        const { nat } = await examine({ bootstrap: addressesOf(await relay(portOf)) })
        assert.equal(nat?.status, status)
        assert.match(nat.detail, text)
      })
    }

    it('asks nobody outside when it may not leave the local network', async () => {
      const found = await examine({ bootstrap: addressesOf(await relay()), lanOnly: true })
      assert.equal(found.nat?.status, 'skip')
    })
  })

  describe('reachable from outside', () => {
    /** A free port, so that it can be announced. */
    async function freePort(): Promise<number> {
      const server = createServer().listen(0, '127.0.0.1')
      await once(server, 'listening')
      const address = server.address()
      await new Promise((resolve) => server.close(resolve))
      return typeof address === 'object' && address !== null ? address.port : 0
    }

    async function announced(open: boolean): Promise<Record<string, Finding>> {
      const node = await relay()
      services.push(await dialBacks(node.libp2p, () => open))
      const port = await freePort()
      return await examine({
        bootstrap: addressesOf(node),
        listen: [`/ip4/127.0.0.1/tcp/${port}`],
        announce: [`/ip4/${OUTER}/tcp/${port}`]
      })
    }

    it('believes a peer that has dialled back', async () => {
      const { reachable } = await announced(true)
      assert.equal(reachable?.status, 'ok', JSON.stringify(reachable))
      assert.match(reachable.detail, /^12D3\w+ dialled \/ip4\/5\.10\.0\.10\/tcp\/\d+ back$/)
    })

    it('says that what is announced leads nowhere', async () => {
      const { reachable } = await announced(false)
      assert.equal(reachable?.status, 'fail', JSON.stringify(reachable))
      assert.match(reachable.remedy!, /forward that port/)
    })

    it('asks for nothing where nobody is listened for', async () => {
      const { reachable } = await examine({ bootstrap: addressesOf(await relay()) })
      assert.match(reachable!.detail, /a node that only asks need not be reachable/)
    })

    it('knows no address on a private network', async () => {
      const found = await examine({ bootstrap: addressesOf(await relay()), listen: LOOPBACK })
      assert.equal(found.reachable?.status, 'skip')
    })
  })

  for (const [minutes, status] of [
    [2, 'warn'],
    [10, 'fail']
  ] as const) {
    it(`says that a clock is ${minutes} minutes off`, async () => {
      const bootstrap = addressesOf(await relay())
      const contributor = await contribute(bootstrap, { now: () => Date.now() + minutes * 60_000 })
      await until(() => contributor.libp2p.services.dht.routingTable.size > 0)
      await until(async () => {
        const found = await examine({ bootstrap })
        if (found.clock?.status === 'skip') return false
        assert.equal(found.clock?.status, status)
        assert.match(found.clock.remedy!, /NTP/)
        return true
      })
    })
  }

  it('says whether the engine answers', async () => {
    const url = await (async () => {
      await using engine = await startOllamaServer({ script: () => ({ text: 'Fine.' }) })
      const { engine: answering } = await examine({
        engine: 'ollama',
        engineUrl: engine.url,
        gateway: true,
        gatewayPort: 0
      })
      assert.equal(answering?.status, 'ok', JSON.stringify(answering))
      return engine.url
    })()
    const { engine: silent } = await examine({
      engine: 'ollama',
      engineUrl: url,
      gateway: true,
      gatewayPort: 0
    })
    assert.equal(silent?.status, 'fail', JSON.stringify(silent))
  })

  it('says whether a port is free', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    assert.ok(typeof address === 'object' && address !== null)
    const flags = { gateway: true, gatewayPort: address.port }
    const taken = await examine(flags)
    assert.equal(taken.port?.status, 'fail')
    assert.match(taken.port.remedy!, /--gateway-port/)
    await new Promise((resolve) => server.close(resolve))
    assert.equal((await examine(flags)).port?.status, 'ok')
  })

  it('looks at the mesh where the ports for peers are taken, by TCP or UDP', async () => {
    const node = await relay()
    const server = createServer().listen(0, '127.0.0.1')
    const socket = createSocket('udp4')
    sockets.push(socket)
    socket.bind(0, '127.0.0.1')
    await Promise.all([once(server, 'listening'), once(socket, 'listening')])
    const { port } = server.address() as AddressInfo
    try {
      for (const listen of [
        `/ip4/127.0.0.1/tcp/${port}`,
        `/ip4/127.0.0.1/udp/${socket.address().port}/quic-v1`
      ]) {
        const found = await examine({ bootstrap: addressesOf(node), listen: [listen] })
        assert.equal(found.port?.status, 'fail', listen)
        assert.match(found.port.detail, /EADDRINUSE/)
        assert.equal(found.bootstrap?.status, 'ok')
      }
    } finally {
      server.close()
    }
  })

  it('tells where the gateway of the node that runs is, whatever the settings say', async () => {
    const runtime = { pid: process.pid, peer: 'x', addresses: [] }
    const lock = await openDatastore(home)
    try {
      for (const [gateway, said] of [
        ['http://127.0.0.1:4242', /^the gateway is http:\/\/127\.0\.0\.1:4242: this home's node runs/],
        [null, /^the gateway is off: this home's node runs/]
      ] as const) {
        await writeFile(join(home, 'run.json'), JSON.stringify({ ...runtime, gateway }))
        assert.match((await examine({ gateway: true })).port?.detail ?? '', said)
      }
    } finally {
      await lock.close()
    }
  })

  it('does not believe a run.json whose pid is now another program’s', async () => {
    await writeFile(
      join(home, 'run.json'),
      JSON.stringify({ pid: process.pid, peer: 'x', addresses: [], gateway: 'http://127.0.0.1:4242' })
    )
    assert.doesNotMatch((await examine({ gateway: true, gatewayPort: 0 })).port?.detail ?? '', /runs/)
  })

  it('dials each address afresh, so that one that works hides none that does not', async () => {
    const [good = ''] = addressesOf(await relay())
    const bad = good.replace(/tcp\/\d+/, 'tcp/1')
    const findings = await findingsOf({ bootstrap: [good, bad] })
    assert.deepEqual(
      findings.filter(({ check }) => check === 'bootstrap').map(({ status }) => status),
      ['ok', 'fail']
    )
  })

  it('knows a home whose mesh has no address yet', async () => {
    await writeFile(join(home, 'mesh.json'), JSON.stringify({ name: 'ours', bootstrap: [] }))
    assert.match((await examine({})).bootstrap?.detail ?? '', /belongs to the mesh "ours"/)
  })
})
