import assert from 'node:assert/strict'
import { checkCredit } from '../../../../node/contributor/settling/credit.ts'
import { CreditExhaustedError } from '../../../../protocols/index.ts'

describe('node/contributor/settling/credit', () => {
  let owed: Record<string, number>
  const ledger = {
    owedBy: (peer: string) => owed[peer] ?? 0,
    owedTogether: (of: (peer: string) => boolean) =>
      Object.entries(owed).reduce((sum, [peer, amount]) => sum + (of(peer) ? Math.max(0, amount) : 0), 0)
  }
  const sharedLine = { limit: 100, covers: (peer: string) => peer.startsWith('stranger') }
  const creditLine = (peer: string): number => (peer === 'friend' ? 1000 : 60)
  const check = (peer: string): void => checkCredit(peer, { creditLine, sharedLine }, ledger)

  beforeEach(() => {
    owed = {}
  })

  it('serves whoever owes less than its line, and says balance, limit and how to earn to the others', () => {
    owed = { friend: 999, 'stranger 1': 60 }
    check('friend')
    assert.throws(
      () => check('stranger 1'),
      (err) => {
        assert.ok(err instanceof CreditExhaustedError)
        assert.match(
          err.message,
          /You owe this contributor 0\.00006 credits .* line for you is 0\.00006 credits\. .*--contribute to earn/
        )
        return true
      }
    )
  })

  it('serves no stranger once all of them owe what they may together', () => {
    owed = { 'stranger 1': 50, 'stranger 2': 49, friend: 500 }
    check('stranger 3')
    owed['stranger 2'] = 50
    assert.throws(
      () => check('stranger 3'),
      /You owe this contributor 0 credits.* together owe it 0\.0001 credits, .* is 0\.0001 credits\./
    )
    check('friend')
  })

  it('serves a stranger who has earned, whatever the others owe', () => {
    owed = { 'stranger 1': 200, 'stranger 2': -1 }
    check('stranger 2')
  })
})
