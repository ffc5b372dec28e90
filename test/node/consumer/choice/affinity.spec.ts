import assert from 'node:assert/strict'
import { Affinity, sessionOf } from '../../../../node/consumer/choice/affinity.ts'
import { rank, type Candidate } from '../../../../node/consumer/choice/ranking.ts'
import type { ChatMessage, InferenceRequest, Route } from '../../../../protocols/index.ts'
import { MODEL, REQUEST } from '../../../support/records.ts'

const SYSTEM: ChatMessage = { role: 'system', content: 'You are an agent.' }

function turn(...contents: string[]): InferenceRequest {
  return {
    kind: 'chat',
    model: 'm',
    messages: [SYSTEM, ...contents.map((content): ChatMessage => ({ role: 'user', content }))]
  }
}

describe('node/consumer/choice/affinity', () => {
  it('knows a session by how its prompt begins, however it goes on', () => {
    const session = sessionOf(turn('Hello'))
    assert.equal(sessionOf(turn('Hello', 'And then?')), session)
    assert.notEqual(sessionOf(turn('Good day')), session)
    assert.notEqual(sessionOf({ ...turn('Hello'), model: 'other' }), session)
    assert.notEqual(
      sessionOf({ kind: 'chat', model: 'm', messages: [{ role: 'user', content: 'Hello' }] }),
      session
    )
  })

  it('knows a session by the name that the client gave it, whatever is said', () => {
    assert.equal(sessionOf(turn('Hello'), 's1'), sessionOf(turn('Good day'), 's1'))
    assert.notEqual(sessionOf(turn('Hello'), 's1'), sessionOf(turn('Hello'), 's2'))
    assert.equal(sessionOf({ kind: 'embedding', model: 'm', input: ['x'] }, 's1'), undefined)
  })

  it('remembers who answered last, for ten minutes', () => {
    const affinity = new Affinity()
    affinity.answered('s', 'first', 0)
    affinity.answered('s', 'second', 1000)
    assert.equal(affinity.peer('s', 1000 + 599_999), 'second')
    assert.equal(affinity.peer('s', 1000 + 600_000), undefined)
    assert.equal(affinity.peer('other', 1000), undefined)
  })

  it('forgets the session that was silent longest when there are too many', () => {
    const affinity = new Affinity()
    affinity.answered('silent', 'peer', 0)
    for (let i = 0; i < 2048; i++) {
      if (i % 500 === 0) affinity.answered('busy', 'peer', 0)
      affinity.answered(`s${i}`, 'peer', 0)
    }
    assert.deepEqual(
      ['silent', 'busy', 's2047'].map((session) => affinity.peer(session, 0)),
      [undefined, 'peer', 'peer']
    )
  })

  describe('in the ranking', () => {
    const candidate = (peer: string, rest: Partial<Candidate> & { route?: Route } = {}): Candidate => {
      const { route = 'direct', ...changes } = rest
      const model = { ...MODEL, capabilities: ['chat'] }
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
        ...changes
      }
    }
    const first = (...candidates: Candidate[]): string | undefined =>
      rank(candidates, REQUEST)[0]?.provider.peer

    it('puts the warm peer before faster ones', () => {
      assert.equal(first(candidate('fast', { firstTokenMs: 1 }), candidate('warm', { warm: true })), 'warm')
    })

    it('leaves it where it has no free slot, fails, or this node’s own engine is free', () => {
      const other = candidate('other')
      assert.equal(first(candidate('warm', { warm: true, load: 1 }), other), 'other')
      assert.equal(first(candidate('warm', { warm: true, excluded: true }), other), 'other')
      assert.equal(first(candidate('warm', { warm: true }), candidate('own', { route: 'local' })), 'own')
    })
  })
})
