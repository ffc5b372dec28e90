import QuickLRU from 'quick-lru'
import { canonicalModelName } from '../../../protocols/index.ts'
import type { Contributor } from '../../discovery/index.ts'
import type { PeerStatus } from '../index.ts'
import { PeerHealth, type Standing } from './peer-health.ts'

/** Contributors that are remembered after they have left; those met longest ago are forgotten first. */
const MAX_SEEN = 1024

/** The parts of a contributor's status that only the caller knows. */
export type PeerDetails = Pick<PeerStatus, 'route' | 'path' | 'disputes' | 'tokenDrift' | 'paid' | 'contexts'>

/** This node's experience with each contributor since start. */
export class Peers {
  readonly #seen = new QuickLRU<string, Contributor>({ maxSize: MAX_SEEN })
  readonly #health = new QuickLRU<string, PeerHealth>({ maxSize: MAX_SEEN })
  /** Requests of this node that each is answering. */
  readonly #asked = new Map<string, number>()
  /** Those in touch when they were last looked at. */
  #present: ReadonlySet<string> = new Set()
  /** By how much these have changed since each peer's latest announcement. */
  readonly #since = new Map<string, number>()

  /** Remembers those in touch, so that one that leaves is still shown. */
  observe(contributors: Contributor[]): void {
    for (const contributor of contributors) {
      const { peer, announcement } = contributor
      if (this.#seen.peek(peer)?.announcement !== announcement) this.#since.delete(peer)
      this.#seen.set(peer, contributor)
      // A new subscription shows as much as a probe.
      if (!this.#present.has(peer)) this.#health.get(peer)?.probed(true, 0)
    }
    this.#present = new Set(contributors.map(({ peer }) => peer))
  }

  health(peer: string): PeerHealth {
    const health = this.#health.get(peer) ?? new PeerHealth()
    this.#health.set(peer, health)
    return health
  }

  /** How a peer has done, at `now` in milliseconds since 1970; one that was not asked is not remembered for it. */
  standing(peer: string, now: number): Standing {
    return this.#health.get(peer)?.standing(now) ?? 'unproven'
  }

  /** Notes a request to a peer; returns what to call when it is over. */
  asks(peer: string): () => void {
    this.#count(peer, 1)
    return () => this.#count(peer, -1)
  }

  /** How full a contributor is, in requests per slot: by its announcement, and by what this node has sent since. */
  load({ peer, announcement: { active, queued, slots } }: Contributor): number {
    const told = active + queued + (this.#since.get(peer) ?? 0)
    return Math.max(told, this.#asked.get(peer) ?? 0) / Math.max(1, slots)
  }

  #count(peer: string, change: 1 | -1): void {
    for (const counts of [this.#asked, this.#since]) {
      const count = (counts.get(peer) ?? 0) + change
      if (count === 0) counts.delete(peer)
      else counts.set(peer, count)
    }
  }

  /** The status of all that are live or were seen; `details` are told for each. */
  statuses(
    live: Contributor[],
    now: number,
    details: (contributor: Contributor) => PeerDetails
  ): PeerStatus[] {
    const present = new Map(live.map((contributor) => [contributor.peer, contributor]))
    return [...new Map([...this.#seen.entriesAscending(), ...present]).values()].map((contributor) => {
      const { slots, active, queued, models } = contributor.announcement
      const health = this.health(contributor.peer)
      const speeds = models.flatMap(({ id }) => {
        const speed = health.speed(canonicalModelName(id), now)
        return speed === undefined ? [] : [[id, speed] as const]
      })
      return {
        peer: contributor.peer,
        ...details(contributor),
        state: !present.has(contributor.peer)
          ? 'down'
          : health.unreachable || health.failing(now)
            ? 'excluded'
            : 'up',
        models: models.map(({ id }) => id),
        slots,
        active,
        queued,
        ...(speeds.length === 0 ? {} : { speeds: Object.fromEntries(speeds) }),
        answered: health.answered,
        failed: health.failed,
        firstTokenMs: health.firstTokenMs
      }
    })
  }
}
