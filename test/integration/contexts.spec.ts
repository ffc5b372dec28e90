import assert from 'node:assert/strict'
import { ContextLengthExceededError } from '../../protocols/index.ts'
import type { Lobstah } from '../../node/lobstah.ts'
import { checkContextLength, estimateTokens } from '../../node/engines/prompt.ts'
import { Mesh, addressesOf, ask, collect, contributorsKnown, textOf } from '../support/mesh.ts'
import { SCRIPTED_MODEL, ScriptedEngine, say } from '../support/scripted-engine.ts'

const PROMPT = 'word '.repeat(19_000)

describe('a mesh of different contexts', () => {
  let mesh: Mesh
  let bootstrap: string[]

  beforeEach(async () => {
    mesh = new Mesh()
    bootstrap = addressesOf(await mesh.relay())
  })
  afterEach(async () => {
    await mesh.stop()
  })

  /** A contributor that says its own name; it announces a context and refuses what its engine does not hold. */
  async function contribute(name: string, announced: number | null, held = announced ?? 0): Promise<Lobstah> {
    const engine = new ScriptedEngine(
      async function* (request) {
        checkContextLength(estimateTokens(request), held)
        yield* say([name])
      },
      [{ ...SCRIPTED_MODEL, contextLength: announced }]
    )
    const node = await mesh.node({
      bootstrap,
      engine,
      contribute: true,
      listen: ['/p2p-circuit'],
      punch: false
    })
    return node
  }

  async function consume(contributors: number): Promise<Lobstah> {
    const consumer = await mesh.node({ bootstrap, punch: false })
    await contributorsKnown(consumer, contributors)
    return consumer
  }

  it('asks the peer that holds the prompt, and lists the largest context', async () => {
    const a = await contribute('A', 8192)
    const b = await contribute('B', 131_072)
    const { consumer } = await consume(2)
    assert.deepEqual(
      consumer.models().map(({ contextLength }) => contextLength),
      [131_072]
    )
    assert.deepEqual(Object.fromEntries(consumer.peers().map(({ peer, contexts }) => [peer, contexts])), {
      [a.peer]: { 'scripted:1b': 8192 },
      [b.peer]: { 'scripted:1b': 131_072 }
    })
    for (let i = 0; i < 3; i++) assert.equal(textOf(await collect(consumer.infer(ask(PROMPT)))), 'B')
  })

  it('goes on to a larger peer when one that does not tell its context refuses, and remembers', async () => {
    const a = await contribute('A', null, 8192)
    await contribute('B', 131_072)
    const { consumer } = await consume(2)
    const learned = (): number | null | undefined =>
      consumer.peers().find(({ peer }) => peer === a.peer)?.contexts['scripted:1b']
    assert.equal(learned(), null)
    // Both may hold it: sooner or later the one that does not is asked.
    while (learned() === null) assert.equal(textOf(await collect(consumer.infer(ask(PROMPT)))), 'B')
    assert.equal(learned(), 8192)
    const longer = ask(`${PROMPT}${PROMPT}`.repeat(5))
    await assert.rejects(collect(consumer.infer(longer)), ContextLengthExceededError)
  })
})
