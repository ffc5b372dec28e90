import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { OwnerDesk } from '../../../http-gateway/index.ts'
import { resolveConfig } from '../../../node/config/index.ts'
import { ownerDesk } from '../../../node/entry/owner-desk.ts'
import { RecentLog } from '../../../node/entry/recent-log.ts'

const PEER = '12D3KooWQYhTNQdmr3ArTeUHRYzFg94BKyTkoWBDWez9kSCVe2Xo'
const ADDRESS = `/ip4/192.0.2.1/tcp/17476/p2p/${PEER}`

describe('node/entry/owner-desk', () => {
  let folder: string
  let log: RecentLog

  const deskOf = (home: string, flags: Record<string, string> = {}): OwnerDesk =>
    ownerDesk(
      resolveConfig({ flags: { home: join(folder, home), ...flags }, env: {}, homeDir: folder }),
      {},
      log
    )

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lobstah-desk-'))
    log = new RecentLog()
  })
  afterEach(() => rm(folder, { recursive: true }))

  it('makes an invite with its picture, which another home joins by', async () => {
    const { result } = await deskOf('inviting').run({
      name: 'invite',
      flags: { name: 'home', address: [ADDRESS] as unknown as string }
    })
    const { invite, qr, mesh } = result as { invite: string; qr: string; mesh: string }
    assert.equal(mesh, 'home')
    assert.match(qr, /^<svg /)
    const joining = deskOf('joining')
    assert.deepEqual((await joining.run({ name: 'mesh' })).result, {
      mesh: null,
      private: false,
      bootstrap: []
    })
    await joining.run({ name: 'join', argument: invite })
    assert.equal(((await joining.run({ name: 'mesh' })).result as { mesh: string }).mesh, 'home')
    await joining.run({ name: 'leave' })
    assert.equal(((await joining.run({ name: 'mesh' })).result as { mesh: string | null }).mesh, null)
  })

  it('keeps friends, and says what is wrong with what it is given', async () => {
    const desk = deskOf('friendly')
    await desk.run({ name: 'friends add', argument: PEER })
    assert.deepEqual((await desk.run({ name: 'friends list' })).result, [PEER])
    await desk.run({ name: 'friends remove', argument: PEER })
    assert.deepEqual((await desk.run({ name: 'friends list' })).result, [])
    for (const command of [
      { name: 'friends add', argument: 'nobody' },
      { name: 'join', argument: 'no invite' },
      { name: 'run' },
      { name: 'constructor' },
      { name: 'settings set', argument: '__proto__', flags: { value: '1' } },
      { name: 'settings set', argument: 'slots', flags: { value: 'many' } }
    ])
      await assert.rejects(desk.run(command), { name: 'DashboardCommandError' }, JSON.stringify(command))
  })

  it('changes settings, and tells no secret', async () => {
    const desk = deskOf('set', { apiKeys: 'a-secret-key' })
    await desk.run({ name: 'settings set', argument: 'slots', flags: { value: '3' } })
    const listed = JSON.stringify((await desk.run({ name: 'settings list' })).result)
    assert.doesNotMatch(listed, /a-secret-key/)
    assert.match(listed, /"name":"slots","text":"[^"]+","value":null,"kept":3/)
    const file = join(folder, 'set/config.json')
    assert.deepEqual(JSON.parse(await readFile(file, 'utf8')), { slots: 3 })
    await desk.run({ name: 'settings set', argument: 'slots', flags: { value: '' } })
    assert.deepEqual(JSON.parse(await readFile(file, 'utf8')), {})
  })

  it('keeps a bounded number of lines of the log', () => {
    for (let at = 0; at < 1000; at++)
      log.add({ at, level: 'info', component: 'test', message: 'x'.repeat(10_000) })
    const lines = deskOf('logs').logs()
    assert.equal(lines.length, 300)
    assert.equal(lines.at(-1)?.at, 999)
    assert.ok(lines.every(({ message }) => message.length <= 600))
  })
})
