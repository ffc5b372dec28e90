import assert from 'node:assert/strict'
import { contextNeed } from '../../../../node/consumer/choice/context.ts'
import { judge } from '../../../../node/consumer/choice/judge.ts'
import type { Candidate, Relation } from '../../../../node/consumer/choice/judged.ts'
import { rank } from '../../../../node/consumer/choice/ranking.ts'
import type { InferenceRequest } from '../../../../protocols/index.ts'
import { MODEL } from '../../../support/records.ts'
import { seeded } from '../../../simulator/simulate.ts'

const RELATIONS: Relation[] = ['friend', 'creditor', 'member', 'stranger']
const STANDINGS = ['proven', 'unproven', 'evasive'] as const

/** A candidate of which everything is drawn by lot. */
function drawn(peer: string, random: () => number): Candidate {
  const one = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)]!
  const seldom = (): boolean => random() < 0.25
  const rate = 10 ** (random() * 6 - 3)
  return {
    provider: { peer, route: one(['direct', 'relayed']) },
    model: {
      ...MODEL,
      loaded: seldom(),
      price: { prompt: Math.floor(random() * 9), completion: Math.floor(random() * 9) }
    },
    contextLength: one([null, 64, 512, 4096, 32_768]),
    load: random() * 4,
    slots: one([1, 4]),
    firstTokenMs: seldom() ? null : random() * 2000,
    pace: { startMs: random() * rate, readMs: rate / 50, writeMs: rate, evidence: random() * 2 },
    roundTripMs: random() * 300,
    excluded: seldom(),
    failing: seldom(),
    failureRate: random(),
    standing: one(STANDINGS),
    relation: one(RELATIONS),
    allowed: !seldom(),
    tooDear: seldom(),
    continues: !seldom(),
    tried: seldom(),
    warmTokens: seldom() ? 100_000 : 0
  }
}

describe('node/consumer/choice/judge, whatever the terms', () => {
  it('never has a candidate asked that is excluded', () => {
    const random = seeded(5)
    const seen = new Set<string>()
    for (let round = 0; round < 5000; round++) {
      const request: InferenceRequest = {
        kind: 'completion',
        model: MODEL.id,
        prompt: 'abc '.repeat(Math.floor(10 ** (random() * 4.5))),
        max_tokens: Math.floor(10 ** (random() * 4)) + 1
      }
      const candidates = Array.from({ length: 1 + Math.floor(random() * 8) }, (_, i) =>
        drawn(`p${i}`, random)
      )
      const { prompt, answer } = contextNeed(request)
      const fits = ({ contextLength }: Candidate): boolean =>
        contextLength === null || prompt + answer <= contextLength
      const ranked = rank(candidates, request, random)
      const roomy = ranked.some((candidate) => fits(candidate) && candidate.standing !== 'evasive')
      for (const candidate of ranked) {
        const { excluded, allowed, tooDear, continues, tried, contextLength } = candidate
        assert.deepEqual([excluded, allowed, tooDear, continues, tried], [false, true, false, true, false])
        assert.ok(contextLength === null || prompt / 2 < contextLength, 'surely too small')
        if (roomy && candidate.failing !== true && !ranked.every(({ failing }) => failing))
          assert.ok(
            fits(candidate) ||
              !ranked.some((other) => fits(other) && other.failing !== true && other.standing !== 'evasive')
          )
      }
      for (const { exclusions } of judge(candidates, request))
        for (const reason of exclusions) seen.add(reason)
    }
    assert.deepEqual([...seen].sort(), [
      'context',
      'continue',
      'not_allowed',
      'price',
      'tried',
      'unreachable'
    ])
  })
})
