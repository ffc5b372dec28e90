import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { createHash } from 'node:crypto'
import { backupDatabase } from '../../../node/ledger/database.ts'
import { ledger, type Ledger, type LedgerInit } from '../../../node/ledger/index.ts'
import { SqliteLedger } from '../../../node/ledger/ledger.ts'
import { Deal, party, type Party } from './records.ts'

describe('node/ledger/ledger', () => {
  let folder: string
  let file: string
  let me: Party
  let other: Party
  let third: Party
  const open: Ledger[] = []

  before(async () => {
    ;[me, other, third] = await Promise.all([party(), party(), party()])
  })

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'lobstah-ledger-'))
    file = join(folder, 'home', 'ledger.sqlite')
  })

  afterEach(async () => {
    await Promise.allSettled(open.splice(0).map(async (book) => book.stop()))
    rmSync(folder, { recursive: true })
  })

  async function start(init: Partial<LedgerInit> = {}, peer = me.id): Promise<Ledger> {
    const book = ledger({ file, ...init })({ peer })
    open.push(book)
    await book.start()
    return book
  }

  function raw<T>(use: (db: DatabaseSync) => T): T {
    const db = new DatabaseSync(file, { timeout: 5000 })
    try {
      return use(db)
    } finally {
      db.close()
    }
  }

  it('keeps records in order, with the fields of their payloads', async () => {
    const book = ledger({ file })({ peer: me.id, now: () => 1234 })
    open.push(book)
    await book.start()
    const deal = new Deal(other, me)
    const records = await deal.whole(50)
    await book.append(records)

    const entries = await book.list()
    assert.deepEqual(
      entries.map(({ record, kind }) => ({ kind, record })),
      records.toReversed()
    )
    const { hash, record, ...fields } = entries[1]!
    assert.match(hash, /^[\w-]{43}$/)
    assert.equal(record.payload, records[1]!.record.payload)
    assert.deepEqual(fields, {
      index: 2,
      at: 1234,
      kind: 'receipt',
      order: deal.order,
      consumer: other.id,
      contributor: me.id,
      seq: 0,
      final: true,
      credits: 50
    })
    assert.deepEqual(
      entries.map(({ index, seq, final, credits }) => [index, seq, final, credits]),
      [
        [3, 0, null, 50],
        [2, 0, true, 50],
        [1, null, null, null]
      ]
    )
  })

  it('chains the entries so that a third party can recompute the hashes from README.md', async () => {
    const book = await start()
    await book.append(await new Deal(other, me).whole(1))
    await book.append(await new Deal(me, third).whole(2))

    let hash = createHash('sha256').update(`lobstah/ledger/1\n${me.id}`).digest()
    for (const entry of (await book.list()).toReversed()) {
      const { payload, signature } = entry.record
      const text = JSON.stringify([entry.index, entry.at, entry.kind, payload, signature])
      hash = createHash('sha256').update(hash).update(text, 'utf8').digest()
      assert.equal(entry.hash, hash.toString('base64url'))
    }
    assert.deepEqual(await book.verify(), { entries: 6 })
  })

  it('keeps files that only their owner may read', async function () {
    if (process.platform === 'win32') this.skip()
    const book = await start()
    await book.append(await new Deal(other, me).whole(1))
    for (const name of [file, `${file}-wal`]) assert.equal(statSync(name).mode & 0o777, 0o600, name)
  })

  it('aborts every change to kept entries, also from other programs', async () => {
    const book = await start()
    const deal = new Deal(other, me)
    await book.append(await deal.whole(1))
    const columns =
      'at, kind, order_id, consumer, contributor, peer_id, seq, final, credits, payload, signature, hash'
    raw((db) => {
      for (const sql of [
        'UPDATE entries SET at = 0 WHERE idx = 1',
        'UPDATE entries SET hash = hash',
        'DELETE FROM entries WHERE idx = 3',
        'DELETE FROM entries',
        `INSERT OR REPLACE INTO entries (idx, ${columns}) SELECT 3, ${columns} FROM entries WHERE idx = 3`,
        `INSERT OR REPLACE INTO entries (idx, ${columns}) SELECT 4, ${columns} FROM entries WHERE idx = 3`,
        `INSERT INTO entries (idx, ${columns}) SELECT 9, ${columns} FROM entries WHERE idx = 3`
      ]) {
        assert.throws(() => db.exec(sql), /append-only/, sql)
      }
    })
    assert.deepEqual(await book.verify(), { entries: 3 })
  })

  it('keeps a record once, however often it is appended', async () => {
    const book = await start()
    const records = await new Deal(other, me).whole(7)
    await book.append(records)
    await book.append(records)
    await Promise.all([book.append([records[1]!, records[1]!]), book.append([records[2]!])])
    assert.equal((await book.list()).length, 3)
    assert.equal((await book.balance()).earned, 7)
  })

  it('refuses another record for the same place, and keeps nothing of that append', async () => {
    const book = await start()
    const deal = new Deal(other, me)
    const records = await deal.whole(7)
    await book.append(records)
    const before = await book.list()
    const fresh = await new Deal(other, me).ordered()
    for (const twin of [
      await deal.ordered({ maxPromptTokens: 5 }),
      await deal.receipt(0, 8),
      await deal.acknowledged(records[1]!, { issuedAt: 4000 })
    ]) {
      await assert.rejects(book.append([fresh, twin]), (err: Error) => {
        assert.equal(err.name, 'LedgerConflictError')
        assert.ok(err.message.includes(file), err.message)
        return true
      })
    }
    assert.deepEqual(await book.list(), before)
  })

  it('refuses an order id that is used between other peers', async () => {
    const book = await start()
    const deal = new Deal(other, me)
    await book.append([await deal.ordered()])
    const stolen = new Deal(third, me)
    Object.assign(stolen, { order: deal.order })
    await assert.rejects(book.append([await stolen.receipt(0, 1)]), { name: 'LedgerConflictError' })
  })

  it('refuses acknowledgements of receipts that are not kept, or are others', async () => {
    const book = await start()
    const deal = new Deal(other, me)
    const receipt = await deal.receipt(0, 5)
    await assert.rejects(book.append([await deal.acknowledged(receipt)]), { name: 'LedgerRecordError' })
    await book.append([receipt])
    const wrong = await deal.acknowledged(await deal.receipt(0, 6))
    await assert.rejects(book.append([wrong]), { name: 'LedgerConflictError' })
    await book.append([await deal.acknowledged(receipt)])
    assert.equal((await book.balance()).earned, 5)
  })

  it('refuses records that are not of their kind, or not between this node and another peer', async () => {
    const book = await start()
    const order = await new Deal(other, me).ordered()
    for (const bad of [
      { ...order, kind: 'receipt' as const },
      { ...order, record: { ...order.record, payload: '{' } },
      { ...order, record: { ...order.record, payload: order.record.payload.replace('llama', '\ud800') } },
      await new Deal(other, third).ordered(),
      await new Deal(me, me).ordered()
    ]) {
      await assert.rejects(book.append([bad]), { name: 'LedgerRecordError' })
    }
    assert.deepEqual(await book.list(), [])
  })

  it('does not let one refused append touch those of the same group', async () => {
    const book = await start()
    const deal = new Deal(other, me)
    await book.append([await deal.ordered()])
    const results = await Promise.allSettled([
      book.append(await new Deal(other, me).whole(1)),
      book.append(await new Deal(other, me).whole(2)),
      book.append([await new Deal(other, me).ordered(), await deal.ordered({ model: 'x' })]),
      book.append(await new Deal(me, other).whole(4))
    ])
    assert.deepEqual(
      results.map(({ status }) => status),
      ['fulfilled', 'fulfilled', 'rejected', 'fulfilled']
    )
    assert.deepEqual(await book.verify(), { entries: 10 })
    assert.equal(book.owedBy(other.id), 3 - 4)
  })

  it('knows at once what a peer owes, unacknowledged claims included', async () => {
    const book = await start()
    const deal = new Deal(other, me)
    const receipts = [await deal.receipt(0, 10), await deal.receipt(1, 25)]
    await book.append([await deal.ordered(), receipts[0]!])
    assert.equal(book.owedBy(other.id), 10)
    await book.append([await deal.acknowledged(receipts[0]!)])
    assert.equal(book.owedBy(other.id), 10)
    await book.append([receipts[1]!])
    assert.equal(book.owedBy(other.id), 25)
    assert.deepEqual(await book.balance(), {
      earned: 10,
      spent: 0,
      claimed: 15,
      net: 10,
      peers: [{ peer: other.id, earned: 10, spent: 0, claimed: 15, net: 10 }]
    })
    assert.equal(book.owedBy(third.id), 0)
  })

  it('adds up exactly beyond what one number of JSON carries', async () => {
    const book = await start()
    const most = Number.MAX_SAFE_INTEGER
    for (const credits of [most, most, 3]) await book.append(await new Deal(other, me).whole(credits))
    const { earned } = raw((db) => db.prepare('SELECT CAST(earned AS TEXT) AS earned FROM peers').get()!)
    assert.equal(earned, String(2n * BigInt(most) + 3n))
    assert.equal((await book.balance()).earned, Number(2n * BigInt(most) + 3n))
    assert.deepEqual(await book.verify(), { entries: 9 })
  })

  it('finds orders, and lists by order, peer and index', async () => {
    const book = await start()
    const [mine, theirs] = [new Deal(me, other), new Deal(third, me)]
    await book.append(await mine.whole(1))
    await book.append(await theirs.whole(2))
    assert.equal(await book.hasOrder(mine.order), true)
    assert.equal(await book.hasOrder(new Deal(me, other).order), false)

    const indexes = async (options: Parameters<Ledger['list']>[0]): Promise<number[]> =>
      (await book.list(options)).map(({ index }) => index)
    assert.deepEqual(await indexes({ limit: 2 }), [6, 5])
    assert.deepEqual(await indexes({ before: 3 }), [2, 1])
    assert.deepEqual(await indexes({ order: mine.order }), [3, 2, 1])
    assert.deepEqual(await indexes({ peer: third.id, before: 6, limit: 1 }), [5])
    assert.deepEqual(await indexes({ peer: third.id, order: mine.order }), [])
    assert.deepEqual(await indexes({ peer: me.id }), [])
  })

  it('puts appends that come together into few transactions', async () => {
    const book = await start()
    const deals = await Promise.all(Array.from({ length: 300 }, async () => new Deal(other, me).ordered()))
    const before = commits(`${file}-wal`)
    await Promise.all(deals.map(async (order) => book.append([order])))
    const grouped = commits(`${file}-wal`) - before
    assert.ok(grouped >= 1 && grouped <= 5, `${grouped} transactions`)
    assert.equal((await book.list({ limit: 1000 })).length, 300)
  })

  it('stops only when all appends are on disk, and starts again', async () => {
    const book = await start()
    const deals = await Promise.all(Array.from({ length: 50 }, async () => new Deal(other, me).whole(2)))
    const appended = Promise.all(deals.map(async (records) => book.append(records)))
    await Promise.all([book.stop(), book.stop(), appended])
    assert.equal(existsSync(`${file}-wal`), false)
    await book.stop()

    for (const use of [
      async () => book.append(deals[0]!),
      async () => book.hasOrder('x'),
      async () => book.balance(),
      async () => book.list(),
      async () => book.verify()
    ]) {
      await assert.rejects(use(), { name: 'LedgerClosedError' })
    }

    await Promise.all([book.start(), book.start()])
    assert.equal(book.owedBy(other.id), 100)
    assert.equal((await book.balance()).earned, 100)
    assert.deepEqual(await book.verify(), { entries: 150 })
    await book.append(await new Deal(other, me).whole(1))
    assert.equal(book.owedBy(other.id), 101)
  })

  it('goes on appending while it verifies, and ends a verification when it stops', async () => {
    const book = await start()
    for (let count = 0; count < 4; count++) {
      const deals = await Promise.all(Array.from({ length: 100 }, async () => new Deal(other, me).whole(2)))
      await book.append(deals.flat())
    }
    const order: string[] = []
    const verified = book.verify().then((report) => {
      order.push('verified')
      return report
    })
    await book.append(await new Deal(other, me).whole(1))
    order.push('appended')
    assert.deepEqual(await verified, { entries: 1203 })
    assert.deepEqual(order, ['appended', 'verified'])

    const interrupted = assert.rejects(book.verify(), { name: 'LedgerClosedError' })
    await book.stop()
    await interrupted
  })

  it('is copied while it is appended to: the copy has what was kept before, and verifies', async () => {
    const book = await start()
    await book.append(await new Deal(other, me).whole(1))
    const deals = await Promise.all(Array.from({ length: 200 }, () => new Deal(other, me).whole(1)))
    const copy = join(dirname(file), 'copy.sqlite')
    const appended = deals.map((deal) => book.append(deal))
    await Promise.all([book.backup(copy), ...appended])
    const kept = ledger({ file: copy, readOnly: true })({ peer: me.id })
    await kept.start()
    try {
      const { entries, firstBad } = await kept.verify()
      assert.equal(firstBad, undefined)
      assert.ok(entries >= 3 && entries <= 603 && entries % 3 === 0, String(entries))
    } finally {
      await kept.stop()
    }
    await assert.rejects(book.backup(copy), /choose a new file/)
    assert.deepEqual(await book.verify(), { entries: 603 })
  })

  it('is copied whole although it is stopped meanwhile', async () => {
    const book = await start()
    const deals = await Promise.all(Array.from({ length: 1000 }, () => new Deal(other, me).whole(1)))
    await Promise.all(deals.map((deal) => book.append(deal)))
    const copy = join(dirname(file), 'copy.sqlite')
    await Promise.all([book.backup(copy), book.stop()])
    const kept = ledger({ file: copy, readOnly: true })({ peer: me.id })
    await kept.start()
    try {
      assert.deepEqual(await kept.verify(), { entries: 3000 })
    } finally {
      await kept.stop()
    }
  })

  it('is copied while a transaction is open: without what is not kept yet', async () => {
    const book = await start()
    await book.append(await new Deal(other, me).whole(1))
    const writer = new DatabaseSync(file)
    try {
      writer.exec('BEGIN IMMEDIATE; CREATE TABLE later (x)')
      const copy = join(dirname(file), 'copy.sqlite')
      await backupDatabase(file, copy)
      const copied = new DatabaseSync(copy, { readOnly: true })
      assert.deepEqual({ ...copied.prepare('SELECT count(*) AS n FROM entries').get() }, { n: 3 })
      assert.equal(copied.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'later'").get(), undefined)
      copied.close()
    } finally {
      writer.close()
    }
    const missing = join(dirname(file), 'none.sqlite')
    await assert.rejects(backupDatabase(missing, `${missing}.copy`), { name: 'LedgerMissingError' })
    assert.equal(existsSync(`${missing}.copy`), false)
  })

  it('tells who must wait that the thread ended, and starts again', async () => {
    const script = new URL('./dying-worker.ts', import.meta.url)
    const book = new SqliteLedger({ file }, { peer: me.id }, script)
    await book.start()
    const order = await new Deal(other, me).ordered()
    const pending = [book.append([order]), book.append([order]), book.append([order])]
    for (const { status, reason } of (await Promise.allSettled(pending)) as PromiseRejectedResult[]) {
      assert.equal(status, 'rejected')
      assert.equal((reason as Error).name, 'LedgerClosedError')
      assert.match((reason as Error).message, /ledger\.sqlite ended \(the thread dies\)/)
    }
    await assert.rejects(book.balance(), { name: 'LedgerClosedError' })
    await book.start()
    assert.equal(book.owedBy(other.id), 0)
    await book.stop()
  })

  describe('opened for reading only', () => {
    it('follows a ledger that is being written', async () => {
      const book = await start()
      await book.append(await new Deal(other, me).whole(5))
      const reader = await start({ readOnly: true })
      assert.equal(reader.owedBy(other.id), 5)
      await book.append(await new Deal(me, third).whole(2))
      assert.deepEqual(await reader.balance(), await book.balance())
      assert.deepEqual(await reader.list(), await book.list())
      assert.deepEqual(await reader.verify(), { entries: 6 })
      await assert.rejects(reader.append(await new Deal(other, me).whole(5)), { name: 'LedgerClosedError' })
      await reader.stop()
      await book.append(await new Deal(other, me).whole(5))
      assert.equal(book.owedBy(other.id), 10)
    })

    it('reads a ledger that nobody has open, and changes nothing of it', async () => {
      const book = await start()
      await book.append(await new Deal(other, me).whole(5))
      await book.stop()
      const bytes = readFileSync(file)
      const reader = await start({ readOnly: true })
      assert.equal((await reader.balance()).earned, 5)
      await reader.stop()
      assert.deepEqual(readFileSync(file), bytes)
    })

    it('does not keep the writer from emptying its log when it stops', async () => {
      const book = await start()
      const reader = await start({ readOnly: true })
      await book.append(await new Deal(other, me).whole(5))
      await book.stop()
      assert.equal(statSync(`${file}-wal`).size, 0)
      assert.equal((await reader.balance()).earned, 5)
    })

    it('never makes the file', async () => {
      await assert.rejects(start({ readOnly: true }), {
        name: 'LedgerMissingError',
        message: new RegExp(file)
      })
      assert.equal(existsSync(join(folder, 'home')), false)
      writeFileSync(join(folder, 'empty'), '')
      await assert.rejects(start({ readOnly: true, file: join(folder, 'empty') }), {
        name: 'LedgerVersionError'
      })
      assert.equal(statSync(join(folder, 'empty')).size, 0)
    })
  })

  describe('with a file it cannot use', () => {
    it('says that the file is no database, and leaves it', async () => {
      file = join(folder, 'ledger.sqlite')
      writeFileSync(file, 'something else '.repeat(1000))
      await assert.rejects(start(), {
        name: 'LedgerCorruptError',
        message: new RegExp(`${file} .*move it away`)
      })
      assert.match(readFileSync(file, 'utf8'), /^something else/)
    })

    it("says that the database is another program's", async () => {
      file = join(folder, 'ledger.sqlite')
      raw((db) => db.exec('CREATE TABLE notes (text)'))
      await assert.rejects(start(), { name: 'LedgerCorruptError', message: /another program/ })
    })

    it('says that the file is cut off', async () => {
      const book = await start()
      const deals = await Promise.all(Array.from({ length: 50 }, async () => new Deal(other, me).whole(2)))
      await book.append(deals.flat())
      await book.stop()
      truncateSync(file, Math.floor(statSync(file).size / 2))
      await assert.rejects(start(), { name: 'LedgerCorruptError', message: new RegExp(file) })
    })

    it('says when it verifies that pages are damaged', async () => {
      const book = await start()
      const deals = await Promise.all(Array.from({ length: 50 }, async () => new Deal(other, me).whole(2)))
      await book.append(deals.flat())
      await book.stop()
      const bytes = readFileSync(file)
      const root = raw((db) =>
        Number(db.prepare("SELECT rootpage FROM sqlite_schema WHERE name = 'entries'").get()!.rootpage)
      )
      bytes.fill(0xff, 4096 * (root - 1), 4096 * root)
      writeFileSync(file, bytes)
      const damaged = await start()
      await assert.rejects(damaged.verify(), { name: 'LedgerCorruptError', message: new RegExp(file) })
    })

    it('says that the file is of a newer program', async () => {
      await (await start()).stop()
      raw((db) => db.exec('PRAGMA user_version = 99'))
      for (const readOnly of [false, true]) {
        await assert.rejects(start({ readOnly }), {
          name: 'LedgerVersionError',
          message: /99.*newer lobstah-node/
        })
      }
    })

    it("says that the file is another peer's", async () => {
      await (await start()).stop()
      await assert.rejects(start({}, other.id), { name: 'LedgerOwnerError', message: new RegExp(me.id) })
    })

    it('says that the file cannot be opened', async () => {
      await assert.rejects(start({ file: folder }), { name: 'LedgerError', message: new RegExp(folder) })
    })

    it('starts when the trouble is over', async () => {
      file = join(folder, 'ledger.sqlite')
      writeFileSync(file, 'something else '.repeat(1000))
      const book = ledger({ file })({ peer: me.id })
      open.push(book)
      await assert.rejects(async () => book.start(), { name: 'LedgerCorruptError' })
      await assert.rejects(book.append([]), { name: 'LedgerClosedError' })
      rmSync(file)
      await book.start()
      await book.append(await new Deal(other, me).whole(3))
      assert.equal(book.owedBy(other.id), 3)
    })
  })
})

/** Transactions in a write-ahead log: frames that say how large the database is after them. */
function commits(wal: string): number {
  const bytes = readFileSync(wal)
  const frame = 24 + bytes.readUInt32BE(8)
  const salt = bytes.subarray(16, 24)
  let count = 0
  for (let at = 32; at + frame <= bytes.length; at += frame) {
    if (bytes.subarray(at + 8, at + 16).equals(salt) && bytes.readUInt32BE(at + 4) > 0) count++
  }
  return count
}
