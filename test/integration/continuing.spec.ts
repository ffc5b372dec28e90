import assert from 'node:assert/strict'
import type { EngineEvent } from '../../node/engines/engine.ts'
import type { Lobstah, LobstahInit } from '../../node/lobstah.ts'
import {
  EngineFailedError,
  RECEIPT,
  open,
  type AnswerEvent,
  type GenerateRequest,
  type InferOptions
} from '../../protocols/index.ts'
import { DishonestContributor } from '../support/dishonest-contributor.ts'
import { Mesh, addressesOf, ask, collect, contributorsKnown, textOf, until } from '../support/mesh.ts'
import { SCRIPTED_MODEL, ScriptedEngine, type Script } from '../support/scripted-engine.ts'

type End = Extract<AnswerEvent, { type: 'end' }>

/** Words of an answer, each a token. */
const WORDS = 60
const MODEL = { ...SCRIPTED_MODEL, capabilities: [...SCRIPTED_MODEL.capabilities, 'continue' as const] }
const WHOLE = Array.from({ length: WORDS }, (_, i) => (i === 0 ? 'w0' : ` w${i}`)).join('')

/** How many words a request has of the answer already. */
function wordsIn(request: GenerateRequest): number {
  if (request.kind === 'completion') return request.prompt.match(/w\d+/g)?.length ?? 0
  const last = request.messages.at(-1)
  if (request.continue_final_message !== true || last?.role !== 'assistant') return 0
  return last.content?.match(/w\d+/g)?.length ?? 0
}

/** Counts on from where the request is; half a word a delta, so that cuts fall into words too. */
function counting(during: (word: number) => Promise<void> = async () => undefined): Script {
  return async function* (request): AsyncGenerator<EngineEvent> {
    const from = wordsIn(request)
    for (let word = from; word < WORDS; word++) {
      const text = word === 0 ? 'w0' : ` w${word}`
      yield { type: 'delta', delta: { content: text.slice(0, -1), tokens: 1 } }
      await during(word)
      yield { type: 'delta', delta: { content: text.slice(-1), tokens: 0 } }
    }
    const usage = { promptTokens: 7 + from, completionTokens: WORDS - from }
    yield { type: 'end', finishReason: 'stop', usage }
  }
}

describe('an answer that outlives its contributor', () => {
  let mesh: Mesh
  let contributors: Lobstah[]
  let killed: Promise<void>[]
  /** The latest answer, as far as the client has it. */
  let seen: AnswerEvent[]

  beforeEach(() => {
    mesh = new Mesh()
    contributors = []
    killed = []
  })
  afterEach(async () => {
    await Promise.all([...killed, mesh.stop()])
  })

  async function contribute(
    script: Script,
    model = MODEL,
    init: Partial<LobstahInit> = {}
  ): Promise<Lobstah> {
    const node = await mesh.node({
      engine: new ScriptedEngine(script, [model]),
      contribute: true,
      listen: ['/ip4/127.0.0.1/tcp/0'],
      ...init
    })
    contributors.push(node)
    return node
  }

  async function consume(init: Partial<LobstahInit> = {}): Promise<Lobstah> {
    const node = await mesh.node({ bootstrap: contributors.flatMap(addressesOf), ...init })
    await contributorsKnown(node, contributors.length)
    return node
  }

  /** Goes without a word, as killed processes do. */
  async function kill(node: Lobstah): Promise<void> {
    // Data in flight is lost with it.
    await until(() => textOf(seen).includes('w15'))
    mesh.nodes.splice(mesh.nodes.indexOf(node), 1)
    for (const connection of node.libp2p.getConnections()) connection.abort(new RangeError('killed'))
    killed.push(node.stop())
    await until(() => node.libp2p.getConnections().length === 0)
  }

  /** Two contributors of which the one that is asked first comes to its end at a word. */
  async function twoOfWhich(
    ends: (first: Lobstah) => Promise<void>,
    at = 20,
    init: Partial<LobstahInit> = {}
  ): Promise<void> {
    let ended = false
    for (let i = 0; i < 2; i++) {
      const script = counting(async (word) => {
        if (word !== at || ended) return
        ended = true
        await ends(contributors[i]!)
      })
      await contribute(script, MODEL, init)
    }
  }

  async function answer(
    consumer: Lobstah,
    rest: object = {},
    options: InferOptions = {}
  ): Promise<AnswerEvent[]> {
    const events: AnswerEvent[] = (seen = [])
    for await (const event of consumer.consumer.infer(ask('Count', rest), options)) events.push(event)
    return events
  }

  function endOf(events: AnswerEvent[]): End {
    const ends = events.filter((event): event is End => event.type === 'end')
    assert.equal(ends.length, 1)
    return ends[0]!
  }

  it('goes on at another when its contributor is killed: one text, one end, one usage, all receipts', async () => {
    await twoOfWhich((first) => kill(first))
    const consumer = await consume()
    const events = await answer(consumer)
    assert.equal(textOf(events), WHOLE)
    const { finishReason, usage, receipt } = endOf(events)
    assert.deepEqual([finishReason, usage], ['stop', { promptTokens: 7, completionTokens: WORDS }])
    const { completionTokens } = await open(RECEIPT, receipt!)
    // The word in which the first was cut is written twice, and paid once: its receipt never came.
    assert.ok(completionTokens >= WORDS - 21 && completionTokens <= WORDS - 19, String(completionTokens))
    assert.deepEqual(
      events
        .filter(({ type }) => type === 'accepted')
        .map((event) => 'peer' in event && event.peer)
        .toSorted(),
      contributors.map(({ peer }) => peer).toSorted()
    )
  })

  it('carries the receipts of contributors that were paid before they were lost', async () => {
    const words = 600
    let lost = false
    const script: Script = async function* (request) {
      for (let word = wordsIn(request); word < words; word++) {
        if (word === 560 && !lost) {
          lost = true
          await until(
            async () =>
              (await contributors[0]!.ledger.balance()).earned > 0 ||
              (await contributors[1]!.ledger.balance()).earned > 0
          )
          throw new EngineFailedError('out of memory')
        }
        yield { type: 'delta', delta: { content: ` w${word}`, tokens: 1 } }
      }
      yield { type: 'end', finishReason: 'stop', usage: { promptTokens: 7, completionTokens: words } }
    }
    await contribute(script)
    await contribute(script)
    const consumer = await consume()
    const events = await answer(consumer)
    const { earlier = [], receipt } = endOf(events)
    const receipts = await Promise.all([...earlier, receipt!].map((record) => open(RECEIPT, record)))
    assert.deepEqual(
      receipts.map(({ contributor }) => contributor).toSorted(),
      contributors.map(({ peer }) => peer).toSorted()
    )
    assert.equal(receipts[0]?.completionTokens, 512)
  })

  it('goes on when the engine fails, and when the credit line is reached', async () => {
    await twoOfWhich(async () => {
      throw new EngineFailedError('out of memory')
    })
    assert.equal(textOf(await answer(await consume())), WHOLE)

    const lines = { creditLine: () => 1_100_000_000 }
    contributors = []
    const long: Script = async function* (request) {
      for (let word = wordsIn(request); word < 1500; word++)
        yield { type: 'delta', delta: { content: ` w${word}`, tokens: 1 } }
      yield { type: 'end', finishReason: 'stop', usage: { promptTokens: 7, completionTokens: 1500 } }
    }
    await contribute(long, MODEL, lines)
    await contribute(long, MODEL, lines)
    const text = textOf(await answer(await consume()))
    assert.equal(text, Array.from({ length: 1500 }, (_, i) => ` w${i}`).join(''))
  })

  it('goes on within 3 s when the contributor freezes', async () => {
    const frozen = await DishonestContributor.start(['chat', 'tools', 'continue'])
    try {
      await contribute(counting())
      frozen.act = async (sale) => {
        await sale.accept()
        for (const word of ['w0', ' w1', ' w2']) await sale.delta(word)
        await new Promise(() => undefined)
      }
      const consumer = await mesh.node({
        bootstrap: [...addressesOf(contributors[0]!), ...frozen.libp2p.getMultiaddrs().map(String)]
      })
      await contributorsKnown(consumer, 2)
      const rest = { tools: [{ type: 'function', function: { name: 'f' } }] }
      assert.equal(textOf(await answer(consumer, rest)), WHOLE)
      assert.equal(frozen.sales.length, 1)
    } finally {
      await frozen.stop()
    }
  })

  it('goes on although the next contributor calls the request wrong', async () => {
    const liar = await DishonestContributor.start(['chat', 'tools', 'continue'])
    try {
      let failed = false
      const script = counting(async (word) => {
        if (word !== 20 || failed) return
        failed = true
        throw new EngineFailedError()
      })
      liar.act = (sale) => sale.send({ type: 'error', code: 'bad_request', message: 'no', retryable: false })
      await contribute(script)
      await contribute(script)
      const bootstrap = [...contributors.flatMap(addressesOf), ...liar.libp2p.getMultiaddrs().map(String)]
      const consumer = await mesh.node({ bootstrap })
      await contributorsKnown(consumer, 3)
      const rest = { tools: [{ type: 'function', function: { name: 'f' } }] }
      for (let i = 0; i < 4; i++) {
        failed = false
        assert.equal(textOf(await answer(consumer, rest)), WHOLE)
      }
    } finally {
      await liar.stop()
    }
  })

  it('keeps to what is left of max_tokens, and is over where nothing is', async () => {
    let calls = 0
    const limits: (number | undefined)[] = []
    const script: Script = async function* (request) {
      limits.push(request.max_tokens)
      const from = wordsIn(request)
      const to = calls++ === 0 ? 8 : from + (request.max_tokens ?? 0)
      for (let word = from; word < to; word++)
        yield { type: 'delta', delta: { content: ` w${word}`, tokens: 1 } }
      if (calls !== 2) throw new EngineFailedError()
      yield { type: 'end', finishReason: 'length', usage: { promptTokens: 7, completionTokens: to - from } }
    }
    await contribute(script)
    await contribute(script)
    const consumer = await consume()
    const first = endOf(await answer(consumer, { max_tokens: 20 }))
    assert.deepEqual(limits, [20, 13])
    assert.deepEqual([first.finishReason, first.usage.completionTokens], ['length', 20])
    const second = endOf(await answer(consumer, { max_tokens: 5 }))
    assert.deepEqual([second.finishReason, second.usage.completionTokens, calls], ['length', 5, 3])
  })

  it('asks no model with other weights, unless the node allows it', async () => {
    const other = { ...MODEL, digest: `sha256:${'6'.repeat(64)}` }
    await contribute(
      counting(async (word) => {
        if (word === 20) throw new EngineFailedError('out of memory')
      })
    )
    await contribute(counting(), other)
    const strict = await consume()
    // The one that fails is the only one with these weights, or the other answers alone.
    const settled = await Promise.allSettled(Array.from({ length: 12 }, () => answer(strict)))
    const failures = settled.filter((each) => each.status === 'rejected')
    for (const { reason } of failures)
      assert.match(
        String(reason),
        /out of memory\. No other contributor can go on .* continue_final_message: true/
      )
    assert.ok(failures.length > 0, 'nobody asked the first')
    const lenient = await consume({ resume: 'same-name' })
    for (const events of await Promise.all(Array.from({ length: 12 }, () => answer(lenient))))
      assert.equal(textOf(events), WHOLE)
  })

  it('is not continued where the node or the request does not want it', async () => {
    await twoOfWhich(async () => {
      throw new EngineFailedError('out of memory')
    })
    const consumer = await consume()
    await assert.rejects(answer(consumer, {}, { resume: false }), { message: 'out of memory' })
  })

  it('says what a client can do where nobody can go on', async () => {
    await contribute(
      counting(async (word) => {
        if (word === 20) throw new EngineFailedError('out of memory')
      })
    )
    await assert.rejects(answer(await consume()), {
      message: /^out of memory\. No other contributor can go on with the answer now\. To go on later, send/
    })
  })

  it('asks once more, from the end, where the second begins with another word', async () => {
    let calls = 0
    const script: Script = async function* (request) {
      const call = calls++
      const from = wordsIn(request)
      yield {
        type: 'delta',
        delta: { content: from === 0 ? 'w0 w1 w2' : call === 1 ? ' other' : ' w3 w4', tokens: 3 }
      }
      if (call === 0) throw new EngineFailedError('out of memory')
      yield { type: 'end', finishReason: 'stop', usage: { promptTokens: 7, completionTokens: 2 } }
    }
    await contribute(script)
    await contribute(script)
    assert.equal(textOf(await answer(await consume())), 'w0 w1 w2 w3 w4')
    assert.equal(calls, 3)
  })

  it('continues a completion on any engine', async () => {
    const plain = SCRIPTED_MODEL
    let failed = false
    for (let i = 0; i < 2; i++) {
      await contribute(
        counting(async (word) => {
          if (word !== 20 || failed) return
          failed = true
          throw new EngineFailedError()
        }),
        plain
      )
    }
    const consumer = await consume()
    const request = { kind: 'completion' as const, model: plain.id, prompt: 'Count' }
    assert.equal(textOf(await collect(consumer.consumer.infer(request))), WHOLE)
  })
})
