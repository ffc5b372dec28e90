import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import type { Lobstah } from '../../node/lobstah.ts'
import { cost, encodeJson, plausiblePromptTokens, sha256, type ClaimFrame } from '../../protocols/index.ts'
import { DishonestConsumer } from '../support/dishonest-consumer.ts'
import { DishonestContributor } from '../support/dishonest-contributor.ts'
import { Mesh, ask, collect, contributorsKnown, idle, until } from '../support/mesh.ts'
import { MODEL } from '../support/records.ts'
import { ScriptedEngine, type Script } from '../support/scripted-engine.ts'
import { reportAttack } from './table.ts'

const CREDIT = 1_000_000
/** Of one stranger, and of all together, in credits. */
const [LINE, STRANGERS_LINE] = [2_000, 3_000]

const endless: Script = async function* (_request, signal) {
  while (!signal.aborted) yield { type: 'delta', delta: { content: 'word ', tokens: 1 } }
}

/** Reads the prompt, and never gets to the first token. */
const reading: Script = async function* (_request, signal) {
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
}

/** Takes all it gets of one order and pays with signatures; resolves to the tokens, and how the answer ended. */
async function take(
  consumer: DishonestConsumer,
  maxCompletionTokens: number
): Promise<{ tokens: number; end: string }> {
  const demand = await consumer.place(await consumer.order({ maxCompletionTokens }))
  for (let tokens = 0; ;) {
    const frame = await demand.read()
    if (frame.type === 'delta') tokens += frame.tokens ?? 1
    if (frame.type === 'receipt') await demand.acknowledge(frame.receipt)
    if (frame.type === 'end') return { tokens, end: 'end' }
    if (frame.type === 'error') return { tokens, end: frame.code }
  }
}

describe('attacks on credit', function () {
  this.timeout(60_000)
  let mesh: Mesh
  let engine: ScriptedEngine
  let contributor: Lobstah
  let consumers: DishonestConsumer[]
  /** The most that was owed at any look, in credits: by one, and by all. */
  let most: { one: number; all: number }
  let watch: NodeJS.Timeout

  beforeEach(async () => {
    mesh = new Mesh()
    engine = new ScriptedEngine(endless)
    contributor = await mesh.node({
      engine,
      contribute: true,
      listen: ['/ip4/127.0.0.1/tcp/0'],
      slots: 64,
      queue: 64,
      creditLine: () => LINE * CREDIT,
      sharedLine: { limit: STRANGERS_LINE * CREDIT, covers: () => true }
    })
    consumers = []
    most = { one: 0, all: 0 }
    watch = setInterval(look, 2)
  })
  afterEach(async () => {
    clearInterval(watch)
    await Promise.all(consumers.map((consumer) => consumer.stop()))
    await mesh.stop()
  })

  function look(): void {
    for (const { party } of consumers)
      most.one = Math.max(most.one, contributor.ledger.owedBy(party.peer) / CREDIT)
    most.all = Math.max(most.all, contributor.ledger.owedTogether(() => true) / CREDIT)
  }

  async function stranger(): Promise<DishonestConsumer> {
    const consumer = await DishonestConsumer.start(contributor)
    consumers.push(consumer)
    return consumer
  }

  const report = (attack: string, reached: string): void =>
    reportAttack({
      promise: 'nobody owes more than its line',
      attack,
      reached,
      bound: `${LINE} credits a peer, ${STRANGERS_LINE} all`
    })

  /** Nobody owes more than its line, and all that was written is owed. */
  async function checkLines(): Promise<void> {
    await idle(contributor)
    look()
    assert.ok(most.one <= LINE, `one owes ${most.one}`)
    assert.ok(most.all <= STRANGERS_LINE, `all owe ${most.all}`)
  }

  it('one order for a hundred times the line', async () => {
    const { tokens, end } = await take(await stranger(), 200_000)
    await checkLines()
    assert.equal(end, 'credit_exhausted')
    assert.ok(tokens > 0 && tokens <= most.one, `${tokens} tokens for ${most.one} credits`)
    report('one order for 200,000 tokens', `${tokens} tokens, ${most.one} credits owed`)
  })

  it('twenty orders at once, and again', async () => {
    const thief = await stranger()
    let tokens = 0
    for (let round = 0; round < 3; round++) {
      const taken = await Promise.all(Array.from({ length: 20 }, () => take(thief, 5_000)))
      tokens += taken.reduce((sum, each) => sum + each.tokens, 0)
      assert.ok(taken.every(({ end }) => end === 'credit_exhausted'))
    }
    await checkLines()
    assert.ok(tokens <= LINE, `${tokens} tokens`)
    report('60 orders, 20 at once', `${tokens} tokens, ${most.one} credits owed`)
  })

  it('twelve keys at once that acknowledge nothing and leave', async () => {
    const takers = await Promise.all(Array.from({ length: 12 }, stranger))
    await Promise.all(
      takers.map(async (thief) => {
        const demand = await thief.place(await thief.order({ maxCompletionTokens: 5_000 }))
        for (let receipts = 0; receipts < 2;) {
          const { type } = await demand.read()
          if (type === 'error') return
          if (type === 'receipt') receipts++
        }
        demand.frames.stream.abort(new RangeError('takes and leaves'))
      })
    )
    await checkLines()
    report('12 keys that acknowledge nothing', `${most.all} credits owed by all`)
  })

  it('prompts that are read for nothing: orders that are reset before the first token', async () => {
    engine.script = reading
    const thief = await stranger()
    const document = encodeJson({
      kind: 'chat',
      model: MODEL.id,
      messages: [{ role: 'user', content: 'word '.repeat(2_000) }]
    })
    const changes = {
      requestHash: sha256(document),
      maxPromptTokens: plausiblePromptTokens(document.byteLength),
      maxCompletionTokens: 1
    }
    const owed: number[] = []
    for (let order = 0; order < 4; order++) {
      const started = engine.started
      const demand = await thief.place(await thief.order(changes), document)
      assert.equal((await demand.next('accepted')).type, 'accepted')
      await until(() => engine.started > started)
      // Of the engine's time, what it may be charged for.
      await delay(200)
      demand.frames.stream.abort(new RangeError('leaves'))
      await idle(contributor)
      owed.push(contributor.ledger.owedBy(thief.party.peer) / CREDIT)
    }
    assert.ok(owed[0]! > 0 && owed.every((each, i) => i === 0 || each > owed[i - 1]!), owed.join(', '))
    const wholePrompts = await Promise.all(
      Array.from({ length: 4 }, async () => {
        const demand = await thief.place(await thief.order(changes), document)
        const frame = await demand.next('accepted')
        return frame.type === 'error' ? frame.code : frame.type
      })
    )
    assert.ok(wholePrompts.includes('credit_exhausted'), wholePrompts.join(', '))
    await thief.stop()
    await checkLines()
    report('prompts of 2,000 words, reset after 200 ms', `${Math.round(owed.at(-1)!)} credits owed after 4`)
  })

  it('claims for answers of which nothing came', async () => {
    const liar = await DishonestContributor.start(['chat'])
    const consumer = await mesh.node({ bootstrap: liar.libp2p.getMultiaddrs().map(String) })
    try {
      await contributorsKnown(consumer, 1)
      liar.act = async ({ frames }) => frames.stream.abort(new RangeError('gone'))
      const exchanged = Promise.withResolvers<{ type: string; reason?: string }[]>()
      liar.exchanged = (said) => {
        if (said.some(({ type }) => type === 'dispute' || type === 'acknowledgement')) exchanged.resolve(said)
      }
      liar.claims = () =>
        Promise.all(
          liar.sales.map(async (sale): Promise<ClaimFrame> => {
            const { maxPromptTokens } = JSON.parse(sale.order.payload) as { maxPromptTokens: number }
            return await sale.claim({
              deltas: 1,
              transcriptHash: 'A'.repeat(43),
              promptTokens: maxPromptTokens,
              completionTokens: 1536,
              credits: cost(MODEL.price, maxPromptTokens, 1536)!
            })
          })
        )
      await assert.rejects(collect(consumer.consumer.infer(ask('word '.repeat(5000)))))
      const said = await exchanged.promise
      assert.deepEqual(
        said.filter(({ type }) => type !== 'list').map(({ type, reason }) => [type, reason]),
        liar.sales.map(() => ['dispute', 'forfeited'])
      )
      const { spent } = await consumer.ledger.balance()
      assert.equal(spent, 0)
      reportAttack({
        promise: 'nothing seen and not cancelled, nothing owed',
        attack: 'a claim for a prompt of 25,000 bytes and 1,536 tokens, with no delta',
        reached: `${spent} credits`,
        bound: '0 credits'
      })
    } finally {
      await liar.stop()
    }
  })
})
