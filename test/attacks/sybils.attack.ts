import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import type { Lobstah } from '../../node/lobstah.ts'
import { Places, type Rank } from '../../node/discovery/index.ts'
import { DishonestContributor, type Sale } from '../support/dishonest-contributor.ts'
import { Mesh, addressesOf, ask, contributorsKnown } from '../support/mesh.ts'
import { SCRIPTED_MODEL, ScriptedEngine, say } from '../support/scripted-engine.ts'
import { reportAttack } from './table.ts'

const HONEST = 3
const REQUESTS = 150

/** Behaviours of hostile peers for an order. */
const HOSTILE: Record<string, (sale: Sale) => Promise<unknown>> = {
  busy: (sale) =>
    sale.send({ type: 'error', code: 'busy', message: 'later', retryable: true, retryAfterMs: 1000 }),
  refuses: (sale) => sale.send({ type: 'error', code: 'bad_request', message: 'no', retryable: false }),
  slow: async (sale) => {
    await sale.accept()
    await delay(1500, undefined, { ref: false })
    await sale.delta('slow')
    await sale.receipt({ final: true })
    await sale.end()
  },
  lying: async (sale) => {
    await sale.accept()
    await sale.delta('lie')
    await sale.receipt({ final: true, completionTokens: 4000 })
    await sale.end({ completionTokens: 4000 })
  },
  dying: async (sale) => {
    await sale.accept()
    sale.frames.stream.abort(new DOMException('gone', 'AbortError'))
  }
}

describe('attacks: many peers of one person', function () {
  this.timeout(120_000)
  let mesh: Mesh
  const hostile: DishonestContributor[] = []
  beforeEach(() => {
    mesh = new Mesh()
  })
  afterEach(async () => {
    await mesh.stop()
    for (const peer of hostile.splice(0)) await peer.stop()
  })

  async function honest(count: number): Promise<Lobstah[]> {
    const engine = (): ScriptedEngine => new ScriptedEngine(() => say(['fine']))
    const listen = ['/ip4/127.0.0.1/tcp/0']
    return await Promise.all(
      Array.from({ length: count }, () => mesh.node({ contribute: true, engine: engine(), listen, slots: 4 }))
    )
  }

  /** Asks one after another; tells how many of 100 honest peers have answered. */
  async function share(kinds: string[]): Promise<number> {
    const good = await honest(HONEST)
    for (let n = 0; n < HONEST * 4; n++) {
      const peer = await DishonestContributor.start(['chat', 'completion', 'embedding', 'tools'], {
        ...SCRIPTED_MODEL,
        price: { prompt: 0, completion: 1 }
      })
      peer.act = HOSTILE[kinds[n % kinds.length] ?? ''] ?? peer.act
      hostile.push(peer)
    }
    const bootstrap = [
      ...good.flatMap(addressesOf),
      ...hostile.flatMap(({ libp2p }) => libp2p.getMultiaddrs().map(String))
    ]
    const consumer = await mesh.node({ bootstrap })
    await contributorsKnown(consumer, HONEST * 5)
    const ids = new Set(good.map(({ peer }) => peer))
    let answered = 0
    for (let n = 0; n < REQUESTS; n++) {
      let by = ''
      try {
        for await (const event of consumer.consumer.infer(ask(`question ${n}`))) {
          if (event.type === 'accepted') by = event.peer
          if (event.type === 'end' && ids.has(by)) answered++
        }
      } catch {
        // Not answered.
      }
    }
    return Math.round((100 * answered) / REQUESTS)
  }

  for (const kinds of [['busy', 'slow', 'lying', 'dying'], ['busy'], ['refuses'], ['dying']]) {
    it(`has honest peers answer although 80 % of all are ${kinds.join(', ')}`, async () => {
      const reached = await share(kinds)
      reportAttack({
        promise: '80 % hostile peers do not keep a consumer from honest ones',
        attack: `12 peers beside 3 honest ones, cheaper and always free: ${kinds.join(', ')}`,
        reached: `${reached} in 100 requests answered by honest peers`,
        bound: 'at least 95'
      })
      assert.ok(reached >= 95, `${reached} of 100`)
    })
  }

  it('keeps the places of friends and creditors, and of strangers that have answered', () => {
    const ranks = new Map<string, Rank>([
      ['friend', 3],
      ['good', 2]
    ])
    const lost: string[] = []
    const places = new Places({ rank: (peer) => ranks.get(peer) ?? 1 })
    const take = (peer: string): boolean => places.take(peer, () => lost.push(peer))
    for (const peer of ['friend', 'good']) assert.ok(take(peer))
    for (let n = 0; n < 10_000; n++) take(`stranger ${n}`)
    // Late, where all places are taken.
    ranks.set('late friend', 3)
    assert.ok(take('late friend'))
    const gone = ['friend', 'good', 'late friend'].filter((peer) => lost.includes(peer))
    reportAttack({
      promise: 'strangers push neither friends nor creditors out of the directory',
      attack: '10,000 strangers that want a place of 256',
      reached: `${gone.length} pushed out`,
      bound: '0 pushed out'
    })
    assert.deepEqual(gone, [])
  })

  it('gives no place at all to peers that may not be asked', async () => {
    const [friend] = await honest(1)
    assert.ok(friend)
    const peer = await DishonestContributor.start()
    hostile.push(peer)
    const bootstrap = [...addressesOf(friend), ...peer.libp2p.getMultiaddrs().map(String)]
    const only = (other: string): boolean => other === friend.peer
    const consumer = await mesh.node({ bootstrap, asks: only, isFriend: only })
    await contributorsKnown(consumer, 1)
    assert.deepEqual(
      consumer.directory.contributors().map(({ peer: known }) => known),
      [friend.peer]
    )
  })
})
