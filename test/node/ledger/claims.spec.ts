import assert from 'node:assert/strict'
import { mkdtempSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { LedgerRecordError, LedgerVersionError, ledger, type Ledger } from '../../../node/ledger/index.ts'
import { MIGRATIONS } from '../../../node/ledger/schema.ts'
import { Deal, party, type Party } from './records.ts'

describe('node/ledger: claims', () => {
  let folder: string
  let me: Party
  let other: Party
  let book: Ledger

  before(async () => {
    ;[me, other] = [await party(), await party()]
  })
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'lobstah-claims-'))
    book = open()
    await book.start()
  })
  afterEach(async () => {
    await book.stop()
    rmSync(folder, { recursive: true })
  })

  const open = (): Ledger => ledger({ file: join(folder, 'ledger.sqlite') })({ peer: me.id })
  const claimed = async (): Promise<[string, number | null][]> =>
    (await book.claims(other.id, { after: '', limit: 10 })).map(({ order, receipt }) => [
      order.order,
      receipt!.seq
    ])

  it('are the orders served whose latest receipt is not acknowledged, until it is', async () => {
    const deal = new Deal(other, me)
    const [first, second] = [await deal.receipt(0, 5), await deal.receipt(1, 9)]
    await book.append([await deal.ordered(), first])
    await book.append(await new Deal(other, me).whole(5))
    await book.append([await new Deal(me, other).ordered()])
    assert.deepEqual(await claimed(), [[deal.order, 0]])
    await book.append([await deal.acknowledged(first), second])
    assert.deepEqual(await claimed(), [[deal.order, 1]])
    await book.append([await deal.acknowledged(second)])
    assert.deepEqual(await claimed(), [])
  })

  it('are disputed until they are acknowledged, which the balance shows', async () => {
    const deal = new Deal(other, me)
    const receipt = await deal.receipt(0, 5)
    await book.append([await deal.ordered(), receipt])
    await book.dispute(deal.order, me.id, 'exposure')
    assert.equal((await book.balance()).peers[0]?.disputed, undefined)
    await book.dispute(deal.order, other.id, 'exposure')
    assert.equal((await book.balance()).peers[0]?.disputed, 5)
    await book.append([await deal.acknowledged(receipt)])
    assert.equal((await book.balance()).peers[0]?.disputed, undefined)
  })

  it('are found in a ledger of version 1, which is upgraded with all that it has', async () => {
    const deals = [new Deal(other, me), new Deal(other, me), new Deal(me, other), new Deal(other, me)]
    for (const [index, deal] of deals.entries()) {
      const receipts = [await deal.receipt(0, 5), await deal.receipt(1, 9)]
      await book.append([await deal.ordered(), ...receipts])
      if (index === 1) await book.append([await deal.acknowledged(receipts[1]!)])
      if (index === 3) await book.append([await deal.acknowledged(receipts[0]!)])
    }
    const before = await claimed()
    assert.equal(before.length, 2)
    await book.stop()
    const [now, then] = [join(folder, 'ledger.sqlite'), join(folder, 'version-1.sqlite')]
    const db = new DatabaseSync(then)
    MIGRATIONS[0]!(db, me.id)
    db.prepare('ATTACH ? AS now').run(now)
    db.exec(`PRAGMA user_version = 1; INSERT INTO main.peers SELECT * FROM now.peers;
      INSERT INTO main.entries SELECT * FROM now.entries ORDER BY idx`)
    db.close()
    renameSync(then, now)
    const reader = ledger({ file: now, readOnly: true })({ peer: me.id })
    await assert.rejects(async () => reader.start(), LedgerVersionError)
    book = open()
    await book.start()
    assert.deepEqual(await claimed(), before)
    assert.deepEqual(await book.verify(), { entries: 14 })
    await book.append(await new Deal(other, me).whole(1))
    assert.deepEqual(await book.verify(), { entries: 17 })
  })

  it('are disputed without a write where that was said before', async () => {
    const deal = new Deal(other, me)
    await book.append([await deal.ordered(), await deal.receipt(0, 5)])
    await book.dispute(deal.order, other.id, 'exposure')
    const db = new DatabaseSync(join(folder, 'ledger.sqlite'), { readOnly: true })
    try {
      const version = (): unknown => db.prepare('PRAGMA data_version').get()!.data_version
      const before = version()
      await book.dispute(deal.order, other.id, 'exposure')
      assert.equal(version(), before)
      await book.dispute(deal.order, other.id, 'transcript')
      assert.notEqual(version(), before)
    } finally {
      db.close()
    }
  })

  it('come from nobody who signs for others: a hundred keys gain nothing from a third peer', async () => {
    const keys = await Promise.all(Array.from({ length: 100 }, () => party()))
    for (const [index, key] of keys.entries()) {
      const next = keys[(index + 1) % keys.length]!
      await assert.rejects(book.append(await new Deal(key, next).whole(1e9)), LedgerRecordError)
      assert.equal(book.owedBy(key.id), 0)
    }
    const { earned, spent, claimed: open, peers } = await book.balance()
    assert.deepEqual([earned, spent, open, peers], [0, 0, 0, []])
  })
})
