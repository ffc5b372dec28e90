import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import { entryHash, genesisHash } from '../../../node/ledger/entry.ts'
import { deal, signer } from '../../../bench/ledger/signer.ts'
import {
  LedgerClosedError,
  ledger,
  type Ledger,
  type LedgerRecord,
  type VerifyReport
} from '../../../node/ledger/index.ts'
import { Deal, party, type Party } from './records.ts'

describe('node/ledger/verify', () => {
  let folder: string
  let file: string
  let me: Party
  let other: Party
  let book: Ledger

  before(async () => {
    ;[me, other] = await Promise.all([party(), party()])
  })

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'lobstah-verify-'))
    file = join(folder, 'ledger.sqlite')
    book = ledger({ file })({ peer: me.id })
    await book.start()
    await book.append(await new Deal(other, me).whole(5))
    await book.append(await new Deal(me, other).whole(3))
    await book.append(await new Deal(other, me).whole(2))
  })

  afterEach(async () => {
    await book.stop()
    rmSync(folder, { recursive: true })
  })

  /** Changes the file as somebody could who does not keep to the rules. */
  function tamper(sql: string, ...values: SQLInputValue[]): void {
    raw((db) => db.prepare(sql).run(...values))
  }

  function raw(use: (db: DatabaseSync) => void): void {
    const db = new DatabaseSync(file, { timeout: 5000 })
    try {
      db.exec('PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON')
      for (const event of ['update', 'delete', 'replace'])
        db.exec(`DROP TRIGGER IF EXISTS entries_no_${event}`)
      use(db)
    } finally {
      db.close()
    }
  }

  /** Makes the chain fit again after a change, as a careful forger would. */
  function rechain(): void {
    raw((db) => {
      let hash = genesisHash(me.id)
      for (const row of db.prepare('SELECT * FROM entries ORDER BY idx').all()) {
        const record = { payload: String(row.payload), signature: String(row.signature) }
        const entry: LedgerRecord = { kind: row.kind as LedgerRecord['kind'], record }
        hash = entryHash(hash, Number(row.idx), Number(row.at), entry)
        db.prepare('UPDATE entries SET hash = ? WHERE idx = ?').run(hash, row.idx!)
      }
    })
  }

  async function firstBad(): Promise<[number | null | undefined, string | undefined]> {
    const report: VerifyReport = await book.verify()
    return [report.firstBad?.index, report.firstBad?.reason]
  }

  it('is content with what was appended', async () => {
    assert.deepEqual(await book.verify(), { entries: 9 })
  })

  it('names the entry of which one byte of the payload was changed', async () => {
    tamper(`UPDATE entries SET payload = replace(payload, '"credits":3', '"credits":2') WHERE idx = 5`)
    assert.deepEqual(await book.verify(), {
      entries: 5,
      firstBad: { index: 5, reason: 'its hash is not that of its content' }
    })
  })

  for (const column of ['at', 'kind', 'signature', 'hash']) {
    it(`names the entry of which the ${column} was changed`, async () => {
      tamper(
        `UPDATE entries SET ${column} = (SELECT ${column} FROM entries WHERE idx = 4) || 1 WHERE idx = 8`
      )
      assert.deepEqual(await firstBad(), [8, 'its hash is not that of its content'])
    })
  }

  it('names the entry whose signature is not of its payload, although the chain fits', async () => {
    tamper(`UPDATE entries SET payload = replace(payload, '"credits":3', '"credits":2') WHERE idx = 5`)
    rechain()
    assert.deepEqual(await firstBad(), [5, 'The signature does not verify'])
  })

  const columns: [string, string | number | bigint][] = [
    ['order_id', 'AAAAAAAAAAAAAAAAAAAAAA'],
    ['consumer', 'somebody'],
    ['contributor', 'somebody'],
    ['seq', 7],
    ['final', 0],
    ['credits', 4],
    ['credits', 2n ** 60n],
    ['peer_id', 9]
  ]
  for (const [column, value] of columns) {
    it(`names the entry whose column ${column} says ${String(value)} where its payload does not`, async () => {
      tamper(`UPDATE entries SET ${column} = ? WHERE idx = 5`, value)
      const [index, reason] = await firstBad()
      assert.equal(index, 5)
      assert.match(String(reason), /is not that of its payload|between other peers/)
    })
  }

  it('names the place of a missing entry', async () => {
    tamper('DELETE FROM entries WHERE idx = 4')
    assert.deepEqual(await firstBad(), [4, 'it is missing: the next is 5'])
  })

  it('names the entry that was put in between', async () => {
    raw((db) => {
      db.exec('DELETE FROM entries WHERE idx = 9')
      db.exec(`INSERT INTO entries SELECT 9, at, kind, 'x', consumer, contributor, peer_id, seq, final, credits,
        payload, signature, hash FROM entries WHERE idx = 6`)
    })
    rechain()
    const [index, reason] = await firstBad()
    assert.equal(index, 9)
    assert.match(String(reason), /its order is not that of its payload/)
  })

  it('names the acknowledgement whose receipt is gone, although the chain fits', async () => {
    raw((db) => {
      db.exec('DELETE FROM entries WHERE idx IN (7, 8)')
      db.exec('UPDATE entries SET idx = 7 WHERE idx = 9')
    })
    rechain()
    const [index, reason] = await firstBad()
    assert.equal(index, 7)
    assert.match(String(reason), /acknowledged but not kept/)
  })

  for (const column of ['earned', 'spent', 'claimed']) {
    it(`names the peer whose ${column} is not what the entries add up to`, async () => {
      tamper(`UPDATE peers SET ${column} = ${column} + 1`)
      const [index, reason] = await firstBad()
      assert.equal(index, null)
      assert.match(String(reason), new RegExp(other.id))
    })
  }

  it('notices that entries were cut off the end, where they had changed a balance', async () => {
    tamper('DELETE FROM entries WHERE idx = 9')
    const [index, reason] = await firstBad()
    assert.equal(index, null)
    assert.match(String(reason), new RegExp(other.id))
  })

  const claims: [string, string][] = [
    ['credits', 'UPDATE claims SET credits = credits + 1'],
    ['number', 'UPDATE claims SET seq = seq + 1'],
    ['peer', 'UPDATE claims SET peer_id = 99'],
    ['place: there is none', 'DELETE FROM claims']
  ]
  for (const [what, sql] of claims) {
    it(`names the claim that has another ${what}`, async () => {
      const deal = new Deal(other, me)
      await book.append([await deal.ordered(), await deal.receipt(0, 5)])
      assert.deepEqual(await book.verify(), { entries: 11 })
      tamper(sql)
      assert.deepEqual(await firstBad(), [
        null,
        `the claim for order ${deal.order} is ${what.startsWith('place') ? 'missing' : 'not what the entries come to'}`
      ])
    })
  }

  it('names the claim that is settled, or never was', async () => {
    const [order] = await book.list({ limit: 1 })
    tamper('INSERT INTO claims (order_id, peer_id, seq, credits) VALUES (?, 1, 0, 2)', order!.order)
    assert.deepEqual(await firstBad(), [
      null,
      `the claim for order ${order!.order} is not what the entries come to`
    ])
  })

  describe('of many entries, by several threads', function () {
    this.timeout(60_000)
    const MANY = 4500
    const owner = signer()
    const peer = signer()

    beforeEach(async () => {
      await book.stop()
      rmSync(file)
      me = { ...me, id: owner.peer }
      book = ledger({ file })({ peer: owner.peer })
      await book.start()
      await Promise.all(Array.from({ length: MANY / 3 }, () => book.append(deal(peer, owner))))
    })
    after(async () => {
      me = await party()
    })

    it('is content with what was appended, also meanwhile', async () => {
      const verifying = book.verify()
      await book.append(deal(owner, peer))
      const { entries, firstBad } = await verifying
      assert.equal(firstBad, undefined)
      assert.ok(entries >= MANY)
      assert.deepEqual(await book.verify(), { entries: MANY + 3 })
    })

    it('names the first of several bad ones, whichever thread finds it', async () => {
      for (const index of [4400, 2817, 3100]) {
        tamper(
          `UPDATE entries SET signature = (SELECT signature FROM entries WHERE idx = 3) WHERE idx = ${index}`
        )
      }
      assert.deepEqual(await firstBad(), [2817, 'its hash is not that of its content'])
      rechain()
      assert.deepEqual(await firstBad(), [2817, 'The signature does not verify'])
    })

    it('is ended, threads and all, when the ledger stops', async () => {
      const verifying = assert.rejects(book.verify(), LedgerClosedError)
      await book.stop()
      await verifying
    })
  })
})
