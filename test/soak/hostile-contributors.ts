import { setTimeout as delay } from 'node:timers/promises'
import { multiaddr } from '@multiformats/multiaddr'
import { modelCid } from '../../node/discovery/index.ts'
import { DishonestContributor, type Sale } from '../support/dishonest-contributor.ts'
import type { ModelInfo } from '../../protocols/index.ts'

/** Bytes that a flooding peer sends of one answer before it gives up. */
const FLOOD_BYTES = 8 * 2 ** 20

/** Behaviours of hostile contributors. */
const KINDS: Record<string, (sale: Sale) => Promise<unknown>> = {
  busy: (sale) =>
    sale.send({ type: 'error', code: 'busy', message: 'later', retryable: true, retryAfterMs: 1000 }),
  slow: async (sale) => {
    await sale.accept()
    await delay(1500, undefined, { ref: false })
    await sale.delta('slow')
    await sale.receipt({ final: true })
    await sale.end()
  },
  lying: async (sale) => {
    await sale.accept()
    await sale.delta('lie')
    await sale.receipt({ final: true, completionTokens: 4000 })
    await sale.end({ completionTokens: 4000 })
  },
  dying: async (sale) => {
    await sale.accept()
    sale.frames.stream.abort(new DOMException('gone', 'AbortError'))
  },
  flooding: async (sale) => {
    await sale.accept()
    const frame = { type: 'delta', content: 'x'.repeat(10_000) }
    for (let sent = 0; sent < FLOOD_BYTES; sent += 10_000) await sale.send(frame)
  }
}

/** Keeps so many hostile contributors in a mesh, each of which leaves after a while for one with a new key. */
export async function hostileContributors(
  count: number,
  lifeMs: number,
  model: Partial<ModelInfo> & { id: string },
  meet: string[],
  signal: AbortSignal
): Promise<number> {
  const kinds = Object.values(KINDS)
  let started = 0
  const one = async (place: number): Promise<void> => {
    for (let turn = 0; !signal.aborted; turn++) {
      const peer = await DishonestContributor.start(['chat', 'completion', 'tools'], {
        ...model,
        price: { prompt: 0, completion: 1 }
      })
      started++
      peer.act = kinds[(place + turn) % kinds.length] ?? peer.act
      peer.claims = async () => await Promise.all(peer.sales.slice(-20).map((sale) => sale.claim()))
      try {
        for (const address of meet) await peer.libp2p.dial(multiaddr(address))
        void peer.libp2p.contentRouting.provide(await modelCid(model.id), { signal }).catch(() => undefined)
      } catch {
        // Refused: what is attacked may do so.
      }
      await delay(lifeMs * (0.5 + Math.random()), undefined, { signal }).catch(() => undefined)
      await peer.stop()
    }
  }
  await Promise.all(Array.from({ length: count }, (_, place) => one(place)))
  return started
}
