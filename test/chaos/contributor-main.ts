/** A contributor in a process of its own: it is killed, frozen and cut off by the test that started it. */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { generateKeyPair, privateKeyFromProtobuf, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { ledger } from '../../node/ledger/index.ts'
import { createLobstah } from '../../node/lobstah.ts'
import type { SignedRecord } from '../../protocols/index.ts'
import { numberedEngine } from '../support/numbered.ts'
import { tagOf, type ContributorSettings, type FromContributor } from './messages.ts'

const settings = JSON.parse(process.argv[2] ?? '{}') as ContributorSettings
const tell = (message: FromContributor): void => {
  if (process.connected) process.send?.(message)
}

await mkdir(settings.home, { recursive: true })
const keyFile = join(settings.home, 'identity.key')
const kept = await readFile(keyFile).catch(() => undefined)
const privateKey = kept === undefined ? await generateKeyPair('Ed25519') : privateKeyFromProtobuf(kept)
if (kept === undefined) await writeFile(keyFile, privateKeyToProtobuf(privateKey))
const peer = peerIdFromPrivateKey(privateKey).toString()

const node = await createLobstah({
  privateKey,
  ledger: ledger({ file: join(settings.home, 'ledger.sqlite') })({ peer }),
  engine: numberedEngine({
    words: settings.words,
    tokenMs: settings.tokenMs,
    onAsked: (request) => {
      const tag = tagOf(request)
      if (tag !== undefined) tell({ type: 'asked', tag, at: Date.now() })
    }
  }),
  contribute: true,
  slots: 4,
  listen: [`/ip4/127.0.0.1/tcp/${settings.port}`],
  announce: [`/ip4/127.0.0.1/tcp/${settings.announcedPort}`],
  loopbackPeers: true,
  drainMs: 0
})
await node.start()

process.on('message', () => {
  void Promise.all([node.ledger.balance(), node.ledger.deals({ limit: 100_000 })]).then(
    ([balance, deals]) => {
      // Disputed amounts for delivered text are lost.
      const unanswered = deals.flatMap(({ dispute, receipt }) =>
        dispute !== null && deliveredNothing(receipt?.record) ? (receipt?.credits ?? 0) : 0
      )
      tell({
        type: 'books',
        earned: balance.earned,
        claimed: balance.claimed,
        disputed: unanswered.reduce((sum, credits) => sum + credits, 0),
        orders: deals.map(({ order }) => order.order)
      })
    }
  )
})
process.on('disconnect', () => process.exit())
tell({ type: 'ready', peer })

function deliveredNothing(record: SignedRecord | undefined): boolean {
  return record !== undefined && (JSON.parse(record.payload) as { deltas: number }).deltas === 0
}
