import assert from 'node:assert/strict'
import type { Stream } from '@libp2p/interface'
import { DEFAULT_RELAY_LIMITS } from '../../../node/relay/defaults.ts'
import { RelayUsage } from '../../../node/relay/limits.ts'
import { StalledCircuits } from '../../../node/relay/stalled-circuits.ts'
import { until } from '../../support/mesh.ts'

/** The parts of a stream that the limits look at. */
class StubStream extends EventTarget {
  status = 'open'
  readStatus = 'readable'
  writableNeedsDrain = false
  readBufferLength = 0
  writeBufferLength = 0

  send(): boolean {
    return !this.writableNeedsDrain
  }

  pause(): void {
    this.readStatus = 'paused'
  }

  resume(): void {
    this.readStatus = 'readable'
  }

  abort(): void {
    this.status = 'aborted'
    this.dispatchEvent(new Event('close'))
  }

  close(): void {
    this.status = 'closed'
    this.dispatchEvent(new Event('close'))
  }
}

describe('node/relay/limits', () => {
  const limits = { ...DEFAULT_RELAY_LIMITS, circuitsPerPeer: 2, bytesPerSecond: 1000 }
  const streamOf = (stub: StubStream): Stream => stub as unknown as Stream

  function circuit(usage: RelayUsage, from: string, to: string): [StubStream, StubStream] {
    const [own, other] = [new StubStream(), new StubStream()]
    const join = usage.open(streamOf(own), from)
    assert.ok(join, 'the circuit is allowed')
    join(streamOf(other), to)
    return [own, other]
  }

  it('lets a peer that has spent its bytes come by no others by opening a circuit anew', () => {
    const usage = new RelayUsage(limits)
    const [own, other] = circuit(usage, 'greedy', 'contributor')
    streamOf(other).send(new Uint8Array(7900))
    assert.equal(own.readStatus, 'readable')
    own.close()
    other.close()
    const [again, otherAgain] = circuit(usage, 'greedy', 'contributor')
    streamOf(otherAgain).send(new Uint8Array(1000))
    assert.equal(again.readStatus, 'paused')
    again.close()
    otherAgain.close()
  })

  it('bounds what stalled circuits of all peers hold, at the cost of the peer that holds most', async () => {
    const usage = new RelayUsage(limits, new StalledCircuits(10_000))
    const stall = (peer: string, bytes: number): StubStream => {
      const [own, other] = circuit(usage, peer, `contributor of ${peer}`)
      other.writableNeedsDrain = true
      streamOf(other).send(new Uint8Array(1))
      assert.equal(own.readStatus, 'paused')
      own.readBufferLength = bytes
      return own
    }
    const honest = stall('honest', 3000)
    const [first, second] = [stall('greedy', 4000), stall('greedy', 4000)]
    await until(() => first.status === 'aborted')
    assert.deepEqual([honest.status, second.status], ['open', 'open'])
    for (const own of [honest, second]) own.close()
  })

  it('forgets a peer that has left and owes nothing', () => {
    const usage = new RelayUsage(limits)
    for (const end of circuit(usage, 'consumer', 'contributor')) end.close()
    assert.equal(usage.size, 0)
  })

  it('forgets a peer that has left once it would owe nothing', async () => {
    const usage = new RelayUsage({ ...limits, bytesPerSecond: 100_000 })
    const [own, other] = circuit(usage, 'consumer', 'contributor')
    streamOf(other).send(new Uint8Array(5000))
    own.close()
    other.close()
    assert.equal(usage.size, 1)
    await until(() => usage.size === 0)
  })

  it('counts against a peer what it opened, not what others opened to it', () => {
    const usage = new RelayUsage(limits)
    for (const other of ['one', 'two', 'three']) circuit(usage, other, 'contributor')
    circuit(usage, 'contributor', 'one')
    const [last] = circuit(usage, 'contributor', 'two')
    assert.equal(usage.open(streamOf(new StubStream()), 'contributor'), undefined)
    last.close()
    assert.ok(usage.open(streamOf(new StubStream()), 'contributor'))
  })

  it('tells who sent how much, and keeps it after the circuit', () => {
    const usage = new RelayUsage(limits)
    const [own, other] = circuit(usage, 'consumer', 'contributor')
    streamOf(other).send(new Uint8Array(700))
    streamOf(own).send(new Uint8Array(30))
    assert.deepEqual([usage.circuits, usage.streamsOf('consumer')], [1, 1])
    own.close()
    other.close()
    assert.deepEqual([usage.circuits, usage.streamsOf('consumer')], [0, 0])
    assert.deepEqual(usage.tally.peers(), [
      { peer: 'consumer', bytes: 700, refused: 0 },
      { peer: 'contributor', bytes: 30, refused: 0 }
    ])
    assert.deepEqual([usage.tally.totals.bytes, usage.tally.totals.circuits], [730, 1])
  })

  it('does not count a stream that was closed before it was joined', () => {
    const usage = new RelayUsage(limits)
    const [own, other] = [new StubStream(), new StubStream()]
    const join = usage.open(streamOf(own), 'consumer')
    other.close()
    join?.(streamOf(other), 'contributor')
    own.close()
    assert.equal(usage.size, 0)
  })
})
