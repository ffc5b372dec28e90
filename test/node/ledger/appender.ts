/**
 * A program that appends until it is killed, and prints each order's id once it is acknowledged.
 * argv: the ledger's file, and the key of its owner as hex.
 */
import { privateKeyFromRaw } from '@libp2p/crypto/keys'
import type { Ed25519PrivateKey } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { ledger } from '../../../node/ledger/index.ts'
import { Deal, party } from './records.ts'

const [file = '', hex = ''] = process.argv.slice(2)
const key = privateKeyFromRaw(Buffer.from(hex, 'hex')) as Ed25519PrivateKey
const owner = { id: peerIdFromPrivateKey(key).toString(), key }
const consumer = await party()

const book = ledger({ file })({ peer: owner.id })
await book.start()

async function appendForever(): Promise<void> {
  for (;;) {
    const deal = new Deal(consumer, owner)
    await book.append(await deal.whole(100))
    process.stdout.write(`${deal.order}\n`)
  }
}

await Promise.all([appendForever(), appendForever(), appendForever()])
