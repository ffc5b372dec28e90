import assert from 'node:assert/strict'
import type { Connection } from '@libp2p/interface'
import { defaultLogger } from '@libp2p/logger'
import { Purchases } from '../../../../node/consumer/settling/purchases.ts'
import { Reconciler } from '../../../../node/consumer/settling/reconciler.ts'
import type { Contributor } from '../../../../node/discovery/index.ts'
import type { Ledger } from '../../../../node/ledger/index.ts'
import { PeerLostError } from '../../../../protocols/index.ts'
import { CONSUMER, CONTRIBUTOR, NOW } from '../../../support/records.ts'

describe('node/consumer/settling/reconciler', () => {
  let now: number
  let asked: number
  let reconciler: Reconciler

  beforeEach(() => {
    now = NOW
    asked = 0
    reconciler = new Reconciler({
      ledger: {} as Ledger,
      privateKey: CONSUMER.privateKey,
      peer: CONSUMER.peer,
      purchases: new Purchases(),
      log: defaultLogger().forComponent('test'),
      now: () => now
    })
  })
  afterEach(() => reconciler.stop())

  /** The contributor is in reach; resolves when what follows from it is done. */
  async function visit(): Promise<void> {
    const newStream = (): Promise<never> => {
      asked++
      return Promise.reject(new PeerLostError())
    }
    reconciler.visit(
      [{ peer: CONTRIBUTOR.peer } as Contributor],
      () => ({ newStream }) as unknown as Connection
    )
    await new Promise((resolve) => setImmediate(resolve))
  }

  it('asks a newcomer at once, then every 5 minutes, or soon where an answer broke off', async () => {
    await visit()
    now += 5 * 60_000 - 1
    await visit()
    assert.equal(asked, 1)
    now += 1
    await visit()
    assert.equal(asked, 2)
    reconciler.brokeOff(CONTRIBUTOR.peer)
    now += 9_999
    await visit()
    assert.equal(asked, 2)
    now += 1
    await visit()
    assert.equal(asked, 3)
  })

  it('asks on where the clock was set back', async () => {
    await visit()
    now -= 24 * 3_600_000
    await visit()
    assert.equal(asked, 2)
    await visit()
    assert.equal(asked, 2)
  })
})
