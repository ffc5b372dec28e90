import assert from 'node:assert/strict'
import type { Connection, Stream } from '@libp2p/interface'
import { defaultLogger } from '@libp2p/logger'
import { streamPair } from '@libp2p/utils'
import * as varint from 'uint8-varint'
import { Purchases } from '../../../../node/consumer/settling/purchases.ts'
import { Reconciler } from '../../../../node/consumer/settling/reconciler.ts'
import type { Contributor } from '../../../../node/discovery/index.ts'
import type { Ledger } from '../../../../node/ledger/index.ts'
import { PeerLostError } from '../../../../protocols/index.ts'
import { until } from '../../../support/mesh.ts'
import { CONSUMER, CONTRIBUTOR, NOW } from '../../../support/records.ts'

describe('node/consumer/settling/reconciler', () => {
  let now: number
  let asked: number
  /** Whether the contributor answers, or is lost. */
  let answers: boolean
  let reconciler: Reconciler

  beforeEach(() => {
    now = NOW
    asked = 0
    answers = true
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
    let line: Stream | undefined
    const newStream = async (): Promise<Stream> => {
      asked++
      if (!answers) throw new PeerLostError()
      const [outbound, inbound] = await streamPair({ delay: 0 })
      const nothing = Buffer.from(JSON.stringify({ type: 'end', next: null }))
      inbound.send(Buffer.concat([varint.encode(nothing.byteLength), nothing]))
      await inbound.close()
      return (line = outbound)
    }
    reconciler.visit(
      [{ peer: CONTRIBUTOR.peer } as Contributor],
      () => ({ newStream }) as unknown as Connection
    )
    await new Promise((resolve) => setImmediate(resolve))
    await until(() => line?.status !== 'open')
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

  it('asks soon again where the exchange failed', async () => {
    answers = false
    await visit()
    now += 9_999
    await visit()
    assert.equal(asked, 1)
    now += 1
    await visit()
    assert.equal(asked, 2)
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
