import assert from 'node:assert/strict'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { LedgerFullError } from '../../node/ledger/errors.ts'
import type { Lobstah } from '../../node/lobstah.ts'
import { LedgerFailedError } from '../../protocols/index.ts'
import { Mesh, addressesOf, ask, collect, contributorsKnown, textOf, until } from '../support/mesh.ts'
import { ScriptedEngine, say } from '../support/scripted-engine.ts'

/** Takes a node's disk away. */
function fill({ ledger }: Lobstah): void {
  ledger.append = () => Promise.reject(new LedgerFullError('The disk is full: free some space'))
}

describe('ledgers that cannot be written', function () {
  this.timeout(60_000)
  let mesh: Mesh
  let contributors: Lobstah[]
  let engines: ScriptedEngine[]
  let consumer: Lobstah

  beforeEach(async () => {
    mesh = new Mesh()
    engines = [1, 2].map(
      () =>
        new ScriptedEngine(async function* () {
          // An engine takes a moment.
          for (let i = 0; i < 20; i++) await nextTurn()
          yield* say(['all', ' is', ' well'])
        })
    )
    contributors = await Promise.all(
      engines.map((engine) => mesh.node({ engine, contribute: true, listen: ['/ip4/127.0.0.1/tcp/0'] }))
    )
    consumer = await mesh.node({ bootstrap: contributors.flatMap(addressesOf) })
    await contributorsKnown(consumer, 2)
  })
  afterEach(() => mesh.stop())

  const answered = (): Promise<string> => collect(consumer.consumer.infer(ask('Hi'))).then(textOf)

  it('say to the consumer that it is its own disk, and blame no contributor', async () => {
    fill(consumer)
    await assert.rejects(answered(), (err) => {
      assert.ok(err instanceof LedgerFailedError)
      assert.match(err.message, /^This node cannot keep its receipts: The disk is full/)
      return true
    })
    await until(() => engines.every(({ started, finished }) => started === finished))
    assert.equal(engines[0]!.started + engines[1]!.started, 1)
    assert.deepEqual(
      consumer.consumer.peers().map(({ failed }) => failed),
      [0, 0]
    )
  })

  it('send the request on to another contributor before anything of the answer is said', async () => {
    fill(contributors[0]!)
    for (let i = 0; i < 4; i++) assert.equal(await answered(), 'all is well')
    assert.ok(engines[1]!.started >= 4)
  })
})
