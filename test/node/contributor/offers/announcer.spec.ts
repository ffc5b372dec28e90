import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { mock } from 'node:test'
import { Announcer, type Offer } from '../../../../node/contributor/offers/announcer.ts'
import {
  ANNOUNCEMENT,
  ANNOUNCEMENT_INTERVAL_MS,
  ANNOUNCEMENT_MIN_INTERVAL_MS,
  ANNOUNCEMENT_TTL_MS,
  open,
  type Announcement
} from '../../../../protocols/index.ts'
import { CONTRIBUTOR, MODEL, NOW } from '../../../support/records.ts'

describe('node/contributor/offers/announcer', () => {
  let offer: Offer
  let now: number
  let stop: AbortController
  let said: Announcement[]
  let announcer: Announcer
  let reading: Promise<void>

  beforeEach(() => {
    mock.timers.enable({ apis: ['setTimeout'] })
    offer = { models: [MODEL], slots: 2, active: 0, queued: 0 }
    now = NOW
    stop = new AbortController()
    said = []
    announcer = make()
  })
  afterEach(async () => {
    stop.abort()
    await announcer.end()
    await reading
    mock.timers.reset()
  })

  const make = (): Announcer => {
    reading = Promise.resolve()
    return new Announcer(() => offer, {
      peer: CONTRIBUTOR.peer,
      privateKey: CONTRIBUTOR.privateKey,
      agent: 'lobstah-node/0.1.0',
      now: () => now
    })
  }

  /** Notes everything that one subscriber is told. */
  async function subscribe(into = said): Promise<void> {
    for await (const record of announcer.subscribe(stop.signal))
      into.push(await open(ANNOUNCEMENT, record, CONTRIBUTOR.peer))
  }

  /** Lets everything happen that is due. */
  async function settle(): Promise<void> {
    for (let i = 0; i < 10; i++) await nextTurn()
  }

  async function pass(ms: number): Promise<void> {
    now += ms
    mock.timers.tick(ms)
    await settle()
  }

  const begin = async (): Promise<void> => {
    await announcer.begin()
    reading = subscribe()
    await settle()
  }

  it('tells a subscriber at once what is offered', async () => {
    await begin()
    assert.deepEqual(said, [
      {
        peer: CONTRIBUTOR.peer,
        sequence: NOW,
        issuedAt: NOW,
        expiresAt: NOW + ANNOUNCEMENT_TTL_MS,
        agent: 'lobstah-node/0.1.0',
        ...offer
      }
    ])
  })

  it('tells changes together, after a short time', async () => {
    await begin()
    for (const active of [1, 2]) {
      offer = { ...offer, active }
      announcer.changed()
    }
    await pass(ANNOUNCEMENT_MIN_INTERVAL_MS - 1)
    assert.equal(said.length, 1)
    await pass(1)
    assert.deepEqual(
      said.map(({ active }) => active),
      [0, 2]
    )
  })

  it('tells changes also when they do not stop', async () => {
    await begin()
    for (let i = 0; i < 30; i++) {
      offer = { ...offer, active: i % 2, queued: i + 1 }
      announcer.changed()
      await pass(100)
    }
    // 3 s of changes, told at most every 250 ms.
    assert.ok(said.length >= 6 && said.length <= 13, `told ${said.length} times`)
    assert.ok(said.at(-1)!.queued >= 27)
  })

  it('says nothing new when nothing is', async () => {
    await begin()
    announcer.changed()
    await pass(ANNOUNCEMENT_MIN_INTERVAL_MS)
    assert.equal(said.length, 1)
  })

  it('repeats itself well before an announcement ends', async () => {
    assert.ok(ANNOUNCEMENT_INTERVAL_MS * 2 < ANNOUNCEMENT_TTL_MS)
    await begin()
    for (let i = 0; i < 3; i++) await pass(ANNOUNCEMENT_INTERVAL_MS)
    assert.equal(said.length, 4)
  })

  it('lets its sequence grow, whatever the clock does, and over a restart', async () => {
    await begin()
    now -= 10_000
    await pass(ANNOUNCEMENT_INTERVAL_MS / 2)
    offer = { ...offer, active: 1 }
    announcer.changed()
    await pass(ANNOUNCEMENT_MIN_INTERVAL_MS)
    await announcer.end()
    await settle()
    now += 60_000
    announcer = make()
    await announcer.begin()
    await begin()
    const sequences = said.map(({ sequence }) => sequence)
    assert.ok(sequences.length >= 4)
    assert.deepEqual(
      sequences,
      [...new Set(sequences)].sort((a, b) => a - b)
    )
  })

  it('says goodbye, as the last thing', async () => {
    await begin()
    offer = { ...offer, active: 1 }
    announcer.changed()
    await announcer.end()
    await reading
    assert.deepEqual(
      said.map(({ models }) => models.length),
      [1, 0]
    )
    announcer.changed()
    await pass(ANNOUNCEMENT_INTERVAL_MS * 3)
    const late: Announcement[] = []
    await subscribe(late)
    assert.deepEqual(
      late.map(({ models }) => models.length),
      [0]
    )
  })

  it('says goodbye as the last thing although an announcement is due in that moment', async () => {
    await begin()
    offer = { ...offer, active: 1 }
    announcer.changed()
    mock.timers.tick(ANNOUNCEMENT_MIN_INTERVAL_MS)
    const ending = announcer.end()
    announcer.changed()
    await ending
    await settle()
    await pass(ANNOUNCEMENT_INTERVAL_MS * 3)
    await reading
    assert.equal(said.at(-1)?.models.length, 0)
    const late: Announcement[] = []
    await subscribe(late)
    assert.equal(late.at(-1)?.models.length, 0)
  })

  it('ends the subscription of one who has gone', async () => {
    await begin()
    stop.abort()
    await reading
  })

  it('gives a slow subscriber the latest only', async () => {
    await announcer.begin()
    const slow = announcer.subscribe(stop.signal)
    await slow.next()
    for (const active of [1, 2]) {
      offer = { ...offer, active }
      announcer.changed()
      await pass(ANNOUNCEMENT_MIN_INTERVAL_MS)
    }
    const next = await slow.next()
    assert.ok(next.done !== true)
    assert.equal((await open(ANNOUNCEMENT, next.value)).active, 2)
    await slow.return(undefined)
    assert.deepEqual(getEventListeners(stop.signal, 'abort'), [])
  })

  it('keeps nothing of what it told, however long a subscription lasts', async () => {
    setFlagsFromString('--expose-gc')
    const gc = runInNewContext('gc') as () => void
    mock.timers.reset()
    await announcer.begin()
    reading = (async () => {
      for await (const record of announcer.subscribe(stop.signal)) assert.ok(record.payload.length > 0)
    })()
    const announce = async (times: number): Promise<number> => {
      for (let i = 0; i < times; i++) {
        await announcer.begin()
        await nextTurn()
      }
      gc()
      return process.memoryUsage().heapUsed
    }
    const before = await announce(500)
    const grown = (await announce(6000)) - before
    assert.ok(grown < 1_000_000, `grew by ${grown} bytes`)
  })
})
