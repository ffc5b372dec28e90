/** A contributor with altered code, in a process of its own; told by IPC which cheat comes next. */
import { DishonestContributor, type Sale } from '../support/dishonest-contributor.ts'
import { STRANGER } from '../support/records.ts'
import { CONTRIBUTOR_CHEATS } from './cheats.ts'
import { CLAIM_CHEATS } from './claim-cheats.ts'

const liar = await DishonestContributor.start(['chat'])

/** Lets answers break off, and claims them in the next exchange of receipts. */
function claimLater(name: string): void {
  liar.sales = []
  liar.act = async (sale: Sale) => {
    await sale.accept()
    for (let i = 0; i < 3; i++) await sale.delta('word ')
    await sale.frames.close(1000)
  }
  const cheat = CLAIM_CHEATS.find((each) => each.name === name)
  liar.claims = async () => (await cheat?.claims(liar.sales, STRANGER)) ?? []
  liar.exchanged = (said) => {
    liar.claims = async () => []
    liar.exchanged = () => undefined
    process.send?.({ claimed: name, said: said.map(({ type }) => type) })
  }
}

process.on('message', ({ name, later }: { name: string; later?: boolean }) => {
  if (later === true) {
    claimLater(name)
    process.send?.({ armed: name })
    return
  }
  const cheat = CONTRIBUTOR_CHEATS.find((each) => each.name === name)
  liar.act = async (sale: Sale) => {
    await sale.accept()
    for (let i = 0; i < 3; i++) await sale.delta('word ')
    await cheat?.act(sale, STRANGER.privateKey)
  }
  process.send?.({ armed: name })
})
process.on('disconnect', () => process.exit())
process.send?.({ addresses: liar.libp2p.getMultiaddrs().map(String), peer: liar.peer })
