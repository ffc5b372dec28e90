import assert from 'node:assert/strict'
import fc from 'fast-check'
import { DEBT_LIMIT_TOKENS, QUANTUM_TOKENS } from '../../../../node/contributor/orders/constants.ts'
import { FairQueue } from '../../../../node/contributor/orders/fair-queue.ts'

const SEED = 14

interface Item {
  id: string
  cost: number
}

function drain(queue: FairQueue<Item>): Item[] {
  const items: Item[] = []
  for (let item = queue.shift(); item !== undefined; item = queue.shift()) items.push(item)
  return items
}

function push(queue: FairQueue<Item>, id: string, cost: number, weight = 1, group?: string): Item {
  const item = { id, cost }
  queue.push({ id, weight, ...(group === undefined ? {} : { group }) }, item, cost)
  return item
}

/** Tokens of each among the first so many items. */
function tokensIn(items: Item[]): Record<string, number> {
  const sums: Record<string, number> = {}
  for (const { id, cost } of items) sums[id] = (sums[id] ?? 0) + cost
  return sums
}

describe('node/contributor/orders/fair-queue', () => {
  it('takes turns by tokens: whoever asks for longer answers gets fewer', () => {
    const queue = new FairQueue<Item>()
    for (let n = 0; n < 40; n++) push(queue, 'long', 400)
    for (let n = 0; n < 400; n++) push(queue, 'short', 40)
    const first = tokensIn(drain(queue).slice(0, 220))
    assert.equal(first.long! / first.short!, 1)
  })

  it('gives twice the tokens for twice the weight', () => {
    const queue = new FairQueue<Item>()
    for (let n = 0; n < 300; n++) {
      push(queue, 'friend', 100, 2)
      push(queue, 'stranger', 100)
    }
    const first = tokensIn(drain(queue).slice(0, 300))
    assert.ok(Math.abs(first.friend! / first.stranger! - 2) < 0.05, JSON.stringify(first))
  })

  it('gives all of a group one weight together', () => {
    const queue = new FairQueue<Item>()
    for (let n = 0; n < 200; n++) {
      push(queue, 'friend', 100)
      for (let key = 0; key < 10; key++) push(queue, `sybil${key}`, 100, 1, 'strangers')
    }
    const first = drain(queue).slice(0, 200)
    const friend = tokensIn(first).friend! / 20_000
    assert.ok(friend > 0.45 && friend < 0.55, String(friend))
  })

  it('charges what took longer than expected, and forgets it when nobody waits', () => {
    const queue = new FairQueue<Item>()
    push(queue, 'other', 100)
    queue.charge('liar', 300)
    push(queue, 'liar', 100)
    for (let n = 0; n < 3; n++) push(queue, 'other', 100)
    assert.deepEqual(
      queue.order().map(({ id }) => id),
      ['other', 'other', 'other', 'other', 'liar']
    )
    drain(queue)
    push(queue, 'liar', 100)
    push(queue, 'other', 100)
    assert.deepEqual(
      queue.order().map(({ id }) => id),
      ['liar', 'other']
    )
  })

  const share = fc.record({
    id: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
    cost: fc.integer({ min: 1, max: 200_000 })
  })
  const weightOf: Record<string, number> = { a: 1, b: 2, c: 4, d: 1, e: 1 }
  const groupOf = (id: string): string | undefined => (id === 'd' || id === 'e' ? 'strangers' : undefined)
  const step = fc.oneof(
    { weight: 4, arbitrary: share.map((item) => ({ type: 'push' as const, ...item })) },
    { weight: 2, arbitrary: fc.constant({ type: 'shift' as const }) },
    { weight: 1, arbitrary: fc.nat(50).map((at) => ({ type: 'remove' as const, at })) },
    {
      weight: 1,
      arbitrary: fc
        .record({ id: share.map(({ id }) => id), tokens: fc.integer({ min: -1e6, max: 1e6 }) })
        .map((charge) => ({ type: 'charge' as const, ...charge }))
    }
  )

  it('loses nothing, keeps order() true and each deficit bounded, whatever comes', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const queue = new FairQueue<Item>()
        let inside: Item[] = []
        for (const one of steps) {
          if (one.type === 'push')
            inside.push(push(queue, one.id, one.cost, weightOf[one.id], groupOf(one.id)))
          else if (one.type === 'charge') queue.charge(one.id, one.tokens)
          else if (one.type === 'remove') {
            const item = inside[one.at]
            if (item === undefined) continue
            queue.remove(item)
            inside = inside.filter((other) => other !== item)
          } else {
            const expected = queue.order()[0]
            const item = queue.shift()
            assert.equal(item, expected)
            inside = inside.filter((other) => other !== item)
          }
          assert.equal(queue.length, inside.length)
          const largest = Math.max(DEBT_LIMIT_TOKENS, ...inside.map(({ cost }) => cost), 200_000)
          for (const deficit of queue.deficits.values()) {
            assert.ok(deficit >= -DEBT_LIMIT_TOKENS, `${deficit}`)
            assert.ok(deficit <= largest + QUANTUM_TOKENS * 4 + DEBT_LIMIT_TOKENS, `${deficit}`)
          }
        }
        assert.deepEqual(new Set(drain(queue)), new Set(inside))
      }),
      { seed: SEED, numRuns: 300 }
    )
  })

  it('starves nobody: between two of one peer, no other takes more than its share and one request', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 16, max: 4000 }), { minLength: 20, maxLength: 60 }),
        fc.array(fc.integer({ min: 16, max: 4000 }), { minLength: 20, maxLength: 60 }),
        fc.integer({ min: 1, max: 8 }),
        (left, right, weight) => {
          const queue = new FairQueue<Item>()
          for (const cost of left) push(queue, 'left', cost)
          for (const cost of right) push(queue, 'right', cost, weight)
          const taken: Record<string, number> = { left: 0, right: 0 }
          const waiting: Record<string, number> = { left: left.length, right: right.length }
          while (waiting.left! > 0 && waiting.right! > 0) {
            const item = queue.shift()!
            taken[item.id] = taken[item.id]! + item.cost
            waiting[item.id] = waiting[item.id]! - 1
            const gap = Math.abs(taken.left! - taken.right! / weight)
            assert.ok(gap <= 2 * 4000 + QUANTUM_TOKENS, `${gap}`)
          }
        }
      ),
      { seed: SEED, numRuns: 200 }
    )
  })
})
