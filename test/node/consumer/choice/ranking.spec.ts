import assert from 'node:assert/strict'
import { findModel } from '../../../../node/consumer/choice/fitness.ts'
import { judge } from '../../../../node/consumer/choice/judge.ts'
import type { Candidate } from '../../../../node/consumer/choice/judged.ts'
import { rank } from '../../../../node/consumer/choice/ranking.ts'
import type { InferenceRequest, OfferedModel, Route } from '../../../../protocols/index.ts'
import { MODEL, REQUEST } from '../../../support/records.ts'

/** A pace of which nothing but the speed of writing differs. */
const writes = (writeMs: number): Pick<Candidate, 'pace'> => ({
  pace: { startMs: 50, readMs: 1, writeMs, evidence: 9 }
})

function candidate(
  peer: string,
  changes: Partial<Candidate> & { route?: Route; capabilities?: string[] } = {}
): Candidate {
  const { route = 'direct', capabilities = ['chat'], ...rest } = changes
  return {
    provider: { peer, route },
    model: { ...MODEL, capabilities },
    contextLength: MODEL.contextLength,
    load: 0,
    firstTokenMs: 100,
    excluded: false,
    ...writes(20),
    ...rest
  }
}

/** Chances by which no unknown peer is tried out of turn, and the best is always one of the two. */
const settled = (): number => 0.99

/** The order of peers. */
function ranked(candidates: Candidate[], request: InferenceRequest = REQUEST): string[] {
  return rank(candidates, request, settled).map(({ provider }) => provider.peer)
}

const chat = (rest: object): InferenceRequest => ({ ...REQUEST, ...rest })
const prompt = (tokens: number): InferenceRequest =>
  chat({ messages: [{ role: 'user', content: 'abc '.repeat(tokens) }] })

describe('node/consumer/choice/ranking', () => {
  it("asks this node's own engine while it has a free slot, unless another is four times as fast", () => {
    const own = (rest: Partial<Candidate> = {}): Candidate =>
      candidate('own', { route: 'local', ...writes(60), ...rest })
    assert.deepEqual(ranked([candidate('fast'), own()]), ['own', 'fast'])
    assert.deepEqual(ranked([candidate('fast'), own(writes(120))]), ['fast', 'own'])
    assert.deepEqual(ranked([candidate('fast'), own({ load: 1 })]), ['fast', 'own'])
  })

  it('asks the cheaper among equals, and a dearer one where it is as much faster', () => {
    const at = (completion: number): { model: OfferedModel } => ({
      model: { ...MODEL, capabilities: ['chat'], price: { prompt: completion / 4, completion } }
    })
    const cheap = candidate('cheap', at(1000))
    assert.deepEqual(ranked([candidate('dear', at(1500)), cheap]), ['cheap', 'dear'])
    assert.deepEqual(ranked([cheap, candidate('dear', { ...at(1500), ...writes(10) })]), ['dear', 'cheap'])
    assert.deepEqual(ranked([candidate('pads', { ...at(1000), billing: 1.3 }), cheap]), ['cheap', 'pads'])
  })

  it('waits no longer for a free peer than the most that a price weighs', () => {
    const free = { model: { ...MODEL, capabilities: ['chat'], price: { prompt: 0, completion: 0 } } }
    assert.deepEqual(ranked([candidate('free', { ...free, ...writes(70) }), candidate('dear')]), [
      'free',
      'dear'
    ])
    assert.deepEqual(ranked([candidate('free', { ...free, ...writes(100) }), candidate('dear')]), [
      'dear',
      'free'
    ])
  })

  it('asks the one that is expected to finish first, whatever it is that takes the others longer', () => {
    const best = candidate('best')
    const loads = (loaded: boolean, size: number): { model: OfferedModel } => ({
      model: { ...MODEL, capabilities: ['chat'], loaded, size }
    })
    for (const slower of [
      { load: 1 },
      { load: 3, slots: 4 },
      writes(30),
      { pace: { startMs: 50, readMs: 5, writeMs: 20, evidence: 9 } },
      { pace: { startMs: 3000, readMs: 1, writeMs: 20, evidence: 9 } },
      { route: 'relayed' as const, roundTripMs: 800 },
      { roundTripMs: 800 },
      loads(false, 5e9),
      { failureRate: 0.5 },
      { firstTokenMs: null, standing: 'evasive' as const },
      { failing: true }
    ])
      assert.deepEqual(ranked([candidate('slower', slower), best], prompt(1000)), ['best', 'slower'])
    assert.deepEqual(
      ranked([candidate('loaded', loads(true, 5e9)), candidate('slow', writes(30))])[0],
      'loaded'
    )
  })

  it('waits for a fast peer that is full where that is sooner than a slow one that is free', () => {
    const full = candidate('full', { load: 1, slots: 1, ...writes(5) })
    assert.deepEqual(ranked([full, candidate('free', writes(60))]), ['full', 'free'])
    assert.deepEqual(ranked([{ ...full, load: 9 }, candidate('free', writes(60))]), ['free', 'full'])
  })

  it('counts what a peer holds of a prompt by the time it takes to read', () => {
    const warm = candidate('warm', { warmTokens: 20_000, contextLength: null, ...writes(30) })
    const cold = candidate('cold', { contextLength: null })
    assert.deepEqual(ranked([cold, warm], prompt(20_100)), ['warm', 'cold'])
    assert.deepEqual(ranked([cold, { ...warm, warmTokens: 200 }], prompt(300)), ['cold', 'warm'])
    assert.deepEqual(ranked([cold, { ...warm, load: 9 }], prompt(20_100)), ['cold', 'warm'])
  })

  it('prefers friends and creditors to strangers that are a little faster', () => {
    const fast = candidate('stranger', writes(18))
    assert.deepEqual(ranked([fast, candidate('friend', { relation: 'friend' })]), ['friend', 'stranger'])
    assert.deepEqual(
      ranked([fast, candidate('friend', { relation: 'friend', ...writes(40) })])[0],
      'stranger'
    )
    assert.deepEqual(ranked([candidate('s'), candidate('c', { relation: 'creditor' })])[0], 'c')
    assert.deepEqual(ranked([candidate('s'), candidate('m', { relation: 'member' })])[0], 'm')
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
      const able = candidate('able', { load: 5, ...writes(90), capabilities: ['chat', capability] })
      const own = candidate('own', { route: 'local' })
      assert.deepEqual(ranked([own, able], request), ['able', 'own'])
      assert.deepEqual(ranked([own, able]), ['own', 'able'])
    })
  }

  it('goes by the kind of the request', () => {
    const embedding: InferenceRequest = { kind: 'embedding', model: 'm', input: ['x'] }
    const able = candidate('able', { load: 5, capabilities: ['embedding'] })
    assert.deepEqual(ranked([candidate('chat'), able], embedding), ['able', 'chat'])
  })

  it('asks only those whose context holds the prompt, and the answer too where one does', () => {
    const small = candidate('small', { contextLength: 8192, ...writes(1) })
    const large = candidate('large', { contextLength: 131_072, load: 3, ...writes(90) })
    const long = chat({ messages: [{ role: 'user', content: 'word '.repeat(19_000) }] })
    assert.deepEqual(ranked([small, large], long), ['large'])
    assert.deepEqual(ranked([small, large], chat({ max_tokens: 16_000 })), ['large'])
    assert.deepEqual(ranked([small, large]), ['small', 'large'])
    const unknown = candidate('unknown', { contextLength: null, load: 5 })
    assert.deepEqual(ranked([small, unknown], long), ['unknown'])
    const larger = candidate('larger', { contextLength: 18_000, load: 5 })
    assert.deepEqual(ranked([small, larger], long), ['larger'])
    const [judged] = judge([small], long)
    assert.deepEqual(judged?.exclusions, ['context'])
  })

  it('lets a large context that only refuses keep no request from the others', () => {
    const small = candidate('small')
    const large = candidate('large', { contextLength: 131_072, firstTokenMs: null, standing: 'evasive' })
    const request = chat({ max_tokens: 16_000 })
    assert.deepEqual(ranked([small, large], request), ['small', 'large'])
    assert.deepEqual(ranked([small, candidate('large', { contextLength: 131_072, tried: true })], request), [
      'small'
    ])
  })

  it('gives a bounded part of the requests to peers whose pace is unknown', () => {
    const unknown = candidate('unknown', { firstTokenMs: null, pace: undefined })
    const known = candidate('known', writes(1))
    let seed = 1
    const random = (): number => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647
    const part = (count: number): number => {
      const all = [unknown, ...Array.from({ length: count }, () => known)]
      const first = Array.from({ length: 5000 }, () => rank(all, REQUEST, random)[0])
      return first.filter((chosen) => chosen === unknown).length / first.length
    }
    const [few, many] = [part(1), part(16)]
    assert.ok(few > 0.15 && few < 0.22, `${few}`)
    assert.ok(many > 0.01 && many < 0.03, `${many}`)
    assert.equal(rank([known, { ...unknown, load: 1 }], REQUEST, () => 0)[0], known)
    assert.equal(rank([{ ...known, warmTokens: 1000 }, unknown], REQUEST, () => 0)[0]?.warmTokens, 1000)
    const own = candidate('own', { route: 'local' })
    assert.equal(rank([own, unknown], REQUEST, () => 0)[0], own)
  })

  it('spreads requests over equals, to the less loaded of two', () => {
    const equals = [candidate('a'), candidate('b'), candidate('c')]
    const first = new Set(Array.from({ length: 200 }, () => rank(equals, REQUEST)[0]?.provider.peer))
    assert.deepEqual([...first].sort(), ['a', 'b', 'c'])
  })

  it('finds a model by any of its names', () => {
    const latest = { ...MODEL, id: 'llama3.2:latest' }
    assert.equal(findModel([MODEL, latest], ' llama3.2 '), latest)
    assert.equal(findModel([MODEL, latest], 'llama3.2:3b'), undefined)
  })
})
