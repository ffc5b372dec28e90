import assert from 'node:assert/strict'
import { collector, fullCollection } from '../../../node/entry/idle-collection.ts'

describe('node/entry/idle-collection', () => {
  it('collects once after each busy time, and only at rest', () => {
    let collections = 0
    const look = collector(() => collections++)
    const after = (...utilizations: number[]): number => {
      for (const utilization of utilizations) look(utilization)
      return collections
    }
    assert.equal(after(0.9, 0.05), 0, 'a request may be under way')
    assert.equal(after(0.01), 1, 'the start was busy')
    assert.equal(after(0.01, 0.05, 0.001), 1)
    assert.equal(after(0.5), 1)
    assert.equal(after(0, 0, 0), 2)
  })

  it('gives back what is not used any more', () => {
    let garbage: unknown[] = Array.from({ length: 300_000 }, (_, at) => ({ at }))
    const before = process.memoryUsage().heapUsed
    assert.equal(garbage.length, 300_000)
    garbage = []
    fullCollection()()
    assert.ok(process.memoryUsage().heapUsed < before - 5_000_000)
  })
})
