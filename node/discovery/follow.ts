import { setTimeout as delay } from 'node:timers/promises'
import type { Connection, Libp2p, Logger, PeerId } from '@libp2p/interface'
import { subscribeInfo, type Announcement } from '../../protocols/index.ts'
import { bestConnection, onBetterConnection } from './route.ts'

/** Longest wait for a contributor that was found to be reached, in milliseconds. */
const DIAL_TIMEOUT_MS = 8000

/** First wait before a lost contributor is dialled again, doubled each time, in milliseconds. */
const REDIAL_MS = 500

/** How often a lost contributor is dialled again before only the DHT brings it back. */
const MAX_REDIALS = 6

/** The same for one that never was there: it may be made up, and takes the place of another. */
const MAX_UNMET_REDIALS = 1

export interface FollowHooks {
  onAnnouncement: (announcement: Announcement) => void
  /** The contributor cannot be asked for now. */
  onLost: () => void
}

export interface FollowComponents {
  libp2p: Libp2p
  log: Logger
  now: () => number
}

/** Subscribes to a contributor again and again until it says goodbye, cannot be reached for a while, or is let go. */
export async function follow(
  id: PeerId,
  { onAnnouncement, onLost }: FollowHooks,
  { libp2p, log, now }: FollowComponents,
  signal: AbortSignal
): Promise<void> {
  let redials = MAX_UNMET_REDIALS
  for (let failures = 0; failures <= redials; failures++) {
    const better = new AbortController()
    try {
      const connection = await connect(libp2p, id, signal)
      const unwatch = onBetterConnection(libp2p, connection, () => better.abort())
      try {
        const either = AbortSignal.any([signal, better.signal])
        for await (const announcement of subscribeInfo(connection, { signal: either, now })) {
          failures = 0
          redials = MAX_REDIALS
          if (announcement.leaving === true) return
          onAnnouncement(announcement)
        }
      } finally {
        unwatch()
      }
    } catch (err) {
      if (signal.aborted) return
      // It is as alive as before: the subscription only moves, before the worse connection may die.
      if (better.signal.aborted) continue
      log('lost contributor %p - %e', id, err)
    }
    onLost()
    // Another connection may be open: one over the other relay, say.
    if (failures === 0 && bestConnection(libp2p, id) !== undefined) continue
    await delay(REDIAL_MS * 2 ** failures, undefined, { signal }).catch(() => undefined)
    if (signal.aborted) return
  }
}

async function connect(libp2p: Libp2p, id: PeerId, signal: AbortSignal): Promise<Connection> {
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(DIAL_TIMEOUT_MS)])
  return bestConnection(libp2p, id) ?? (await libp2p.dial(id, { signal: deadline }))
}
