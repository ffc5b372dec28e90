import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import type { EngineEvent, EngineOptions } from '../../../node/engines/engine.ts'
import { ParallelProbe, measureParallel } from '../../../node/engines/parallel.ts'
import type { GenerateRequest } from '../../../protocols/index.ts'
import { until } from '../../support/mesh.ts'

/** An engine that works on so many requests at once, each a token a turn, and lets the others wait. */
class Lockstep {
  working = 0
  most = 0
  asked = 0
  /** Tokens of each answer. */
  tokens: number
  readonly #slots: number

  constructor(slots: number, tokens = 64) {
    this.#slots = slots
    this.tokens = tokens
  }

  readonly generate = async function* (
    this: Lockstep,
    _request: GenerateRequest,
    { signal }: EngineOptions
  ): AsyncGenerator<EngineEvent> {
    this.asked++
    while (this.working >= this.#slots) {
      await turn()
      signal?.throwIfAborted()
    }
    this.most = Math.max(this.most, ++this.working)
    try {
      for (let token = 0; token < this.tokens; token++) {
        await turn()
        signal?.throwIfAborted()
        yield { type: 'delta', delta: { content: ` ${token},`, tokens: 1 } }
      }
      const usage = { promptTokens: 20, completionTokens: this.tokens }
      yield { type: 'end', finishReason: 'length', usage }
    } finally {
      this.working--
    }
  }.bind(this)
}

const never = new AbortController().signal

describe('node/engines/parallel', () => {
  for (const [slots, found] of [
    [1, 1],
    [2, 2],
    [4, 4],
    [8, 8],
    [32, 8]
  ] as const) {
    it(`finds ${found} of ${slots} slots, and leaves nothing running`, async () => {
      const engine = new Lockstep(slots)
      assert.equal(await measureParallel(engine.generate, 'm', never), found)
      assert.equal(engine.working, 0)
    })
  }

  it('finds nothing by an answer that is too short', async () => {
    assert.equal(await measureParallel(new Lockstep(4, 8).generate, 'm', never), undefined)
  })

  it('waits for an answer and for rest, gives way to requests, and measures once', async () => {
    const engine = new Lockstep(4, 1e9)
    const probe = new ParallelProbe(engine.generate)
    assert.equal(probe.known(), undefined)
    assert.equal(engine.asked, 0, 'no model is in memory yet')
    const end = probe.begin('m')
    assert.equal(probe.known(), undefined)
    end(true)
    assert.equal(probe.known(), undefined)
    await until(() => engine.most > 1)
    const endAnother = probe.begin('m')
    await until(() => engine.working === 0)
    assert.equal(probe.known(), undefined)
    engine.tokens = 64
    endAnother(false)
    await until(() => probe.known() !== undefined)
    assert.equal(probe.known(), 4)
    const { asked } = engine
    await probe.close()
    assert.equal(probe.known(), 4)
    assert.equal(engine.asked, asked)
  })

  it('leaves what it measures when it is closed', async () => {
    const engine = new Lockstep(4, 1e9)
    const probe = new ParallelProbe(engine.generate)
    probe.begin('m')(true)
    probe.known()
    await until(() => engine.most === 4)
    await probe.close()
    assert.equal(engine.working, 0)
  })
})
