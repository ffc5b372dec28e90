import assert from 'node:assert/strict'
import { findModel, rank, type Candidate } from '../../../../node/consumer/choice/ranking.ts'
import type { InferenceRequest, OfferedModel, Route } from '../../../../protocols/index.ts'
import { MODEL, REQUEST } from '../../../support/records.ts'

function candidate(
  peer: string,
  changes: Partial<Candidate> & { route?: Route; capabilities?: string[] } = {}
): Candidate {
  const { route = 'direct', capabilities = ['chat'], ...rest } = changes
  const model: OfferedModel = { ...MODEL, capabilities }
  const provider = {
    peer,
    route,
    models: () => [model],
    async *infer() {
      // Never asked here.
    }
  }
  return {
    provider,
    model,
    contextLength: model.contextLength,
    load: 0,
    firstTokenMs: 100,
    excluded: false,
    ...rest
  }
}

/** Chances by which no unknown peer is tried out of turn. */
const settled = (): number => 0.5 + Math.random() / 2

/** The order of peers, which is the same each time although ties are broken at random. */
function ranked(candidates: Candidate[], request: InferenceRequest = REQUEST): string[] {
  const orders = Array.from({ length: 20 }, () =>
    rank(candidates, request, settled).map(({ provider }) => provider.peer)
  )
  for (const order of orders) assert.deepEqual(order, orders[0])
  return orders[0]!
}

const chat = (rest: object): InferenceRequest => ({ ...REQUEST, ...rest })

describe('node/consumer/choice/ranking', () => {
  it("asks this node's own engine first while it has a free slot", () => {
    const fast = candidate('fast', { firstTokenMs: 1 })
    assert.deepEqual(ranked([fast, candidate('own', { route: 'local', firstTokenMs: 900, load: 0.5 })]), [
      'own',
      'fast'
    ])
    assert.deepEqual(ranked([candidate('own', { route: 'local', firstTokenMs: 900, load: 1 }), fast]), [
      'fast',
      'own'
    ])
  })

  it('asks the cheaper among equals, and a dearer one where it is as much faster', () => {
    const at = (completion: number): { model: OfferedModel } => ({
      model: { ...MODEL, capabilities: ['chat'], price: { prompt: completion / 4, completion } }
    })
    const cheap = candidate('cheap', at(1000))
    assert.deepEqual(ranked([candidate('dear', at(1500)), cheap]), ['cheap', 'dear'])
    assert.deepEqual(ranked([cheap, candidate('dear', { ...at(1500), firstTokenMs: 50 })]), ['dear', 'cheap'])
    assert.deepEqual(ranked([candidate('pads', { ...at(1000), billing: 1.3 }), cheap]), ['cheap', 'pads'])
  })

  it('waits no longer for a free peer than the most that a price weighs', () => {
    const free = { model: { ...MODEL, capabilities: ['chat'], price: { prompt: 0, completion: 0 } } }
    assert.deepEqual(ranked([candidate('free', { ...free, firstTokenMs: 300 }), candidate('dear')]), [
      'free',
      'dear'
    ])
    assert.deepEqual(ranked([candidate('free', { ...free, firstTokenMs: 500 }), candidate('dear')]), [
      'dear',
      'free'
    ])
  })

  it('asks the less loaded, the faster and the direct before others', () => {
    assert.deepEqual(ranked([candidate('full', { load: 2 }), candidate('free')]), ['free', 'full'])
    assert.deepEqual(ranked([candidate('slow', { firstTokenMs: 200 }), candidate('fast')]), ['fast', 'slow'])
    assert.deepEqual(ranked([candidate('relayed', { route: 'relayed' }), candidate('direct')]), [
      'direct',
      'relayed'
    ])
  })

  it('tries one that it does not know before slow ones, after fast ones', () => {
    const unknown = candidate('unknown', { firstTokenMs: null })
    const order = ranked([
      candidate('slow', { firstTokenMs: 900 }),
      unknown,
      candidate('fast', { firstTokenMs: 100 })
    ])
    assert.deepEqual(order, ['fast', 'unknown', 'slow'])
  })

  it('asks those that failed lately last, whatever else speaks for them', () => {
    const excluded = candidate('own', {
      route: 'local',
      firstTokenMs: 1,
      capabilities: ['chat', 'tools'],
      excluded: true
    })
    assert.deepEqual(ranked([excluded, candidate('other', { load: 9, route: 'relayed' })]), ['other', 'own'])
  })

  for (const [capability, request] of [
    ['tools', chat({ tools: [{ type: 'function', function: { name: 'f' } }] })],
    ['tool_choice', chat({ tool_choice: 'required' })],
    ['tool_choice', chat({ tool_choice: { type: 'function', function: { name: 'f' } } })],
    ['json_object', chat({ response_format: { type: 'json_object' } })],
    [
      'json_schema',
      chat({ response_format: { type: 'json_schema', json_schema: { name: 'a', schema: {} } } })
    ],
    [
      'vision',
      chat({ messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:' } }] }] })
    ],
    ['logprobs', chat({ top_logprobs: 0 })]
  ] as const) {
    it(`asks those that can do what is asked first: ${capability} for ${JSON.stringify(request).slice(20, 90)}`, () => {
      const able = candidate('able', { load: 5, firstTokenMs: 900, capabilities: ['chat', capability] })
      const own = candidate('own', { route: 'local' })
      assert.deepEqual(ranked([own, able], request), ['able', 'own'])
      assert.deepEqual(ranked([own, able]), ['own', 'able'])
    })
  }

  it('asks those first whose context holds the prompt, then the answer too', () => {
    const small = candidate('small', { contextLength: 8192, firstTokenMs: 1 })
    const large = candidate('large', { contextLength: 131_072, load: 3, firstTokenMs: 900 })
    const long = chat({ messages: [{ role: 'user', content: 'word '.repeat(19_000) }] })
    assert.deepEqual(ranked([small, large], long), ['large', 'small'])
    assert.deepEqual(ranked([small, large], chat({ max_tokens: 16_000 })), ['large', 'small'])
    assert.deepEqual(ranked([small, large]), ['small', 'large'])
    const unknown = candidate('unknown', { contextLength: null, load: 5 })
    assert.deepEqual(ranked([small, unknown], long), ['unknown', 'small'])
    const larger = candidate('larger', { contextLength: 9000, load: 5, excluded: true })
    assert.deepEqual(ranked([small, larger], long), ['larger', 'small'])
  })

  it('asks a full peer after a free one, however slow', () => {
    const full = candidate('full', { load: 1, firstTokenMs: 1 })
    assert.deepEqual(ranked([full, candidate('free', { firstTokenMs: 60_000 })]), ['free', 'full'])
  })

  it('gives a part of the requests to a peer that was never asked', () => {
    const unknown = candidate('unknown', { firstTokenMs: null })
    const known = candidate('known', { firstTokenMs: 1 })
    assert.equal(rank([known, unknown], REQUEST, () => 0.19)[0], unknown)
    assert.equal(rank([known, unknown], REQUEST, () => 0.21)[0], known)
    const full = candidate('full', { firstTokenMs: null, load: 1 })
    assert.equal(rank([known, full], REQUEST, () => 0)[0], known)
  })

  it('goes by the kind of the request', () => {
    const embedding: InferenceRequest = { kind: 'embedding', model: 'm', input: ['x'] }
    const able = candidate('able', { load: 5, capabilities: ['embedding'] })
    assert.deepEqual(ranked([candidate('chat'), able], embedding), ['able', 'chat'])
  })

  it('spreads requests over equals', () => {
    const equals = [candidate('a'), candidate('b')]
    const first = new Set(Array.from({ length: 100 }, () => rank(equals, REQUEST)[0]?.provider.peer))
    assert.deepEqual([...first].sort(), ['a', 'b'])
  })

  it('finds a model by any of its names', () => {
    const latest = { ...MODEL, id: 'llama3.2:latest' }
    assert.equal(findModel([MODEL, latest], ' llama3.2 '), latest)
    assert.equal(findModel([MODEL, latest], 'llama3.2:3b'), undefined)
  })
})
