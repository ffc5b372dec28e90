import { setTimeout as delay } from 'node:timers/promises'
import type { Connection } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import * as varint from 'uint8-varint'
import {
  ACKNOWLEDGEMENT,
  INFO_PROTOCOL,
  RECEIPT,
  RECEIPTS_PROTOCOL,
  encodeJson,
  open,
  seal,
  sha256,
  type FrameStream,
  type SignedRecord
} from '../../protocols/index.ts'
import { Stranger } from '../support/attacks/stranger.ts'
import type { RunningNode } from '../support/node-process.ts'

/** Pause of a hostile peer between two attacks, in milliseconds: the machine also has to run what is attacked. */
const PAUSE_MS = 100

const DOCUMENT = encodeJson({
  kind: 'chat',
  model: 'tiny:1b',
  messages: [{ role: 'user', content: 'go on and on' }]
})

interface Scene {
  stranger: Stranger
  victim: RunningNode
  connection: Connection
}

/** Reads an answer and says to each receipt what it wants; stops when told to. */
async function read(
  frames: FrameStream,
  onReceipt: (receipt: SignedRecord, count: number) => Promise<boolean>
): Promise<void> {
  for (let receipts = 0; ;) {
    const frame = JSON.parse(Buffer.from(await frames.read()).toString()) as {
      type: string
      receipt: SignedRecord
    }
    if (frame.type === 'end' || frame.type === 'error') return
    if (frame.type === 'receipt' && !(await onReceipt(frame.receipt, ++receipts))) return
  }
}

/** Attacks on a contributor. */
const ATTACKS: ((scene: Scene) => Promise<unknown>)[] = [
  // Has a prompt read, and goes.
  async ({ stranger, victim, connection }) => {
    const frames = await stranger.place(connection, await stranger.order(victim, DOCUMENT), DOCUMENT)
    await frames.read()
    frames.stream.abort(new DOMException('gone', 'AbortError'))
  },
  // Takes as much as it can, and acknowledges nothing.
  async ({ stranger, victim, connection }) => {
    const order = await stranger.order(victim, DOCUMENT, { maxCompletionTokens: 100 })
    const frames = await stranger.place(connection, order, DOCUMENT)
    await read(frames, async (_, count) => count < 2)
    frames.stream.abort(new DOMException('gone', 'AbortError'))
  },
  // Pays for very little: each order is kept for ever.
  async ({ stranger, victim, connection }) => {
    const order = await stranger.order(victim, DOCUMENT, { maxCompletionTokens: 1 })
    const frames = await stranger.place(connection, order, DOCUMENT)
    await read(frames, async (receipt) => {
      const { order: id, consumer, contributor, seq } = await open(RECEIPT, receipt)
      const payload = {
        order: id,
        consumer,
        contributor,
        seq,
        receiptHash: sha256(receipt.payload),
        issuedAt: Date.now()
      }
      const acknowledgement = await seal(ACKNOWLEDGEMENT, payload, stranger.privateKey)
      await frames.write(encodeJson({ type: 'acknowledgement', acknowledgement }))
      return true
    })
    await frames.close(1000)
  },
  // Orders that begin and never are whole.
  async ({ stranger, connection }) => {
    const part = Buffer.concat([varint.encode(16_384), Buffer.alloc(16_383, 0x20)])
    await Promise.all(Array.from({ length: 50 }, async () => (await stranger.chat(connection)).send(part)))
  },
  // Garbage on each protocol.
  async ({ connection }) => {
    for (const protocol of [RECEIPTS_PROTOCOL, INFO_PROTOCOL]) {
      const stream = await connection.newStream(protocol)
      stream.send(Buffer.from('\x05{"a":'))
    }
  },
  // Announcements that nobody reads.
  async ({ connection }) => {
    for (let n = 0; n < 2; n++) (await connection.newStream(INFO_PROTOCOL)).pause()
  },
  // A replayed order, a forged one, and one for another.
  async ({ stranger, victim, connection }) => {
    const order = await stranger.order(victim, DOCUMENT, { maxCompletionTokens: 1 })
    const forged = { ...order, payload: order.payload.replace('tiny', 'huge') }
    const others = await stranger.order({ ...victim, peer: stranger.peer }, DOCUMENT)
    for (const each of [order, order, forged, others]) {
      const frames = await stranger.place(connection, each, DOCUMENT)
      await read(frames, async () => true)
    }
  },
  // Connections upon connections.
  async ({ stranger, victim }) => {
    await Promise.all(
      Array.from({ length: 10 }, () => stranger.libp2p.dial(multiaddr(victim.addresses[0]), { force: true }))
    )
  }
]

/** Attacks a contributor again and again, each time under a new key; resolves to the number of keys. */
export async function hostileConsumers(
  count: number,
  victim: RunningNode,
  signal: AbortSignal
): Promise<number> {
  let keys = 0
  const one = async (): Promise<void> => {
    while (!signal.aborted) {
      await using stranger = await Stranger.start()
      keys++
      try {
        const connection = await stranger.dial(victim)
        for (const attack of ATTACKS) {
          await Promise.race([attack({ stranger, victim, connection }).catch(() => undefined), delay(3000)])
          await delay(PAUSE_MS)
        }
      } catch {
        // Refused: what is attacked may do so.
      }
    }
  }
  await Promise.all(Array.from({ length: count }, one))
  return keys
}
