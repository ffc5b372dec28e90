import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { openDatabase } from '../../../node/ledger/database.ts'
import { fromMessage, toLedgerError, toMessage } from '../../../node/ledger/errors.ts'
import { readBalance, readList } from '../../../node/ledger/reader.ts'
import { verifyLedger } from '../../../node/ledger/verify.ts'
import { Writer } from '../../../node/ledger/writer.ts'
import { Deal, party, type Party } from './records.ts'

describe('node/ledger/writer', () => {
  let folder: string
  let file: string
  let me: Party
  let other: Party
  let db: DatabaseSync

  before(async () => {
    ;[me, other] = await Promise.all([party(), party()])
  })

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'lobstah-writer-'))
    file = join(folder, 'ledger.sqlite')
    db = openDatabase({ file, owner: me.id, readOnly: false })
  })

  afterEach(() => {
    db.close()
    rmSync(folder, { recursive: true })
  })

  it('syncs every commit to the disk', () => {
    assert.deepEqual({ ...db.prepare('PRAGMA journal_mode').get() }, { journal_mode: 'wal' })
    assert.deepEqual({ ...db.prepare('PRAGMA synchronous').get() }, { synchronous: 2 })
  })

  it('keeps nothing of a group when the disk is full, and goes on when it is not', async () => {
    const writer = new Writer(db, me.id)
    const records = await Promise.all(Array.from({ length: 100 }, async () => new Deal(other, me).whole(1)))
    writer.write([{ at: 1, records: records[0]! }])
    const pages = Number(db.prepare('PRAGMA page_count').get()!.page_count)
    db.exec(`PRAGMA max_page_count = ${pages + 3}`)

    assert.throws(
      () => writer.write(records.map((each) => ({ at: 2, records: each }))),
      (err) => {
        const wrapped = fromMessage(structuredClone(toMessage(toLedgerError(err, file))))
        assert.equal(wrapped.name, 'LedgerFullError')
        assert.match(wrapped.message, new RegExp(`${file} is full: free some space`))
        assert.ok(wrapped.cause instanceof Error)
        return true
      }
    )
    assert.equal(db.isTransaction, false)
    assert.equal(readList(db, {}).length, 3)
    assert.equal(readBalance(db).earned, 1)

    db.exec('PRAGMA max_page_count = 100000')
    writer.write(records.map((each) => ({ at: 3, records: each })))
    assert.equal(readBalance(db).earned, 100)
    assert.deepEqual(await verifyLedger(db, me.id, new AbortController().signal), { entries: 300 })
  })

  it('continues a chain that another program has continued', async () => {
    const second = openDatabase({ file, owner: me.id, readOnly: false })
    try {
      const writers = [new Writer(db, me.id), new Writer(second, me.id)]
      for (let count = 0; count < 6; count++) {
        writers[count % 2]!.write([{ at: count, records: await new Deal(other, me).whole(1) }])
      }
      assert.deepEqual(await verifyLedger(db, me.id, new AbortController().signal), { entries: 18 })
    } finally {
      second.close()
    }
  })

  it('lists by index, order and peer without reading more than it lists', () => {
    const plan = (where: string): string =>
      db
        .prepare(`EXPLAIN QUERY PLAN SELECT * FROM entries WHERE idx < 10 ${where} ORDER BY idx DESC LIMIT 5`)
        .all()
        .map(({ detail }) => String(detail))
        .join('; ')
    assert.match(plan(''), /^SEARCH entries USING INTEGER PRIMARY KEY/)
    assert.match(
      plan('AND peer_id = 1'),
      /^SEARCH entries USING INDEX entries_peer \(peer_id=\? AND rowid<\?\)$/
    )
    assert.match(plan("AND order_id = 'x'"), /^SEARCH entries USING INDEX entries_record \(order_id=\?/)
  })
})
