import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import fc from 'fast-check'
import type { EngineEvent } from '../../node/engines/engine.ts'
import { ledger } from '../../node/ledger/index.ts'
import type { Lobstah } from '../../node/lobstah.ts'
import { DishonestConsumer } from '../support/dishonest-consumer.ts'
import { Mesh, idle } from '../support/mesh.ts'
import { CONSUMER, CONTRIBUTOR, STRANGER } from '../support/records.ts'
import { ScriptedEngine } from '../support/scripted-engine.ts'

const CREDIT = 1_000_000
const LINE = 1_800 * CREDIT
const STRANGERS_LINE = 2_500 * CREDIT
const PARTIES = [CONSUMER, STRANGER]

/** A consumer's behaviour: it pays, takes without paying, cancels, or resets after so many deltas. */
const ACTS = ['pays', 'takes', 'cancels', 'resets'] as const

const demand = fc.record({
  party: fc.nat(PARTIES.length - 1),
  act: fc.constantFrom(...ACTS),
  after: fc.nat(700),
  tokens: fc.integer({ min: 1, max: 4_000 })
})
type Order = typeof demand extends fc.Arbitrary<infer T> ? T : never

/** Orders at once, and whether the contributor dies among them. */
const round = fc.record({ orders: fc.array(demand, { minLength: 1, maxLength: 5 }), dies: fc.boolean() })

const RUNS = Number(process.env.PROPERTY_RUNS ?? 5)

describe('credit, whatever happens', function () {
  this.timeout(180_000)

  it('is never more, with what is reserved, than the line of each and of all', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(round, { minLength: 1, maxLength: 3 }), async (rounds) => {
        const run = new Run(await mkdtemp(join(tmpdir(), 'lobstah-credit-')))
        try {
          await run.serve()
          for (const each of rounds) await run.take(each.orders, each.dies)
          assert.ok(run.looks > 0)
        } finally {
          await run.stop()
        }
      }),
      { numRuns: RUNS, endOnFailure: true }
    )
  })
})

/** One contributor, which dies and comes back on its ledger, and strangers that do what they like. */
class Run {
  looks = 0
  readonly #mesh = new Mesh()
  readonly #folder: string
  readonly #engine = new ScriptedEngine((_request, signal) => this.#words(signal))
  #contributor!: Lobstah
  #failure: Error | undefined

  constructor(folder: string) {
    this.#folder = folder
  }

  async serve(): Promise<void> {
    this.#contributor = await this.#mesh.node({
      privateKey: CONTRIBUTOR.privateKey,
      engine: this.#engine,
      contribute: true,
      listen: ['/ip4/127.0.0.1/tcp/0'],
      slots: 8,
      queue: 8,
      creditLine: () => LINE,
      sharedLine: { limit: STRANGERS_LINE, covers: () => true },
      ledger: ledger({ file: join(this.#folder, 'ledger.sqlite') })({ peer: CONTRIBUTOR.peer })
    })
  }

  async stop(): Promise<void> {
    await this.#mesh.stop()
    await rm(this.#folder, { recursive: true })
  }

  async take(orders: Order[], dies: boolean): Promise<void> {
    const consumers = await Promise.all(
      PARTIES.map((party) => DishonestConsumer.start(this.#contributor, party))
    )
    try {
      const taken = Promise.all(orders.map((order) => this.#order(consumers[order.party]!, order)))
      if (dies) {
        await nextTurn()
        await this.#contributor.ledger.stop()
        await this.#contributor.stop()
      }
      await taken
      if (!dies) await idle(this.#contributor)
      else this.#mesh.nodes.splice(this.#mesh.nodes.indexOf(this.#contributor), 1)
    } finally {
      await Promise.all(consumers.map((consumer) => consumer.stop()))
    }
    if (dies) await this.serve()
    this.#look()
    if (this.#failure !== undefined) throw this.#failure
  }

  async #order(consumer: DishonestConsumer, { act, after, tokens }: Order): Promise<void> {
    try {
      const demand = await consumer.place(await consumer.order({ maxCompletionTokens: tokens }))
      for (let deltas = 0; ;) {
        if (deltas >= after && act === 'resets') return demand.frames.stream.abort(new RangeError('leaves'))
        if (deltas === after && act === 'cancels') await demand.send({ type: 'cancel' })
        const { type, ...frame } = await demand.read()
        if (type === 'delta') deltas++
        if (act !== 'takes' && 'receipt' in frame) await demand.acknowledge(frame.receipt)
        if (act === 'takes' && type === 'receipt' && deltas > 1_000)
          return demand.frames.stream.abort(new RangeError('has all'))
        if (type === 'end' || type === 'error') return
      }
    } catch {
      // The contributor died.
    }
  }

  async *#words(signal: AbortSignal): AsyncGenerator<EngineEvent> {
    for (let i = 0; !signal.aborted; i++) {
      if (i % 20 === 0) await nextTurn()
      this.#look()
      yield { type: 'delta', delta: { content: 'word ', tokens: 1 } }
    }
  }

  /** Keeps the first failure: the engine must not be the one that throws it. */
  #look(): void {
    this.looks++
    let all = 0
    for (const { peer } of PARTIES) {
      const debt =
        this.#contributor.ledger.owedBy(peer) + (this.#contributor.contributor?.reserved(peer) ?? 0)
      all += Math.max(0, debt)
      if (debt > LINE) this.#failure ??= new RangeError(`${peer} may come to owe ${debt}`)
    }
    if (all > STRANGERS_LINE) this.#failure ??= new RangeError(`all may come to owe ${all}`)
  }
}
