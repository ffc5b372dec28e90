import assert from 'node:assert/strict'
import { balanceText, peersText } from '../../../node/entry/commands/status.ts'

const CREDIT = 1_000_000
const SUM = { earned: 5 * CREDIT, spent: 2 * CREDIT, claimed: 3 * CREDIT, net: 3 * CREDIT }

const PEER: Parameters<typeof peersText>[0][number] = {
  peer: '12D3KooWPeer',
  route: 'direct',
  path: 'direct',
  state: 'up',
  models: ['llama3.2:3b'],
  slots: 2,
  active: 1,
  queued: 0,
  contexts: {},
  answered: 7,
  failed: 1,
  firstTokenMs: 12.4
}

const cells = (text: string): string[][] => text.split('\n').map((line) => line.split(/ {2,}/))

describe('node/entry/commands/status', () => {
  describe('balance', () => {
    it('shows what is disputed, of each peer and of all', () => {
      const peers = [
        { peer: 'a', ...SUM, disputed: 2 * CREDIT },
        { peer: 'b', ...SUM }
      ]
      assert.deepEqual(cells(balanceText({ ...SUM, peers })), [
        ['CREDITS', 'EARNED', 'SPENT', 'CLAIMED', 'DISPUTED', 'NET'],
        ['a', '5', '2', '3', '2', '3'],
        ['b', '5', '2', '3', '0', '3'],
        ['all', '5', '2', '3', '2', '3']
      ])
    })

    it('says how to earn to who owes, and to nobody else', () => {
      const owing = { ...SUM, spent: 9 * CREDIT, net: -4 * CREDIT, peers: [] }
      assert.match(balanceText(owing), /You owe 4\. To earn, .*lobstah-node --contribute/)
      assert.doesNotMatch(balanceText({ ...SUM, peers: [] }), /To earn/)
    })
  })

  describe('peers', () => {
    const remarks = (changes: Partial<typeof PEER>): string | undefined => {
      const [, row] = cells(peersText([{ ...PEER, ...changes }]))
      return row?.[7]
    }

    it('shows what it knows of a contributor', () => {
      assert.deepEqual(cells(peersText([PEER]))[1], [
        '12D3KooWPeer',
        'up',
        'direct',
        '1/2',
        '12 ms',
        '7/1',
        'llama3.2:3b'
      ])
    })

    it('remarks on disputes, and on tokens counted otherwise than by others, with both figures', () => {
      const drift = { model: 'llama3.2:3b', tokensPerByte: 0.5, othersTokensPerByte: 0.25 }
      assert.equal(remarks({}), undefined)
      assert.equal(remarks({ disputes: 2 }), '2 disputed')
      assert.equal(
        remarks({ disputes: 1, tokenDrift: [drift] }),
        '1 disputed; llama3.2:3b: 0.500 tokens a byte, others 0.250'
      )
    })
  })
})
