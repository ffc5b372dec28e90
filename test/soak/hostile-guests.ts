import { createSocket } from 'node:dgram'
import { setTimeout as delay } from 'node:timers/promises'
import { multiaddr } from '@multiformats/multiaddr'
import { modelCid } from '../../node/discovery/index.ts'
import { bindingRequest } from '../../node/reach/stun/message.ts'
import { CHAT_PROTOCOL, RECEIPTS_PROTOCOL, askStunPorts } from '../../protocols/index.ts'
import { Stranger } from '../support/attacks/stranger.ts'
import type { RunningNode } from '../support/node-process.ts'

/** Pause between two attacks, in milliseconds. */
const PAUSE_MS = 200

/** How long circuits stay open without being read, in milliseconds. */
const STALL_MS = 2000

/** Longest time that one attack gets, in milliseconds. */
const ATTACK_MS = 15_000

/** Bytes sent into a circuit whose other end reads nothing. */
const STALLED_BYTES = 2 * 2 ** 20

/** Attacks on a relay. */
const ATTACKS: ((relay: RunningNode, guest: Stranger, signal: AbortSignal) => Promise<unknown>)[] = [
  // A place, and circuits to it that carry bytes which nobody reads.
  async (relay, guest) => {
    const address = relay.addresses.find((text) => text.includes('/tcp/')) ?? ''
    await using holder = await Stranger.start([`${address}/p2p-circuit`])
    await holder.libp2p.handle(RECEIPTS_PROTOCOL, (stream) => stream.pause())
    const through = multiaddr(`${address}/p2p-circuit/p2p/${holder.peer}`)
    for (let n = 0; n < 4; n++) {
      const circuit = await guest.libp2p.dial(through, { force: true })
      const stream = await circuit.newStream(RECEIPTS_PROTOCOL)
      for (let sent = 0; sent < STALLED_BYTES; sent += 65_536) if (!stream.send(Buffer.alloc(65_536))) break
    }
    await delay(STALL_MS)
  },
  // Records of models that are made up.
  async (relay, guest, signal) => {
    await guest.dial(relay)
    for (let n = 0; n < 5; n++)
      await guest.libp2p.contentRouting.provide(await modelCid(`made-up-${Math.random()}`), { signal })
  },
  // More questions than the STUN server answers.
  async (relay, guest, signal) => {
    const connection = await guest.dial(relay)
    const { udp } = await askStunPorts(connection, { signal })
    const socket = createSocket('udp4')
    for (let n = 0; n < 500; n++) socket.send(bindingRequest(), udp[0] ?? 0, '127.0.0.1')
    await delay(200)
    socket.close()
  },
  // Connections upon connections, and protocols that it does not have.
  async (relay, guest) => {
    for (let n = 0; n < 10; n++) {
      const connection = await guest.libp2p.dial(multiaddr(relay.addresses[0]), { force: true })
      await connection.newStream(CHAT_PROTOCOL).catch(() => undefined)
    }
  }
]

/** Attacks a relay again and again, each time under a new key; resolves to the number of keys. */
export async function hostileGuests(count: number, relay: RunningNode, signal: AbortSignal): Promise<number> {
  let keys = 0
  const one = async (): Promise<void> => {
    while (!signal.aborted) {
      await using guest = await Stranger.start()
      keys++
      for (const attack of ATTACKS) {
        await Promise.race([attack(relay, guest, signal).catch(() => undefined), delay(ATTACK_MS)])
        await delay(PAUSE_MS)
      }
    }
  }
  await Promise.all(Array.from({ length: count }, one))
  return keys
}
