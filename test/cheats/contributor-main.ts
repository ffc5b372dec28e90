/** A contributor with altered code, in a process of its own; told by IPC which cheat comes next. */
import { DishonestContributor, type Sale } from '../support/dishonest-contributor.ts'
import { STRANGER } from '../support/records.ts'
import { CONTRIBUTOR_CHEATS } from './cheats.ts'

const liar = await DishonestContributor.start(['chat'])
process.on('message', (name: string) => {
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
