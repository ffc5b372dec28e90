import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { promisify } from 'node:util'
import { loadOrCreateIdentity } from '../../../node/identity/index.ts'
import { ledger } from '../../../node/ledger/index.ts'
import { sha256 } from '../../../protocols/index.ts'
import { runProcess, startProcess } from '../../support/node-process.ts'
import { Deal, party, type Party } from '../ledger/records.ts'

const VERIFIER = join(import.meta.dirname, '../../../docs/verify-receipts.mjs')

const run = promisify(execFile)

describe('node/entry: receipts and ledger', function () {
  this.timeout(60_000)
  let folder: string
  let home: string
  let other: Party
  let lines: string[]
  const orders: string[] = []

  const at = async (...args: string[]): ReturnType<typeof runProcess> => runProcess(['--home', home, ...args])

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lobstah-receipts-'))
    home = join(folder, 'home')
    const { privateKey, peerId } = await loadOrCreateIdentity(join(home, 'identity.key'))
    const me: Party = { id: peerId.toString(), key: privateKey }
    other = await party()
    const book = ledger({ file: join(home, 'ledger.sqlite') })({ peer: me.id })
    await book.start()
    for (const [consumer, contributor, count] of [
      [other, me, 3],
      [me, other, 3],
      [other, me, 2]
    ] as const) {
      const deal = new Deal(consumer, contributor)
      const order = await deal.ordered()
      // 10 prompt tokens at 1 and 10 completion tokens at 4.
      const receipt = await deal.receipt(0, 50, { orderHash: sha256(order.record.payload) })
      await book.append([order, receipt, await deal.acknowledged(receipt)].slice(0, count))
      orders.push(deal.order)
    }
    await book.stop()
    const exported = await at('receipts', 'export')
    assert.equal(exported.code, 0, exported.stderr)
    lines = exported.stdout.trimEnd().split('\n')
  })
  after(async () => {
    await rm(folder, { recursive: true })
  })

  /** An export with a line changed, in a file. */
  async function exportOf(changed: string[], name = 'export.jsonl'): Promise<string> {
    const file = join(folder, name)
    await writeFile(file, changed.map((line) => `${line}\n`).join(''))
    return file
  }

  it('lists the orders with their state, and shows one', async () => {
    const list = JSON.parse((await at('receipts', 'list', '--json')).stdout) as Record<string, unknown>[]
    assert.deepEqual(
      list.map(({ role, peer, credits, state }) => [role, peer, credits, state]),
      [
        ['served', other.id, 50, 'open'],
        ['asked', other.id, 50, 'open'],
        ['served', other.id, 50, 'claimed']
      ]
    )
    const shown = await at('receipts', 'show', orders[0]!)
    assert.match(shown.stdout, /"kind": "acknowledgement"/)
    const unknown = await at('receipts', 'show', 'AAAAAAAAAAAAAAAAAAAAAA')
    assert.deepEqual([unknown.code, /There is no order/.test(unknown.stderr)], [1, true])
  })

  it('exports lines that stand for themselves, for this program and for an independent verifier', async () => {
    assert.equal(lines.length, 3)
    const file = await exportOf(lines)
    const { acknowledged, claimed } = JSON.parse(
      (await runProcess(['receipts', 'verify', file, '--json'])).stdout
    ) as Record<string, number>
    assert.deepEqual([acknowledged, claimed], [100, 50])
    const { stdout } = await run(process.execPath, [VERIFIER, file])
    assert.equal(stdout.match(/ owes /g)?.length, 2)
    assert.equal(stdout.match(/ is claimed to owe /g)?.length, 1)
  })

  for (const [name, from, to] of [
    ['another amount', '\\"credits\\":50', '\\"credits\\":51'],
    ['another price', '\\"completion\\":4', '\\"completion\\":5'],
    ['another number', '\\"seq\\":0', '\\"seq\\":1'],
    ['no signature', '"signature":"', '"signature":"A']
  ] as const) {
    it(`is not content with ${name}, and names the line`, async () => {
      assert.ok(lines[1]!.includes(from))
      const file = await exportOf([lines[0]!, lines[1]!.replace(from, to), lines[2]!], 'bad.jsonl')
      const ours = await runProcess(['receipts', 'verify', file])
      assert.deepEqual([ours.code, /Line 2 of/.test(ours.stderr)], [1, true], ours.stderr)
      await assert.rejects(run(process.execPath, [VERIFIER, file]), /line 2: /)
    })
  }

  it('takes its own proofs into a ledger that lost them, and no others', async () => {
    const lost = join(folder, 'lost')
    await cp(join(home, 'identity.key'), join(lost, 'identity.key'))
    const file = await exportOf(lines)
    for (let i = 0; i < 2; i++) {
      const imported = await runProcess(['--home', lost, 'receipts', 'import-proof', file, '--json'])
      assert.deepEqual(JSON.parse(imported.stdout), { kept: 3, others: 0 }, imported.stderr)
    }
    const by = await runProcess(['--home', lost, 'balance', '--by', 'peer', '--json'])
    assert.deepEqual(JSON.parse(by.stdout), [
      { peer: other.id, earned: 50, spent: 50, claimed: 50, disputed: 0, net: 0 }
    ])
    const stranger = await runProcess([
      '--home',
      join(folder, 'new'),
      'receipts',
      'import-proof',
      file,
      '--json'
    ])
    assert.deepEqual(JSON.parse(stranger.stdout), { kept: 0, others: 3 }, stranger.stderr)
  })

  it('imports nothing while a node runs on the home, and says so', async () => {
    const node = await startProcess(join(folder, 'running'), ['--no-gateway'])
    try {
      const file = await exportOf(lines)
      const { code, stderr } = await runProcess(['--home', node.home, 'receipts', 'import-proof', file])
      assert.equal(code, 2, stderr)
      assert.match(stderr, /is running on .* and using its ledger\. Stop it and try again/)
    } finally {
      assert.equal(await node.end(), 0)
    }
  })

  it('shows what is disputed: in the balance, its groups and the list', async () => {
    const disputed = join(folder, 'disputed')
    await cp(home, disputed, { recursive: true })
    const { peerId } = await loadOrCreateIdentity(join(disputed, 'identity.key'))
    const book = ledger({ file: join(disputed, 'ledger.sqlite') })({ peer: peerId.toString() })
    await book.start()
    await book.dispute(orders[2]!, other.id, 'exposure')
    await book.stop()
    const text = async (...args: string[]): Promise<string> =>
      (await runProcess(['--home', disputed, ...args])).stdout
    assert.match(await text('balance'), /^all +0\.00005 +0\.00005 +0\.00005 +0\.00005 +0$/m)
    assert.match(await text('balance', '--by', 'model'), /^llama3\.2:3b +(0\.00005 +){4}0$/m)
    assert.match(await text('receipts', 'list'), /disputed: exposure$/m)
  })

  it('sums by model and day', async () => {
    const by = async (group: string): Promise<Record<string, unknown>[]> =>
      JSON.parse((await at('balance', '--by', group, '--json')).stdout) as Record<string, unknown>[]
    assert.deepEqual(await by('model'), [
      { model: 'llama3.2:3b', earned: 50, spent: 50, claimed: 50, disputed: 0, net: 0 }
    ])
    assert.match(String((await by('day'))[0]!.day), /^\d{4}-\d\d-\d\d$/)
  })

  it('backs up a ledger that verifies, and never over a file; names the first bad entry', async () => {
    const copy = join(folder, 'copy', 'ledger.sqlite')
    await cp(join(home, 'identity.key'), join(folder, 'copy', 'identity.key'))
    assert.equal((await at('ledger', 'backup', copy)).code, 0)
    const again = await at('ledger', 'backup', copy)
    assert.deepEqual([again.code, /choose a new file/.test(again.stderr)], [1, true])
    const verify = (): ReturnType<typeof runProcess> =>
      runProcess(['--home', join(folder, 'copy'), 'ledger', 'verify', '--json'])
    assert.deepEqual(JSON.parse((await verify()).stdout), { entries: 8 })
    const text = await runProcess(['--home', join(folder, 'copy'), 'ledger', 'verify'])
    assert.match(text.stdout, /^All 8 entries of the ledger verify \(.* s, .* a second\)\.$/m)
    const db = new DatabaseSync(copy)
    db.exec(
      "DROP TRIGGER entries_no_update; UPDATE entries SET payload = replace(payload, '50', '51') WHERE idx = 5"
    )
    db.close()
    const bad = await verify()
    assert.deepEqual([bad.code, /Entry 5 of the ledger is bad/.test(bad.stderr)], [1, true], bad.stderr)
  })
})
