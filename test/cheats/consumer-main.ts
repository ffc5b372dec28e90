/** A consumer with altered code, in a process of its own; told by IPC which cheat comes next. */
import { once } from 'node:events'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import type { Lobstah } from '../../node/lobstah.ts'
import { multiaddr } from '@multiformats/multiaddr'
import { DishonestConsumer } from '../support/dishonest-consumer.ts'
import { CONSUMER_CHEATS } from './cheats.ts'
import { SETTLING_CHEATS } from './settling-cheats.ts'

const [addresses = '', peer = ''] = process.argv.slice(2)
const target = { peer, libp2p: { getMultiaddrs: () => addresses.split(',').map((text) => multiaddr(text)) } }
const liar = await DishonestConsumer.start(target as unknown as Lobstah)
const privateKey = await generateKeyPair('Ed25519')
const stranger = { peer: peerIdFromPrivateKey(privateKey).toString(), privateKey }

async function act(name: string): Promise<void> {
  const cheat = [...CONSUMER_CHEATS, ...SETTLING_CHEATS].find((each) => each.name === name)
  let tokens = 0
  const count = (more: number): void => {
    tokens += more
  }
  const idle = async (): Promise<void> => {
    process.send?.({ waiting: name })
    await once(process, 'message')
  }
  // The contributor answers a cheat with an error or the end of the stream, which is the behaviour under test.
  await cheat?.act({ liar, stranger, count, idle }).catch(() => undefined)
  process.send?.({ done: name, tokens })
}
process.on('message', (message: { name?: string }) => {
  if (message.name !== undefined) void act(message.name)
})
process.on('disconnect', () => process.exit())
process.send?.({ peer: liar.party.peer })
