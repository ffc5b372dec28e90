import assert from 'node:assert/strict'
import type { Lobstah } from '../../node/lobstah.ts'
import { Mesh, addressesOf, ask, collect, contributorsKnown, until } from '../support/mesh.ts'
import { ScriptedEngine, say } from '../support/scripted-engine.ts'

const MODEST = 5
const REQUESTS_EACH = 4
const GREEDY_REQUESTS = 50

/** The value that 95 % are not above. */
function p95(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.ceil(values.length * 0.95) - 1] ?? 0
}

describe('a greedy peer beside modest ones', function () {
  this.timeout(60_000)
  let mesh: Mesh
  beforeEach(() => {
    mesh = new Mesh()
  })
  afterEach(() => mesh.stop())

  /** Waits of the modest peers' requests, each in requests that were served before it. */
  async function waits(greedy: number): Promise<number[]> {
    const open = Promise.withResolvers<void>()
    const served: string[] = []
    const engine = new ScriptedEngine(async function* (request) {
      const content = request.kind === 'chat' ? request.messages[0]?.content : undefined
      if (typeof content === 'string') served.push(content)
      await open.promise
      yield* say(['fine'])
    })
    const contributor = await mesh.node({
      contribute: true,
      engine,
      listen: ['/ip4/127.0.0.1/tcp/0'],
      slots: 1,
      queue: 256
    })
    const consumer = async (): Promise<Lobstah> => {
      const node = await mesh.node({ bootstrap: addressesOf(contributor) })
      await contributorsKnown(node, 1)
      return node
    }
    const answers: Promise<unknown>[] = []
    const place = async (node: Lobstah, name: string, count: number): Promise<void> => {
      const before = load(contributor)
      for (let n = 0; n < count; n++)
        answers.push(collect(node.consumer.infer(ask(name, { max_tokens: 16 }))))
      await until(() => load(contributor) === before + count)
    }
    // Somebody is served while all others come, so that only the queue decides.
    await place(await consumer(), 'first', 1)
    if (greedy > 0) await place(await consumer(), 'greedy', greedy)
    for (let peer = 0; peer < MODEST; peer++) await place(await consumer(), `modest ${peer}`, REQUESTS_EACH)
    open.resolve()
    await Promise.all(answers)
    return served.flatMap((name, index) => (name.startsWith('modest') ? [index] : []))
  }

  it('leaves the modest peers’ p95 wait within twice that of a mesh without it', async () => {
    const alone = p95(await waits(0))
    const beside = p95(await waits(GREEDY_REQUESTS))
    assert.ok(beside <= 2 * alone, `${beside} requests served before, instead of ${alone}`)
  })
})

function load(node: Lobstah): number {
  const { active = 0, queued = 0 } = node.contributor?.capacity() ?? {}
  return active + queued
}
