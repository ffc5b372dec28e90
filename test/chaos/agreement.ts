import { setTimeout as delay } from 'node:timers/promises'
import type { Lobstah } from '../../node/lobstah.ts'
import type { Member } from './fleet.ts'
import type { Outcome } from './load.ts'

/** Compares the consumer's ledger with all contributors' and with what clients were given, once claims are settled. */
export async function agreement(
  node: Lobstah,
  members: Member[],
  outcomes: Outcome[],
  patienceMs: number
): Promise<{ lost: string[]; checked: number }> {
  const deadline = performance.now() + patienceMs
  const given = outcomes.flatMap(({ receipts }) =>
    receipts.map(
      (text) =>
        JSON.parse((JSON.parse(text) as { payload: string }).payload) as {
          order: string
          contributor: string
        }
    )
  )
  for (;;) {
    const spent = new Map((await node.ledger.balance()).peers.map((each) => [each.peer, each.spent]))
    const own = new Set(
      (await node.ledger.deals({ limit: 100_000 })).flatMap((deal) =>
        deal.acknowledgement === null ? [] : [deal.order.order]
      )
    )
    const lost: string[] = []
    for (const member of members) {
      const { earned, claimed, orders, disputed } = await member.books()
      const paid = spent.get(member.peer) ?? 0
      // Of a prompt that was read, and not answered, nothing is owed.
      if (claimed > disputed || earned !== paid)
        lost.push(
          `${member.peer} has earned ${earned} and claims ${claimed - disputed}, and was paid ${paid}`
        )
      const kept = new Set(orders)
      for (const { order, contributor } of given)
        if (contributor === member.peer && !(own.has(order) && kept.has(order)))
          lost.push(`the receipt of order ${order} is not in both ledgers`)
    }
    if (lost.length === 0 || performance.now() > deadline) return { lost, checked: given.length }
    await delay(1000)
  }
}
