import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import fc from 'fast-check'
import { MAX_UNSEEN_TOKENS, RECEIPT, open } from '../../protocols/index.ts'
import type { EngineEvent } from '../../node/engines/engine.ts'
import { ledger } from '../../node/ledger/index.ts'
import type { Lobstah } from '../../node/lobstah.ts'
import { DishonestConsumer } from '../support/dishonest-consumer.ts'
import { Mesh, addressesOf, ask, contributorsKnown, eventually, idle, until } from '../support/mesh.ts'
import { CONSUMER, CONTRIBUTOR } from '../support/records.ts'
import { ScriptedEngine } from '../support/scripted-engine.ts'

interface Step {
  /** Completion tokens of the answer. */
  tokens: number
  /** After which of them it happens. */
  at: number
  what: (typeof EVENTS)[number]
}

/** Events of an answer; `crash` hits the consumer, `fall` the contributor. */
const EVENTS = ['nothing', 'cut', 'crash', 'fall', 'cancel', 'replay'] as const

const RUNS = Number(process.env.PROPERTY_RUNS ?? 6)

const step: fc.Arbitrary<Step> = fc.record({
  tokens: fc.integer({ min: 1, max: 1300 }),
  at: fc.integer({ min: 1, max: 1300 }),
  what: fc.constantFrom(...EVENTS)
})

describe('settling, whatever happens', function () {
  this.timeout(120_000)

  it('leaves ledgers that verify, opposite balances, and no loss over the bound', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 3 }), async (steps) => {
        const run = await Run.start()
        try {
          for (const each of steps) await run.take(each)
          await run.check()
        } finally {
          await run.stop()
        }
      }),
      { numRuns: RUNS, endOnFailure: true }
    )
  })
})

/** A contributor and a consumer, each of which dies and comes back on the same ledger. */
class Run {
  readonly #mesh = new Mesh()
  readonly #folder: string
  readonly #engine: ScriptedEngine
  /** Completion tokens that reached the consumer, by what was asked. */
  readonly #delivered: number[] = []
  /** Answers in which the contributor fell: it may have lost what it had not written down. */
  readonly #fallen = new Set<number>()
  #contributor!: Lobstah
  /** Where the contributor listens. */
  #address: string | undefined
  #consumer!: Lobstah
  #tokens = 0

  private constructor(folder: string) {
    this.#folder = folder
    this.#engine = new ScriptedEngine((_request, signal) => this.#words(signal))
  }

  static async start(): Promise<Run> {
    const run = new Run(await mkdtemp(join(tmpdir(), 'lobstah-property-')))
    await run.#serve()
    run.#address = addressesOf(run.#contributor)[0]?.replace(/\/p2p\/.*/, '')
    await run.#join()
    return run
  }

  async stop(): Promise<void> {
    await this.#mesh.stop()
    await rm(this.#folder, { recursive: true })
  }

  async take({ tokens, at, what }: Step): Promise<void> {
    this.#tokens = tokens
    const abort = new AbortController()
    const index = this.#delivered.push(0) - 1
    let happened = false
    let falling: Promise<void> | undefined
    try {
      for await (const event of this.#consumer.consumer.infer(ask('Hi'), { signal: abort.signal })) {
        if (event.type !== 'delta') continue
        this.#delivered[index] = (this.#delivered[index] ?? 0) + 1
        if (this.#delivered[index] !== at) continue
        happened = what === 'cut' || what === 'crash' || what === 'fall'
        if (what === 'cancel') abort.abort()
        if (what === 'fall') falling = this.#fall()
        else if (happened) await this.#consumer.libp2p.hangUp(this.#contributor.libp2p.peerId)
      }
    } catch (err) {
      if (!happened && what !== 'cancel') throw err
    }
    await falling
    if (falling !== undefined) this.#fallen.add(index)
    else await idle(this.#contributor)
    if (what === 'fall') await this.#rise(falling)
    if (what === 'crash') await this.#crash()
    if (what === 'replay') await this.#replay()
    if (what === 'cut' && happened) await contributorsKnown(this.#consumer, 1)
  }

  async check(): Promise<void> {
    // Meets the contributor once more, whatever happened last.
    await this.#consumer.libp2p.hangUp(this.#contributor.libp2p.peerId)
    await eventually(
      this.#consumer.directory,
      'change',
      () => this.#consumer.directory.contributors().length === 0
    )
    await until(async () => (await this.#contributor.ledger.balance()).claimed === 0)
    const [earned, spent] = [await this.#contributor.ledger.balance(), await this.#consumer.ledger.balance()]
    assert.equal(earned.net + spent.net, 0)
    for (const node of [this.#contributor, this.#consumer]) {
      assert.equal((await node.ledger.verify()).firstBad, undefined)
    }
    const deals = await this.#contributor.ledger.deals()
    for (const [index, { acknowledged }] of deals.entries()) {
      const billed = acknowledged === null ? 0 : (await open(RECEIPT, acknowledged.record)).completionTokens
      const seen = this.#delivered[index] ?? 0
      assert.ok(billed - seen <= MAX_UNSEEN_TOKENS, `${billed} billed, ${seen} delivered`)
      const lost = this.#fallen.has(index) ? MAX_UNSEEN_TOKENS : 0
      assert.ok(seen - billed <= lost, `${billed} billed, ${seen} delivered`)
    }
    assert.equal(deals.length, this.#delivered.length)
  }

  async *#words(signal: AbortSignal): AsyncGenerator<EngineEvent> {
    for (let i = 0; i < this.#tokens; i++) {
      if (i % 50 === 0) await nextTurn()
      if (signal.aborted) return
      yield { type: 'delta', delta: { content: `word${i} `, tokens: 1 } }
    }
    yield { type: 'end', finishReason: 'stop', usage: { promptTokens: 7, completionTokens: this.#tokens } }
  }

  async #serve(listen = '/ip4/127.0.0.1/tcp/0'): Promise<void> {
    const file = join(this.#folder, 'contributor.sqlite')
    this.#contributor = await this.#mesh.node({
      privateKey: CONTRIBUTOR.privateKey,
      engine: this.#engine,
      contribute: true,
      listen: [listen],
      ledger: ledger({ file })({ peer: CONTRIBUTOR.peer })
    })
  }

  async #join(): Promise<void> {
    const file = join(this.#folder, 'ledger.sqlite')
    this.#consumer = await this.#mesh.node({
      privateKey: CONSUMER.privateKey,
      bootstrap: addressesOf(this.#contributor),
      ledger: ledger({ file })({ peer: CONSUMER.peer })
    })
    await contributorsKnown(this.#consumer, 1)
  }

  /** The consumer comes back with what is on its disk, and without what it remembered. */
  async #crash(): Promise<void> {
    this.#mesh.nodes.splice(this.#mesh.nodes.indexOf(this.#consumer), 1)
    await this.#consumer.stop()
    await this.#join()
  }

  /** From now on nothing more gets on the contributor's disk, and then it is gone. */
  async #fall(): Promise<void> {
    await this.#contributor.ledger.stop()
    await this.#contributor.stop()
  }

  /** The contributor comes back at its address, with what is on its disk and without what it remembered. */
  async #rise(fallen: Promise<void> | undefined): Promise<void> {
    this.#mesh.nodes.splice(this.#mesh.nodes.indexOf(this.#contributor), 1)
    await (fallen ?? this.#contributor.stop())
    await eventually(
      this.#consumer.directory,
      'change',
      () => this.#consumer.directory.contributors().length === 0
    )
    await this.#serve(this.#address)
    await this.#consumer.libp2p.dial(this.#contributor.libp2p.getMultiaddrs())
    await contributorsKnown(this.#consumer, 1)
  }

  /** Somebody who has seen an order sends it again: it is refused, and changes nothing. */
  async #replay(): Promise<void> {
    const [deal] = await this.#contributor.ledger.deals({ limit: 1 })
    const thief = await DishonestConsumer.start(this.#contributor)
    try {
      const demand = await thief.place(deal!.order.record)
      const frame = await demand.next('delta')
      assert.ok(frame.type === 'error' && frame.code === 'order_refused')
    } finally {
      await thief.stop()
    }
  }
}
