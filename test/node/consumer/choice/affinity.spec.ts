import assert from 'node:assert/strict'
import { Affinity, sessionOf } from '../../../../node/consumer/choice/affinity.ts'
import type { ChatMessage, InferenceRequest } from '../../../../protocols/index.ts'

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

  it('remembers how much of a session each peer holds, for ten minutes', () => {
    const affinity = new Affinity()
    affinity.answered('s', 'first', 500, 0)
    affinity.answered('s', 'second', 900, 1000)
    assert.equal(affinity.tokens('s', 'first', 1000), 500)
    assert.equal(affinity.tokens('s', 'second', 1000 + 599_999), 900)
    assert.equal(affinity.tokens('s', 'second', 1000 + 600_000), 0)
    assert.equal(affinity.tokens('other', 'first', 1000), 0)
  })

  it('forgets the session that was silent longest when there are too many', () => {
    const affinity = new Affinity()
    affinity.answered('silent', 'peer', 1, 0)
    for (let i = 0; i < 2048; i++) {
      if (i % 500 === 0) affinity.answered('busy', 'peer', 1, 0)
      affinity.answered(`s${i}`, 'peer', 1, 0)
    }
    assert.deepEqual(
      ['silent', 'busy', 's2047'].map((session) => affinity.tokens(session, 'peer', 0)),
      [0, 1, 1]
    )
  })
})
