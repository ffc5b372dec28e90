import assert from 'node:assert/strict'
import fc from 'fast-check'
import { Credit } from '../../../../node/contributor/settling/credit.ts'
import type { Reservation } from '../../../../node/contributor/settling/reservation.ts'
import { CreditExhaustedError } from '../../../../protocols/index.ts'

const PRICE = { prompt: 1, completion: 1 }

/** Debts as the ledger has them. */
class Debts {
  owed: Record<string, number> = {}
  owedBy = (peer: string): number => this.owed[peer] ?? 0
  owedTogether = (of: (peer: string) => boolean, also: ReadonlyMap<string, number> = new Map()): number =>
    [...new Set([...Object.keys(this.owed), ...also.keys()])]
      .filter(of)
      .reduce((sum, peer) => sum + Math.max(0, this.owedBy(peer) + (also.get(peer) ?? 0)), 0)
}

describe('node/contributor/settling/credit', () => {
  const sharedLine = { limit: 100, covers: (peer: string) => peer.startsWith('stranger') }
  const creditLine = (peer: string): number => (peer === 'friend' ? 1000 : 60)
  let debts: Debts
  let credit: Credit

  const reserve = (peer: string, promptTokens: number, completionTokens = 0): Reservation =>
    credit.reserve(peer, PRICE, { promptTokens, completionTokens })

  beforeEach(() => {
    debts = new Debts()
    credit = new Credit({ creditLine, sharedLine }, debts)
  })

  it('has room for a peer that owes less than its line, and says balance, limit and how to earn to the others', () => {
    debts.owed = { friend: 999, 'stranger 1': 60 }
    credit.check('friend')
    assert.throws(
      () => credit.check('stranger 1'),
      (err) => {
        assert.ok(err instanceof CreditExhaustedError)
        assert.match(
          err.message,
          /You owe this contributor 0\.00006 credits; its credit line for you is 0\.00006 credits\. Serve .*--contribute to earn/
        )
        return true
      }
    )
  })

  it('has room for no stranger once all of them owe what they may together', () => {
    debts.owed = { 'stranger 1': 50, 'stranger 2': 49, friend: 500 }
    credit.check('stranger 3')
    debts.owed['stranger 2'] = 50
    assert.throws(
      () => credit.check('stranger 3'),
      /You owe this contributor 0 credits; strangers together owe it 0\.0001 credits, .* is 0\.0001 credits\./
    )
    credit.check('friend')
  })

  it('lets a stranger spend what it has earned, whatever the others owe, and no more', () => {
    debts.owed = { 'stranger 1': 100, 'stranger 2': -20 }
    const order = reserve('stranger 2', 20)
    assert.throws(() => order.extend({ promptTokens: 21, completionTokens: 0 }), CreditExhaustedError)
    assert.throws(() => reserve('stranger 2', 1), CreditExhaustedError)
  })

  it('counts running orders, each with all that it may come to', () => {
    const first = reserve('stranger 1', 10, 30)
    assert.equal(credit.reserved('stranger 1'), 40)
    assert.throws(
      () => reserve('stranger 1', 21),
      /running orders may add 0\.00004 credits; .* The next step needs 0\.000021 credits/
    )
    reserve('stranger 1', 20)
    // All strangers: 60, and 40 are left.
    assert.throws(() => reserve('stranger 2', 41), /strangers together owe it 0\.00006 credits/)
    reserve('stranger 2', 40)
    assert.throws(() => first.extend({ promptTokens: 10, completionTokens: 31 }), CreditExhaustedError)
    assert.deepEqual(first.tokens, { promptTokens: 10, completionTokens: 30 })
    first.release()
    first.release()
    assert.equal(credit.reserved('stranger 1'), 20)
  })

  it('counts nothing twice: what the ledger counts is reserved no longer', () => {
    const order = reserve('friend', 100, 100)
    debts.owed = { friend: 150 }
    order.kept(150)
    order.kept(120)
    assert.equal(credit.reserved('friend'), 50)
    order.extend({ promptTokens: 100, completionTokens: 150 })
    assert.equal(credit.reserved('friend'), 100)
    order.close(170)
    assert.equal(credit.reserved('friend'), 20)
    order.release()
    assert.equal(credit.reserved('friend'), 0)
  })

  it('never lets debt and reservations exceed a line, whatever orders do', () => {
    const peers = ['friend', 'stranger 1', 'stranger 2', 'stranger 3']
    const step = fc.oneof(
      fc.record({
        act: fc.constant('order'),
        peer: fc.constantFrom(...peers),
        prompt: fc.nat(80),
        tokens: fc.nat(80)
      }),
      fc.record({
        act: fc.constantFrom('extend', 'bill', 'close', 'end', 'earn'),
        at: fc.nat(20),
        amount: fc.nat(60)
      })
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const ledger = new Debts()
        const lines = new Credit({ creditLine, sharedLine }, ledger)
        const orders: { peer: string; reservation: Reservation; billed: number }[] = []
        const attempt = (act: () => void): void => {
          try {
            act()
          } catch (err) {
            assert.ok(err instanceof CreditExhaustedError)
          }
        }
        for (const each of steps) {
          if ('peer' in each) {
            attempt(() => {
              const tokens = { promptTokens: each.prompt, completionTokens: each.tokens }
              orders.push({
                peer: each.peer,
                reservation: lines.reserve(each.peer, PRICE, tokens),
                billed: 0
              })
            })
          } else {
            const order = orders[each.at % Math.max(1, orders.length)]
            if (order === undefined) continue
            const { promptTokens, completionTokens } = order.reservation.tokens
            if (each.act === 'extend')
              attempt(() =>
                order.reservation.extend({ promptTokens, completionTokens: completionTokens + each.amount })
              )
            if (each.act === 'bill') {
              const billed = Math.max(order.billed, Math.min(each.amount, promptTokens + completionTokens))
              ledger.owed[order.peer] = ledger.owedBy(order.peer) + billed - order.billed
              order.billed = billed
              order.reservation.kept(billed)
            }
            if (each.act === 'close') {
              order.reservation.close(order.billed)
              order.reservation.release()
              orders.splice(orders.indexOf(order), 1)
            }
            if (each.act === 'end') {
              order.reservation.release()
              orders.splice(orders.indexOf(order), 1)
            }
            if (each.act === 'earn') ledger.owed[order.peer] = ledger.owedBy(order.peer) - each.amount
          }
          let strangers = 0
          for (const peer of peers) {
            const debt = ledger.owedBy(peer) + lines.reserved(peer)
            assert.ok(debt <= creditLine(peer), `${peer}: ${debt}`)
            if (sharedLine.covers(peer)) strangers += Math.max(0, debt)
          }
          assert.ok(strangers <= sharedLine.limit, `strangers: ${strangers}`)
        }
      }),
      { numRuns: 500 }
    )
  })
})
