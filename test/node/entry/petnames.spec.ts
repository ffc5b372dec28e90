import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { resolveConfig, type Config } from '../../../node/config/index.ts'
import { namePeer, unnamePeer } from '../../../node/entry/commands/petnames.ts'
import { balanceText } from '../../../node/entry/commands/status.ts'
import type { Output } from '../../../node/entry/output.ts'
import { petnamer } from '../../../node/entry/petnames.ts'

const [ANA, BEN] = [
  '12D3KooWD8XK7j5FyGhkfGbApe2RMwTcQMumjDniwcBCcz8uyKVj',
  '12D3KooWGC6TvWhfapngX6wvJHMYvKpDMXPb3ZnCZ6dMoaMtimQ5'
]

describe('node/entry/commands/petnames', () => {
  let home: string
  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'lobstah-petnames-'))
  })
  afterEach(() => rm(home, { recursive: true }))

  const config = (): Config => resolveConfig({ flags: { home }, env: {}, homeDir: home })
  const output: Output = {
    json: false,
    result: () => undefined,
    event: () => undefined,
    piece: () => undefined,
    note: () => undefined
  }

  it('names a peer once, and nobody by a name that is taken', async () => {
    await namePeer(config(), ANA, 'ana', output)
    await namePeer(config(), ANA, 'annie', output)
    assert.deepEqual(config().petnames, { annie: ANA })
    await assert.rejects(
      namePeer(config(), BEN, 'annie', output),
      /annie is the name of 12D3.* peers unname annie/
    )
    await assert.rejects(namePeer(config(), 'nobody', 'n', output), /petnames.*peer's id/)
    await assert.rejects(namePeer(config(), BEN, 'a b', output), /petnames.*expected pairs of a name/)
    await unnamePeer(config(), 'annie', output)
    await unnamePeer(config(), 'annie', output)
    assert.deepEqual(config().petnames, {})
  })

  it('shows in tables', async () => {
    await namePeer(config(), ANA, 'ana', output)
    const sums = { earned: 0, spent: 0, claimed: 0, net: 0 }
    const peers = [ANA, BEN].map((peer) => ({ peer, ...sums }))
    const rows = balanceText({ ...sums, peers }, petnamer(config())).split('\n')
    assert.match(rows[1] ?? '', /^ana /)
    assert.match(rows[2] ?? '', new RegExp(`^${BEN}`))
  })
})
