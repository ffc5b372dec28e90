import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import {
  BusyError,
  EngineFailedError,
  ModelNotFoundError,
  NoProviderError,
  PeerLostError,
  RECEIPT,
  open,
  type AnswerEvent,
  type InferenceRequest
} from '../../protocols/index.ts'
import type { Lobstah } from '../../node/lobstah.ts'
import { Mesh, addressesOf, ask, collect, contributorsKnown, idle, textOf, until } from '../support/mesh.ts'
import { SCRIPTED_MODEL, ScriptedEngine, say, type Script } from '../support/scripted-engine.ts'

const PROMPT_PRICE = 250_000
const COMPLETION_PRICE = 1_000_000

/** Says words for ever, until its signal fires. */
const endless: Script = async function* (_request, signal) {
  for (let i = 0; ; i++) {
    await delay(5, undefined, { signal })
    yield { type: 'delta', delta: { content: `word${i} `, tokens: 1 } }
  }
}

describe('a chat through the mesh', () => {
  let mesh: Mesh
  let bootstrap: string[]

  beforeEach(async () => {
    mesh = new Mesh()
    bootstrap = addressesOf(await mesh.relay())
  })
  afterEach(async () => {
    await mesh.stop()
  })

  const contribute = (engine: ScriptedEngine, rest: object = {}): Promise<Lobstah> =>
    mesh.node({ bootstrap, engine, contribute: true, listen: ['/p2p-circuit'], punch: false, ...rest })

  async function consume(contributors: number): Promise<Lobstah> {
    const consumer = await mesh.node({ bootstrap, punch: false })
    await contributorsKnown(consumer, contributors)
    return consumer
  }

  it('is answered by a contributor that is reachable only through a relay', async () => {
    const engine = new ScriptedEngine(() => say(['Hel', 'lo', '!']))
    const contributor = await contribute(engine)
    const consumer = await consume(1)
    const events = await collect(consumer.consumer.infer(ask('Hi', { temperature: 0.5 })))
    assert.equal(textOf(events), 'Hello!')
    assert.deepEqual(events[0], {
      type: 'accepted',
      peer: contributor.peer,
      route: 'relayed',
      model: 'scripted:1b'
    })
    const request = engine.requests[0] as InferenceRequest & { temperature: number }
    assert.equal(request.temperature, 0.5)
    assert.deepEqual(
      consumer.libp2p.getConnections().map((connection) => connection.limits),
      [undefined, undefined]
    )
  })

  it('is settled: a receipt that verifies, and opposite balances', async () => {
    const contributor = await contribute(new ScriptedEngine(() => say(['one', 'two'])))
    const consumer = await consume(1)
    const events = await collect(consumer.consumer.infer(ask('Hi')))
    const end = events.at(-1)
    assert.ok(end?.type === 'end' && end.receipt)
    const receipt = await open(RECEIPT, end.receipt)
    assert.equal(receipt.contributor, contributor.peer)
    assert.equal(receipt.consumer, consumer.peer)
    assert.equal(receipt.digest, SCRIPTED_MODEL.digest)
    assert.equal(receipt.credits, 7 * PROMPT_PRICE + 2 * COMPLETION_PRICE)
    await idle(contributor)
    const [earned, spent] = [await contributor.ledger.balance(), await consumer.ledger.balance()]
    assert.equal(earned.net, receipt.credits)
    assert.equal(earned.claimed, 0)
    assert.equal(spent.net, -receipt.credits)
    assert.equal((await contributor.ledger.verify()).entries, 3)
    assert.equal((await consumer.ledger.verify()).entries, 3)
  })

  it('has a receipt at least every 512 tokens of a long answer', async () => {
    const words = Array.from({ length: 1300 }, (_, i) => `w${i} `)
    const contributor = await contribute(new ScriptedEngine(() => say(words)))
    const consumer = await consume(1)
    const events = await collect(consumer.consumer.infer(ask('Hi')))
    assert.equal(textOf(events), words.join(''))
    const receipts = (await consumer.ledger.list()).filter(({ kind }) => kind === 'receipt').reverse()
    const counts = await Promise.all(
      receipts.map(async ({ record }) => (await open(RECEIPT, record)).completionTokens)
    )
    assert.deepEqual(counts, [512, 1024, 1300])
    await idle(contributor)
    assert.equal((await contributor.ledger.balance()).earned, 7 * PROMPT_PRICE + 1300 * COMPLETION_PRICE)
  })

  it('goes to another contributor when the first fails before its first token', async () => {
    const broken: Script = async function* () {
      await Promise.reject(new EngineFailedError('out of memory'))
      yield* say([])
    }
    const failing = [new ScriptedEngine(broken), new ScriptedEngine(broken)]
    for (const engine of failing) await contribute(engine)
    const mended = new ScriptedEngine(broken)
    const working = await contribute(mended)
    const consumer = await consume(3)
    await assert.rejects(collect(consumer.consumer.infer(ask('Hi'))), EngineFailedError)
    assert.deepEqual(
      [...failing, mended].map(({ started }) => started),
      [1, 1, 1]
    )
    mended.script = () => say(['fine'])
    for (let i = 0; i < 8; i++) {
      // Other questions each time: a session stays with the peer that answered it.
      const events = await collect(consumer.consumer.infer(ask(`Hi ${i}`)))
      assert.equal(textOf(events), 'fine')
      assert.equal(events.findLast((event) => event.type === 'accepted')?.peer, working.peer)
    }
    // Two failures in a row, and a contributor is left out for a while.
    assert.ok(failing.every(({ started }) => started <= 2))
  })

  it('stops the engine within 50 ms of a cancel, and pays for exactly what was delivered', async () => {
    const engine = new ScriptedEngine(endless)
    const contributor = await contribute(engine)
    const consumer = await consume(1)
    const abort = new AbortController()
    let delivered = 0
    let cancelledAt = 0
    await assert.rejects(
      async () => {
        for await (const event of consumer.consumer.infer(ask('Hi'), { signal: abort.signal })) {
          if (event.type === 'delta' && ++delivered === 10) {
            cancelledAt = performance.now()
            abort.abort()
          }
        }
      },
      { name: 'AbortError' }
    )
    await until(() => engine.finished === 1)
    assert.ok(engine.finishedAt - cancelledAt < 50, `took ${engine.finishedAt - cancelledAt} ms`)
    await idle(contributor)
    const balance = await contributor.ledger.balance()
    assert.equal(balance.claimed, 0)
    assert.ok(balance.earned >= 10 * COMPLETION_PRICE && balance.earned <= 40 * COMPLETION_PRICE)
    assert.equal((await consumer.ledger.balance()).spent, balance.earned)
  })

  it('stops the engine when the consumer is lost, and keeps its claim', async () => {
    const engine = new ScriptedEngine(endless)
    const contributor = await contribute(engine)
    const consumer = await consume(1)
    let delivered = 0
    await assert.rejects(async () => {
      for await (const event of consumer.consumer.infer(ask('Hi'))) {
        // A consumer that is only cut off meets the contributor again, and pays.
        if (event.type === 'delta' && ++delivered === 10) await consumer.libp2p.stop()
      }
    }, PeerLostError)
    await until(() => engine.finished === 1)
    await idle(contributor)
    const { claimed, earned } = await contributor.ledger.balance()
    assert.ok(claimed >= 10 * COMPLETION_PRICE)
    assert.equal(earned, 0)
  })

  for (const [name, lose] of [
    ['relay', (relay: Lobstah) => relay.stop()],
    ['contributor', (_relay: Lobstah, contributor: Lobstah) => contributor.libp2p.stop()]
  ] as const) {
    it(`says that the peer is lost when the ${name} goes in mid-stream, and never ends cleanly`, async () => {
      const contributor = await contribute(new ScriptedEngine(endless))
      const consumer = await consume(1)
      const [relay] = mesh.nodes
      let delivered = 0
      await assert.rejects(async () => {
        for await (const event of consumer.consumer.infer(ask('Hi'))) {
          assert.notEqual(event.type, 'end')
          if (event.type === 'delta' && ++delivered === 10) await lose(relay!, contributor)
        }
      }, PeerLostError)
    })
  }

  it('says that the engine failed when it fails in mid-stream', async () => {
    const engine = new ScriptedEngine(async function* () {
      yield { type: 'delta', delta: { content: 'a', tokens: 1 } }
      throw new EngineFailedError('out of memory')
    })
    await contribute(engine)
    const consumer = await consume(1)
    await assert.rejects(collect(consumer.consumer.infer(ask('Hi'))), EngineFailedError)
    engine.script = async function* () {
      yield { type: 'delta', delta: { content: 'a', tokens: 1 } }
    }
    await assert.rejects(collect(consumer.consumer.infer(ask('Hi'))), EngineFailedError)
  })

  it('waits in the queue, and is refused as busy when that is full', async () => {
    const gate = Promise.withResolvers<void>()
    const engine = new ScriptedEngine(async function* () {
      await gate.promise
      yield* say(['done'])
    })
    await contribute(engine, { slots: 1, queue: 1 })
    const consumer = await consume(1)
    const first = collect(consumer.consumer.infer(ask('1')))
    await until(() => engine.started === 1)
    const waiting = consumer.consumer.infer(ask('2'))[Symbol.asyncIterator]()
    assert.equal(((await waiting.next()).value as AnswerEvent).type, 'accepted')
    const place = { type: 'status', phase: 'queued', position: 1 }
    assert.deepEqual((await waiting.next()).value, place)
    await assert.rejects(collect(consumer.consumer.infer(ask('3'))), BusyError)
    gate.resolve()
    assert.equal(textOf(await first), 'done')
    assert.equal(((await waiting.next()).value as AnswerEvent).type, 'delta')
  })

  it('is heard of while nothing comes: status frames before the first token', async () => {
    const gate = Promise.withResolvers<void>()
    await contribute(
      new ScriptedEngine(async function* () {
        await gate.promise
        yield* say(['done'])
      })
    )
    const consumer = await consume(1)
    const seen: string[] = []
    for await (const event of consumer.consumer.infer(ask('Hi'))) {
      seen.push(event.type)
      if (event.type === 'status') gate.resolve()
    }
    assert.deepEqual(seen, ['accepted', 'status', 'delta', 'end'])
  })

  it('says which is missing: the model, or anybody at all', async () => {
    const lonely = await mesh.node()
    await assert.rejects(collect(lonely.consumer.infer(ask('Hi'))), NoProviderError)
    await contribute(new ScriptedEngine(() => say(['x'])))
    const consumer = await consume(1)
    await assert.rejects(
      collect(consumer.consumer.infer(ask('Hi', { model: 'unheard-of' }))),
      ModelNotFoundError
    )
  })

  it('is answered by the own engine first, without order or receipt, and by the mesh when that is busy', async () => {
    const gate = Promise.withResolvers<void>()
    const own = new ScriptedEngine(async function* () {
      await gate.promise
      yield* say(['own'])
    })
    await contribute(new ScriptedEngine(() => say(['theirs'])))
    const node = await mesh.node({ bootstrap, engine: own, slots: 1 })
    await contributorsKnown(node, 1)
    const first = collect(node.consumer.infer(ask('Hi')))
    await until(() => own.started === 1)
    assert.equal(textOf(await collect(node.consumer.infer(ask('Hi')))), 'theirs')
    gate.resolve()
    const events = await first
    assert.equal(textOf(events), 'own')
    assert.deepEqual(events[0], { type: 'accepted', peer: node.peer, route: 'local', model: 'scripted:1b' })
    assert.equal((await node.ledger.list()).filter(({ kind }) => kind === 'order').length, 1)
  })

  it('is refused beyond the credit line, and says balance and limit', async () => {
    await contribute(new ScriptedEngine(() => say(['word'])), { creditLine: () => 11_000_000 })
    const consumer = await consume(1)
    const question = ask('Hi', { max_tokens: 1 })
    await collect(consumer.consumer.infer(question))
    await assert.rejects(collect(consumer.consumer.infer(question)), {
      name: 'CreditExhaustedError',
      message: /owe this contributor 2\.75 credits; .* is 11 credits\. The next step needs 9 credits\./
    })
  })

  it('ends at the credit line with a receipt over what was served, and says so', async () => {
    const endless: Script = async function* (_request, signal) {
      while (!signal.aborted) yield { type: 'delta', delta: { content: 'word ', tokens: 1 } }
    }
    const contributor = await contribute(new ScriptedEngine(endless), { creditLine: () => 1_200_000_000 })
    const consumer = await consume(1)
    let tokens = 0
    const read = async (): Promise<void> => {
      for await (const event of consumer.consumer.infer(ask('Hi'))) if (event.type === 'delta') tokens++
    }
    await assert.rejects(read(), { name: 'CreditExhaustedError', message: /The next step needs 512 credits/ })
    assert.equal(tokens, 1024)
    await idle(contributor)
    const { earned, claimed } = await contributor.ledger.balance()
    assert.deepEqual([claimed, earned >= 1024 * 1_000_000], [0, true])
    assert.ok(earned <= 1_200_000_000)
    assert.equal((await consumer.ledger.balance()).spent, earned)
    assert.equal(contributor.ledger.owedBy(consumer.peer), earned)
  })

  it('embeds texts through the same order and receipt', async () => {
    const contributor = await contribute(new ScriptedEngine(() => say([])))
    const consumer = await consume(1)
    const events = await collect(
      consumer.consumer.infer({ kind: 'embedding', model: 'scripted:1b', input: ['a'] })
    )
    const [vector] = events.flatMap((event) => (event.type === 'delta' ? (event.delta.embeddings ?? []) : []))
    const bytes = Buffer.from(vector!.vector, 'base64')
    assert.deepEqual([bytes.readFloatLE(0), bytes.readFloatLE(4)], [0.5, -1])
    await idle(contributor)
    assert.equal((await contributor.ledger.balance()).earned, 3 * PROMPT_PRICE)
  })

  it('contacts nobody and listens nowhere until told to', async () => {
    const node = await mesh.node({ engine: new ScriptedEngine(() => say(['own'])) })
    assert.deepEqual(node.libp2p.getMultiaddrs(), [])
    assert.equal(node.libp2p.getConnections().length, 0)
    assert.ok(!node.libp2p.getProtocols().includes('/lobstah/chat/1.0.0'))
    assert.equal(textOf(await collect(node.consumer.infer(ask('Hi')))), 'own')
  })

  it('says goodbye: a contributor that stops is offered no more, and running answers finish', async () => {
    const engine = new ScriptedEngine(async function* () {
      for (const content of ['a', 'b', 'c']) {
        await delay(20)
        yield { type: 'delta', delta: { content, tokens: 1 } }
      }
      yield { type: 'end', finishReason: 'stop', usage: { promptTokens: 1, completionTokens: 3 } }
    })
    const contributor = await contribute(engine)
    const consumer = await consume(1)
    const running = collect(consumer.consumer.infer(ask('Hi')))
    await until(() => engine.started === 1)
    mesh.nodes.splice(mesh.nodes.indexOf(contributor), 1)
    const stopping = contributor.stop()
    await until(() => consumer.directory.contributors().length === 0)
    assert.equal(textOf(await running), 'abc')
    await stopping
  })
})
