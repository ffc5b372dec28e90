import assert from 'node:assert/strict'
import {
  EngineFailedError,
  RECEIPT,
  open,
  type AnswerEvent,
  type Receipt,
  type SignedRecord
} from '../../protocols/index.ts'
import type { EngineEvent } from '../../node/engines/engine.ts'
import type { Lobstah } from '../../node/lobstah.ts'
import { DishonestConsumer } from '../support/dishonest-consumer.ts'
import { Mesh, addressesOf, ask, collect, contributorsKnown, idle, textOf, until } from '../support/mesh.ts'
import { ScriptedEngine, say, type Script } from '../support/scripted-engine.ts'

const PRICE = { prompt: 250_000, completion: 1_000_000 }

describe('what an answer is billed for', function () {
  this.timeout(60_000)
  let mesh: Mesh
  beforeEach(() => {
    mesh = new Mesh()
  })
  afterEach(async () => {
    await mesh.stop()
  })

  const contribute = (script: Script): Promise<Lobstah> =>
    mesh.node({ engine: new ScriptedEngine(script), contribute: true, listen: ['/ip4/127.0.0.1/tcp/0'] })

  async function consume(...contributors: Lobstah[]): Promise<Lobstah> {
    const consumer = await mesh.node({ bootstrap: contributors.flatMap(addressesOf) })
    await contributorsKnown(consumer, contributors.length)
    return consumer
  }

  type End = Extract<AnswerEvent, { type: 'end' }> & { receipt: SignedRecord }

  async function receiptOf(events: AnswerEvent[]): Promise<{ end: End; receipt: Receipt }> {
    const end = events.at(-1) as End
    assert.equal(end.type, 'end')
    return { end, receipt: await open(RECEIPT, end.receipt) }
  }

  it('is what its end says, also where the engine counts more than the text can have', async () => {
    const contributor = await contribute(async function* () {
      yield { type: 'delta', delta: { content: 'word', tokens: 1 } }
      yield { type: 'end', finishReason: 'stop', usage: { promptTokens: 7, completionTokens: 900 } }
    })
    const consumer = await consume(contributor)
    const { end, receipt } = await receiptOf(await collect(consumer.consumer.infer(ask('Hi'))))
    // 1.2 tokens of text, and 8 that leave none.
    assert.deepEqual(end.usage, { promptTokens: 7, completionTokens: 10 })
    assert.deepEqual([receipt.promptTokens, receipt.completionTokens], [7, 10])
    await idle(contributor)
    assert.equal((await contributor.ledger.balance()).earned, 7 * PRICE.prompt + 10 * PRICE.completion)
  })

  it('is nothing where nothing was delivered', async () => {
    const contributor = await contribute(async function* () {
      yield { type: 'end', finishReason: 'stop', usage: { promptTokens: 700, completionTokens: 1 } }
    })
    const consumer = await consume(contributor)
    const { end, receipt } = await receiptOf(await collect(consumer.consumer.infer(ask('Hi'))))
    assert.deepEqual(end.usage, { promptTokens: 0, completionTokens: 0 })
    assert.equal(receipt.credits, 0)
    await idle(contributor)
    for (const { ledger } of [contributor, consumer]) {
      const { earned, spent, claimed } = await ledger.balance()
      assert.deepEqual([earned, spent, claimed], [0, 0, 0])
    }
  })

  it('is split at the token where it moved: each contributor has a receipt for its own part', async () => {
    const words = ['one ', 'two ', 'three ', 'four ', 'five ']
    const fails: Script = async function* (): AsyncGenerator<EngineEvent> {
      for (const content of words.slice(0, 2)) yield { type: 'delta', delta: { content, tokens: 1 } }
      throw new EngineFailedError()
    }
    const first = await contribute(fails)
    const consumer = await consume(first)
    let text = ''
    await assert.rejects(async () => {
      for await (const event of consumer.consumer.infer(ask('Count'))) text += textOf([event])
    }, EngineFailedError)
    assert.equal(text, 'one two ')
    await idle(first)
    await first.stop()
    mesh.nodes.splice(mesh.nodes.indexOf(first), 1)

    const second = await contribute(() => say(words.slice(2)))
    await consumer.libp2p.dial(second.libp2p.getMultiaddrs())
    await until(() => consumer.directory.contributors().some(({ peer }) => peer === second.peer))
    const resumed = ask('Count', {
      messages: [
        { role: 'user', content: 'Count' },
        { role: 'assistant', content: text }
      ],
      continue_final_message: true
    })
    text += textOf(await collect(consumer.consumer.infer(resumed)))
    assert.equal(text, words.join(''))
    await idle(second)

    const deals = await consumer.ledger.deals()
    // The first contributor ended its answer with an error: nothing that was not acknowledged is owed.
    const receipts = await Promise.all(
      deals.flatMap(({ acknowledged }) => (acknowledged ? [open(RECEIPT, acknowledged.record)] : []))
    )
    assert.deepEqual(
      receipts.map(({ contributor, deltas, completionTokens, final, finishReason }) => [
        contributor,
        deltas,
        completionTokens,
        final,
        finishReason
      ]),
      [[second.peer, 3, 3, true, 'stop']]
    )
  })

  it('ends where the engine goes on far beyond what was ordered', async () => {
    const contributor = await contribute(async function* () {
      for (;;) yield { type: 'delta', delta: { content: 'word ', tokens: 1 } }
    })
    const consumer = await consume(contributor)
    const events = await collect(consumer.consumer.infer(ask('Hi', { max_tokens: 10 })))
    const end = events.at(-1)
    assert.ok(end?.type === 'end' && end.finishReason === 'length')
    assert.equal(end.usage.completionTokens, 10)
    await idle(contributor)
    assert.equal((await contributor.ledger.balance()).claimed, 0)
  })

  it('says nothing of an answer where the ledger cannot be asked, and serves the next order', async () => {
    const contributor = await contribute(() => say(['fine']))
    const liar = await DishonestConsumer.start(contributor)
    try {
      const { ledger } = contributor
      const hasOrder = ledger.hasOrder.bind(ledger)
      ledger.hasOrder = () => Promise.reject(new EngineFailedError('the disk'))
      const order = await liar.order()
      const failed = await (await liar.place(order)).next('delta')
      assert.ok(failed.type === 'error' && failed.code === 'engine_failed')
      ledger.hasOrder = hasOrder
      // It was accepted, and so it is kept.
      const again = await (await liar.place(order)).next('accepted')
      assert.ok(again.type === 'error' && again.code === 'order_refused')
      const demand = await liar.place(await liar.order())
      assert.equal((await demand.next('delta')).type, 'delta')
      demand.frames.stream.abort(new RangeError('enough'))
      await idle(contributor)
    } finally {
      await liar.stop()
    }
  })
})
