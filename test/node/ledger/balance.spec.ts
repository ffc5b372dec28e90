import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { ledger, type Ledger, type LedgerRecord, type PeerBalance } from '../../../node/ledger/index.ts'
import { Deal, party, type Party } from './records.ts'

type Step = { deal: number; seq: number } & (
  { kind: 'receipt'; credits: number } | { kind: 'acknowledgement' }
)

interface ModelDeal {
  deal: Deal
  receipts: Map<number, { credits: number; record: LedgerRecord }>
  acknowledged: Set<number>
}

const DEALS = 5

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant('receipt' as const),
    deal: fc.nat(DEALS - 1),
    seq: fc.nat(3),
    credits: fc.nat(1000)
  }),
  fc.record({ kind: fc.constant('acknowledgement' as const), deal: fc.nat(DEALS - 1), seq: fc.nat(3) })
)

describe('node/ledger/balance', () => {
  let folder: string
  let me: Party
  let others: Party[]

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'lobstah-balance-'))
    me = await party()
    others = [await party(), await party()]
  })

  after(() => {
    rmSync(folder, { recursive: true })
  })

  /** The rule of README.md, told in the most simple way: by looking at everything again. */
  function naive(deals: ModelDeal[], peer: string): Omit<PeerBalance, 'peer' | 'net'> {
    const sum = { earned: 0, spent: 0, claimed: 0 }
    for (const { deal, receipts, acknowledged } of deals) {
      if (deal.consumer.id !== peer && deal.contributor.id !== peer) continue
      const top = (seqs: number[]): number =>
        seqs.length === 0 ? 0 : receipts.get(Math.max(...seqs))!.credits
      const due = top([...acknowledged])
      if (deal.contributor === me) {
        sum.earned += due
        sum.claimed += Math.max(0, top([...receipts.keys()]) - due)
      } else {
        sum.spent += due
      }
    }
    return sum
  }

  async function check(book: Ledger, deals: ModelDeal[]): Promise<void> {
    const { peers, ...total } = await book.balance()
    for (const { id } of others) {
      const expected = naive(deals, id)
      const { earned, spent, claimed, net } = peers.find(({ peer }) => peer === id) ?? {
        earned: 0,
        spent: 0,
        claimed: 0,
        net: 0
      }
      assert.deepEqual({ earned, spent, claimed }, expected)
      assert.equal(net, earned - spent)
      assert.equal(book.owedBy(id), earned - spent + claimed)
    }
    for (const key of ['earned', 'spent', 'claimed', 'net'] as const) {
      assert.equal(
        total[key],
        peers.reduce((sum, peer) => sum + peer[key], 0)
      )
    }
  }

  it('agrees with a naive count, whatever comes in whatever order, and after a restart', async function () {
    this.timeout(120_000)
    let runs = 0
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(step, { minLength: 1, maxLength: 4 }), { maxLength: 12 }),
        async (appends) => {
          const book = ledger({ file: join(folder, `${++runs}.sqlite`) })({ peer: me.id })
          await book.start()
          try {
            const deals: ModelDeal[] = Array.from({ length: DEALS }, (_, index) => {
              const other = others[index % 2]!
              const deal = index < 3 ? new Deal(other, me) : new Deal(me, other)
              return { deal, receipts: new Map(), acknowledged: new Set() }
            })
            for (const steps of appends) {
              const records: LedgerRecord[] = []
              for (const { deal: index, seq, ...rest } of steps) {
                const { deal, receipts, acknowledged } = deals[index]!
                const kept = receipts.get(seq)
                if (rest.kind === 'acknowledgement') {
                  if (kept === undefined) continue
                  records.push(await deal.acknowledged(kept.record))
                  acknowledged.add(seq)
                } else {
                  const record = kept?.record ?? (await deal.receipt(seq, rest.credits))
                  records.push(record)
                  if (kept === undefined) receipts.set(seq, { credits: rest.credits, record })
                }
              }
              await book.append(records)
              await check(book, deals)
            }
            await book.stop()
            await book.start()
            await check(book, deals)
            assert.equal((await book.verify()).firstBad, undefined)
          } finally {
            await book.stop()
          }
        }
      ),
      { numRuns: 25 }
    )
  })
})
