import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { history, type History, type PastAnswer } from '../../../node/history/index.ts'
import { HOURS_KEPT_MS, MAX_ROWS_PER_HOUR, OTHERS } from '../../../node/history/constants.ts'

const HOUR_MS = 3600 * 1000
const NOON = new Date(2026, 5, 15, 12, 30).getTime()

describe('node/history', () => {
  let folder: string
  let file: string
  let now = NOON
  const open: History[] = []
  const opened = (): History => {
    const made = history({ file, now: () => now, onError: (err) => assert.fail(String(err)) })
    open.push(made)
    return made
  }
  const answer = (fields: Partial<PastAnswer> = {}): PastAnswer => ({
    side: 'asked',
    model: 'tiny:1b',
    peer: 'a',
    ok: true,
    promptTokens: 10,
    completionTokens: 40,
    credits: 7,
    firstTokenMs: 20,
    decodeMs: 1000,
    ...fields
  })

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lobstah-history-'))
    file = join(folder, 'history.sqlite')
    now = NOON
  })
  afterEach(async () => {
    for (const each of open.splice(0)) each.stop()
    await rm(folder, { recursive: true })
  })

  it('sums by hour, side, model and peer, and survives a restart', () => {
    const first = opened()
    first.add(answer())
    first.add(answer({ ok: false, credits: 3 }))
    first.add(answer({ side: 'served', peer: 'b' }))
    first.stop()
    const sums = opened().read({ by: 'hour', since: NOON - HOUR_MS })
    assert.deepEqual(sums, [
      {
        at: NOON - HOUR_MS / 2,
        side: 'asked',
        model: 'tiny:1b',
        peer: 'a',
        requests: 2,
        failed: 1,
        promptTokens: 20,
        completionTokens: 80,
        credits: 10,
        decodeMs: 2000
      },
      { ...sums[1], side: 'served', peer: 'b', requests: 1, failed: 0 }
    ])
  })

  it('sums hours by day and by month, in the time of this machine', () => {
    const past = opened()
    for (const day of [13, 14, 15]) {
      now = new Date(2026, 5, day, 9).getTime()
      past.add(answer())
      now += 3 * HOUR_MS
      past.add(answer())
    }
    const days = past.read({ by: 'day', since: new Date(2026, 5, 14, 23).getTime() })
    assert.deepEqual(
      days.map(({ at, requests }) => [at, requests]),
      [
        [new Date(2026, 5, 14).getTime(), 2],
        [new Date(2026, 5, 15).getTime(), 2]
      ]
    )
    const months = past.read({ by: 'month', since: now })
    assert.deepEqual(
      months.map(({ at, requests }) => [at, requests]),
      [[new Date(2026, 5, 1).getTime(), 6]]
    )
  })

  it('keeps a bounded number of rows of an hour, and drops no answer from the sums', () => {
    const past = opened()
    const peers = MAX_ROWS_PER_HOUR + 50
    for (let peer = 0; peer < peers; peer++) past.add(answer({ peer: `peer ${peer}` }))
    const sums = past.read({ by: 'hour', since: NOON - HOUR_MS })
    assert.equal(sums.length, MAX_ROWS_PER_HOUR + 1)
    assert.equal(sums.find(({ peer }) => peer === OTHERS)?.requests, 50)
    assert.equal(
      sums.reduce((all, { requests }) => all + requests, 0),
      peers
    )
  })

  it('keeps days where hours have become old', () => {
    const past = opened()
    past.add(answer())
    now += HOUR_MS
    past.add(answer())
    past.stop()
    now += HOURS_KEPT_MS + 48 * HOUR_MS
    const later = opened()
    later.add(answer())
    const sums = later.read({ by: 'hour', since: NOON - 24 * HOUR_MS })
    assert.deepEqual(
      sums.map(({ at, requests }) => [at, requests]),
      [
        [new Date(2026, 5, 15).getTime(), 2],
        [sums[1]?.at, 1]
      ]
    )
  })

  it('makes no file before there is something to write, and lets the node go on where it cannot be used', async () => {
    assert.deepEqual(opened().read({ by: 'hour', since: 0 }), [])
    await writeFile(file, 'this is no database, and it is longer than a header of one would be '.repeat(20))
    const errors: unknown[] = []
    const broken = history({ file, onError: (err) => errors.push(err) })
    broken.add(answer())
    assert.deepEqual(broken.read({ by: 'hour', since: 0 }), [])
    broken.stop()
    assert.ok(errors.length > 0)
  })
})
