import assert from 'node:assert/strict'
import type { Connection } from '@libp2p/interface'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { race, schedule } from '../../../node/addresses/index.ts'

const at = (port: number): Multiaddr => multiaddr(`/ip4/5.10.0.10/tcp/${port}`)
const never = new AbortController().signal

describe('node/addresses/dial-race', () => {
  it('begins what others told by the clock alone, and so all that comes after', () => {
    const steps = schedule({ known: [at(1), at(2)], told: [at(3), at(4)], relayed: [at(5)] }, 5000)
    assert.deepEqual(
      steps.map((step) => [step.at, step.early]),
      [
        [0, true],
        [250, true],
        [500, false],
        [750, false],
        [2250, false]
      ]
    )
    assert.equal(schedule({ known: [], told: [], relayed: [at(5)] }, 5000)[0]?.at, 0)
  })

  it('goes on at once to the next known address when one fails', async () => {
    const tried: string[] = []
    const connection = {} as Connection
    const steps = schedule({ known: [at(1), at(2)], told: [], relayed: [] }, 5000)
    const far = steps.map((step) => ({ ...step, at: step.at * 1000 }))
    const won = await race(
      far,
      async (address) => {
        tried.push(address.toString())
        return await (tried.length === 1
          ? Promise.reject(new DOMException('refused'))
          : Promise.resolve(connection))
      },
      never
    )
    assert.equal(won, connection)
    assert.equal(tried.length, 2)
  })

  it('gives the others up when one has won, and closes what comes too late', async () => {
    const late = Promise.withResolvers<Connection>()
    const gone = Promise.withResolvers<void>()
    const connection = {} as Connection
    const signals: AbortSignal[] = []
    const steps = [0, 0].map((_, n) => ({ address: at(n), at: 0, early: false, until: 5000 }))
    const won = await race(
      steps,
      async (address, signal) => {
        signals.push(signal)
        return await (address.equals(at(0)) ? late.promise : Promise.resolve(connection))
      },
      never
    )
    assert.equal(won, connection)
    assert.deepEqual(
      signals.map(({ aborted }) => aborted),
      [true, false]
    )
    late.resolve({ abort: () => gone.resolve() } as unknown as Connection)
    await gone.promise
  })

  it('fails with the only reason, or with all, and at once when it is told to stop', async () => {
    const fails = async (): Promise<Connection> => Promise.reject(new DOMException('refused'))
    const steps = schedule({ known: [at(1)], told: [], relayed: [] }, 5000)
    await assert.rejects(race(steps, fails, never), DOMException)
    const two = schedule({ known: [at(1), at(2)], told: [], relayed: [] }, 5000)
    await assert.rejects(race(two, fails, never), AggregateError)
    const stopped = AbortSignal.abort(new DOMException('stopped', 'AbortError'))
    await assert.rejects(
      race(steps, () => new Promise(() => undefined), stopped),
      { name: 'AbortError' }
    )
  })
})
