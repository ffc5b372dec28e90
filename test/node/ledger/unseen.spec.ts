import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ledger, type Ledger } from '../../../node/ledger/index.ts'
import { CONSUMER } from '../../support/records.ts'

const DAY_MS = 86_400_000
const BOUNDS = { all: 100, each: 60 }

describe('node/ledger/unseen', () => {
  let folder: string
  let now: number
  let book: Ledger

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'unseen-'))
    now = 10 * DAY_MS
    book = ledger({ file: join(folder, 'ledger.db') })({ peer: CONSUMER.peer, now: () => now })
    await book.start()
  })
  afterEach(async () => {
    await book.stop()
    await rm(folder, { recursive: true })
  })

  const take = (peer: string, credits: number): Promise<boolean> => book.takeUnseen(peer, credits, BOUNDS)

  it('accepts so much of one contributor in a day, and so much of all', async () => {
    assert.equal(await take('a', 50), true)
    assert.equal(await take('a', 11), false)
    assert.equal(await take('a', 10), true)
    assert.equal(await take('b', 41), false)
    assert.equal(await take('b', 40), true)
    assert.equal(await take('c', 1), false)
    assert.equal(await take('c', 0), true)
  })

  it('forgets nothing at a restart', async () => {
    assert.equal(await take('a', 60), true)
    await book.stop()
    await book.start()
    assert.equal(await take('a', 1), false)
  })

  it('goes on a day later; what it refused does not count', async () => {
    assert.equal(await take('a', 60), true)
    now += DAY_MS - 1
    assert.equal(await take('a', 60), false)
    now += 1
    assert.equal(await take('a', 60), true)
  })

  it('counts on where the clock is set back by less than a day, and not for ever where by more', async () => {
    assert.equal(await take('a', 60), true)
    now -= 1000
    assert.equal(await take('a', 1), false)
    now -= DAY_MS
    assert.equal(await take('a', 1), true)
  })
})
