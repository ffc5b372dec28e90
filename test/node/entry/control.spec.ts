import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { statusText } from '../../../node/entry/commands/node-status.ts'
import type { NodeReport } from '../../../node/entry/control/node-report.ts'
import { startControl } from '../../../node/entry/control/control-server.ts'
import { runProcess, startProcess, type RunningNode } from '../../support/node-process.ts'

const REPORT: NodeReport = {
  kind: 'node',
  version: '1.0.0',
  pid: 42,
  startedAt: 0,
  stopping: false,
  peer: '12D3KooWPeer',
  mesh: 'home',
  private: true,
  gateway: 'http://127.0.0.1:17475',
  addresses: [],
  connected: 3,
  contributors: 1,
  engine: 'ollama',
  serving: { access: 'mesh', models: ['llama3.2:3b'], slots: 2, active: 1, queued: 4 },
  credits: { earned: 5_000_000, spent: 2_000_000, net: 3_000_000 },
  relay: null
}

describe('node/entry: status and stop', function () {
  this.timeout(240_000)
  let home: string
  let running: RunningNode[]

  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'lobstah-control-'))
    running = []
  })
  afterEach(async () => {
    for (const node of running) await node.end('SIGKILL')
    await rm(home, { recursive: true })
  })

  async function start(args: string[]): Promise<RunningNode> {
    const node = await startProcess(home, args)
    running.push(node)
    return node
  }
  const command = (...args: string[]): ReturnType<typeof runProcess> => runProcess(['--home', home, ...args])

  it('finds no node where there is none, and has nothing to stop', async () => {
    const status = await command('status')
    assert.equal(status.code, 3)
    assert.equal(status.stdout, '')
    assert.match(status.stderr, /No node runs on .*Start one: lobstah-node\n$/)
    const stop = await command('stop', '--json')
    assert.equal(stop.code, 0)
    assert.deepEqual(JSON.parse(stop.stdout), { stopped: false, reason: 'not running' })
  })

  it('reports a node and stops it, which ends as by a signal', async () => {
    const node = await start(['--engine', 'none', '--gateway-port', '0'])
    const status = await command('status', '--json')
    const { state, node: report } = JSON.parse(status.stdout) as { state: string; node: NodeReport }
    assert.equal(state, 'running')
    assert.deepEqual(
      [report.peer, report.gateway, report.pid, report.kind],
      [node.peer, node.url, node.process.pid, 'node']
    )
    assert.equal((await command('stop')).code, 0)
    assert.equal(await node.end(), 0)
    assert.equal((await command('status')).code, 3)
  })

  it('does the same for a relay, which has no gateway', async () => {
    const node = await start(['relay', '--listen', '/ip4/127.0.0.1/tcp/0'])
    const status = await command('status')
    assert.match(status.stdout, /^lobstah-node relay is running: pid \d+/)
    assert.match(status.stdout, /places +0 of 4096 taken/)
    assert.equal((await command('stop', '--now')).code, 0)
    assert.ok([0, 130].includes((await node.end()) ?? -1))
  })

  it('asks nothing at the addresses that a crash left behind', async () => {
    let asked = 0
    const other = createServer((_request, response) => {
      asked++
      response.end('{}')
    }).listen(0, '127.0.0.1')
    await new Promise((resolve) => other.once('listening', resolve))
    const url = `http://127.0.0.1:${(other.address() as AddressInfo).port}`
    // The pid is a live one, as when the system has given it to another program.
    const stale = { pid: process.pid, gateway: url, control: url, peer: 'x' }
    await writeFile(join(home, 'run.json'), JSON.stringify(stale))
    assert.equal((await command('status')).code, 3)
    assert.equal((await command('stop')).code, 0)
    assert.equal(asked, 0)
    await start(['--engine', 'none', '--gateway-port', '0'])
    const kept = JSON.parse(await readFile(join(home, 'run.json'), 'utf8')) as { control: string }
    assert.notEqual(kept.control, url)
    other.close()
  })

  it('opens its door to the owner alone', async () => {
    let stops = 0
    const control = await startControl({
      token: 'secret',
      report: () => Promise.resolve(REPORT),
      stop: () => stops++
    })
    const call = async (method: string, path: string, token?: string): Promise<number> => {
      const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
      return (await fetch(control.url + path, { method, headers })).status
    }
    assert.deepEqual(
      [
        await call('GET', '/status'),
        await call('POST', '/stop', 'guess'),
        await call('GET', '/status', 'secret')
      ],
      [401, 401, 200]
    )
    assert.equal(await call('GET', '/stop', 'secret'), 404)
    assert.equal(stops, 0)
    await control.close()
  })

  describe('the text', () => {
    const text = (changes: Partial<NodeReport> = {}, installed = '1.0.0'): string =>
      statusText({ ...REPORT, ...changes }, installed, 3 * 3_600_000 + 12 * 60_000, '/home/me/.lobstah')

    it('says everything of a node', () => {
      assert.equal(
        text(),
        [
          'lobstah-node is running: pid 42, for 3 h 12 min',
          '  version  1.0.0',
          '  home     /home/me/.lobstah',
          '  peer     12D3KooWPeer',
          '  mesh     home, private',
          '  peers    3 connected, 1 contributor',
          '  gateway  http://127.0.0.1:17475',
          '  serving  llama3.2:3b to the mesh; 1 of 2 slots busy, 4 waiting',
          '  credits  earned 5, spent 2, net 3'
        ].join('\n')
      )
    })

    it('says that another version is installed than runs', () => {
      assert.match(text({}, '1.1.0'), /version {2}1\.0\.0; 1\.1\.0 is installed: restart to use it/)
    })

    it('says who uses a relay, how much, and what was refused', () => {
      const relay = {
        reservations: 2,
        maxReservations: 16,
        circuits: 1,
        circuitsOpened: 9,
        bytes: 1536,
        refusedReservations: 4,
        refusedCircuits: 5,
        peers: [{ peer: '12D3KooWUser', streams: 1, bytes: 1024, refused: 5 }]
      }
      const lines = text({ kind: 'relay', credits: null, serving: null, relay }).split('\n')
      assert.deepEqual(lines.slice(-6), [
        '  places    2 of 16 taken',
        '  circuits  1 open, 9 since the start, 1.5 KiB',
        '  refused   4 places, 5 circuits',
        '',
        'RELAYED PEER  STREAMS  SENT     REFUSED',
        '12D3KooWUser  1        1.0 KiB  5'
      ])
    })
  })
})
