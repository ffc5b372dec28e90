import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import {
  LedgerCorruptError,
  LedgerError,
  archiveLedger,
  ledger,
  verifyCopy,
  type ArchiveReport,
  type Ledger
} from '../../../node/ledger/index.ts'
import { Deal, party, type Party } from './records.ts'

const DAY_MS = 86_400_000

describe('node/ledger/archive', () => {
  let folder: string
  let file: string
  let me: Party
  let other: Party
  let now: number

  before(async () => {
    ;[me, other] = await Promise.all([party(), party()])
  })
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'lobstah-archive-'))
    file = join(folder, 'ledger.sqlite')
    now = 1_700_000_000_000
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  async function withBook<T>(use: (book: Ledger) => Promise<T>): Promise<T> {
    const book = ledger({ file })({ peer: me.id, now: () => now })
    await book.start()
    try {
      return await use(book)
    } finally {
      await book.stop()
    }
  }

  const archive = (name: string, days = 90): Promise<ArchiveReport> =>
    archiveLedger({ file, archive: join(folder, name), owner: me.id, before: now - days * DAY_MS })

  /** 20 settled orders, one claim that is open, and 100 days later one more of each. */
  async function fill(): Promise<{ settled: Deal; open: Deal }> {
    const settled = new Deal(other, me)
    const open = new Deal(other, me)
    await withBook(async (book) => {
      await book.append(await settled.whole(5))
      for (let i = 0; i < 19; i++)
        await book.append(await new Deal(i % 2 ? me : other, i % 2 ? other : me).whole(7))
      await book.append([await open.ordered(), await open.receipt(0, 11)])
      now += 100 * DAY_MS
      await book.append(await new Deal(me, other).whole(2))
    })
    return { settled, open }
  }

  it('takes out what is settled and old; balances, claims and the chain go on', async () => {
    const { settled, open } = await fill()
    const before = await withBook((book) => book.balance())
    const size = statSync(file).size
    assert.deepEqual(await archive('one.sqlite'), { orders: 20, entries: 60, left: 5 })
    assert.ok(statSync(file).size < size)
    await withBook(async (book) => {
      assert.deepEqual(await book.balance(), before)
      assert.deepEqual(await book.verify(), { entries: 5 })
      assert.equal(await book.hasOrder(settled.order), true)
      assert.deepEqual(
        (await book.claims(other.id, { after: '', limit: 9 })).map(({ order }) => order.order),
        [open.order]
      )
      // Settled records change nothing when they come again.
      await book.append(await settled.whole(5))
      assert.deepEqual(await book.balance(), before)
      await book.append(await new Deal(other, me).whole(3))
      await book.append([await open.acknowledged(await open.receipt(0, 11))])
      assert.deepEqual(await book.verify(), { entries: 9 })
    })
    assert.equal(await verifyCopy(join(folder, 'one.sqlite'), me.id), 65)
  })

  it('archives again, and every archive verifies by itself', async () => {
    const { open } = await fill()
    await archive('one.sqlite')
    await withBook(async (book) => book.append([await open.acknowledged(await open.receipt(0, 11))]))
    now += 100 * DAY_MS
    await withBook(async (book) => book.append(await new Deal(other, me).whole(9)))
    const before = await withBook((book) => book.balance())
    assert.deepEqual(await archive('two.sqlite'), { orders: 2, entries: 6, left: 3 })
    await withBook(async (book) => {
      assert.deepEqual(await book.balance(), before)
      assert.deepEqual(await book.verify(), { entries: 3 })
    })
    assert.equal(await verifyCopy(join(folder, 'one.sqlite'), me.id), 65)
    assert.equal(await verifyCopy(join(folder, 'two.sqlite'), me.id), 9)
  })

  it('changes nothing where nothing is old, and where the file is there already', async () => {
    await fill()
    assert.deepEqual(await archive('one.sqlite', 400), { orders: 0, entries: 0, left: 65 })
    await assert.rejects(archive('one.sqlite'), LedgerError)
    assert.deepEqual(await withBook((book) => book.verify()), { entries: 65 })
  })

  it('prunes no ledger that does not verify, and keeps no archive of it', async () => {
    await fill()
    const db = new DatabaseSync(file)
    db.exec('DROP TRIGGER entries_no_update; UPDATE entries SET credits = 1 WHERE idx = 3')
    db.close()
    await assert.rejects(archive('one.sqlite'), LedgerCorruptError)
    assert.equal(existsSync(join(folder, 'one.sqlite')), false)
  })

  for (const [what, sql] of [
    ['an entry after the checkpoint', 'UPDATE entries SET at = at + 1 WHERE idx = 64'],
    ['a balance', 'UPDATE peers SET earned = earned + 1'],
    ['what was archived', 'UPDATE archived_sums SET spent = spent + 1'],
    ['the checkpoint', "UPDATE checkpoint SET hash = 'x'"],
    ['a signature of an entry before it', "UPDATE entries SET signature = 'x' WHERE idx = 61"]
  ] as const) {
    it(`notices a change of ${what}`, async () => {
      await fill()
      await archive('one.sqlite')
      const db = new DatabaseSync(file)
      db.exec(`DROP TRIGGER entries_no_update; ${sql}`)
      db.close()
      assert.ok((await withBook((book) => book.verify())).firstBad)
    })
  }

  it('still refuses to delete afterwards', async () => {
    await fill()
    await archive('one.sqlite')
    const db = new DatabaseSync(file)
    assert.throws(() => db.exec('DELETE FROM entries'), /append-only/)
    db.close()
  })
})
