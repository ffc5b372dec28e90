import { CLOCK_SKEW_MS } from '../../protocols/constants.ts'
import { PRESENCE, WITHDRAWAL, holdsNow, isFresh, type Presence } from '../../protocols/presence/presence.ts'
import {
  InvalidRecordError,
  open,
  type RecordKind,
  type SignedRecord
} from '../../protocols/records/index.ts'
import { MAX_ENTRIES, MAX_PER_HOST, MAX_PER_SUBNET, MAX_TTL_MS } from './constants.ts'
import { TrackerRefusalError } from './errors.ts'

/** Where a request came from: the address, and the network around it. */
export interface Origin {
  host: string
  subnet: string
}

interface Entry extends Origin {
  mesh: string
  /** Undefined once the peer has withdrawn it: the entry then only remembers `issuedAt`. */
  record: SignedRecord | undefined
  /** When the peer signed its latest word; older words are refused. */
  issuedAt: number
  /** Until when the record is listed, in milliseconds since 1970. */
  until: number
}

export interface RegistryInit {
  /** @default 5,000 */
  maxEntries?: number
}

/**
 * The presences that a tracker lists. An entry outlives its record until an older word of the peer would be refused as
 * stale, so that nothing can be replayed; it takes a place until then.
 */
export class Registry {
  readonly #entries = new Map<string, Entry>()
  readonly #perHost = new Map<string, number>()
  readonly #perSubnet = new Map<string, number>()
  readonly #maxEntries: number
  readonly #now: () => number

  constructor({ maxEntries = MAX_ENTRIES }: RegistryInit, { now }: { now: () => number }) {
    this.#maxEntries = maxEntries
    this.#now = now
  }

  /** Places taken. */
  get size(): number {
    return this.#entries.size
  }

  /** Lists a peer; returns for how long, in milliseconds. Throws TrackerRefusalError. */
  async announce(record: SignedRecord, origin: Origin): Promise<number> {
    const presence = await this.#opened(PRESENCE, record)
    const now = this.#now()
    if (!holdsNow(presence, now))
      throw new TrackerRefusalError('invalid_record', 'It has expired, or holds too long')
    const known = this.#entries.get(presence.peer)
    // The answer to it was lost.
    if (known?.record?.payload === record.payload && known.until > now) return known.until - now
    this.#requireNewer(known, presence.issuedAt)
    if (known === undefined) this.#makeRoom(origin)
    this.#forget(presence.peer)
    const until = Math.min(presence.expiresAt, now + MAX_TTL_MS)
    this.#keep(presence.peer, { ...origin, mesh: presence.mesh, record, issuedAt: presence.issuedAt, until })
    return until - now
  }

  /** Lists a peer no longer. Throws TrackerRefusalError. */
  async withdraw(record: SignedRecord): Promise<void> {
    const { peer, issuedAt } = await this.#opened(WITHDRAWAL, record)
    const known = this.#entries.get(peer)
    if (known === undefined) return
    this.#requireNewer(known, issuedAt)
    this.#entries.set(peer, { ...known, record: undefined, issuedAt, until: 0 })
  }

  /** At most `limit` records of a mesh at random, taken from each network in turn. */
  list(mesh: string, limit: number): SignedRecord[] {
    const now = this.#now()
    const networks = Map.groupBy(
      shuffled([...this.#entries.values()].filter((entry) => entry.mesh === mesh && entry.until > now)),
      ({ subnet }) => subnet
    )
    const queues = [...networks.values()]
    const found: SignedRecord[] = []
    while (found.length < limit && queues.some((queue) => queue.length > 0)) {
      for (const record of queues.map((queue) => queue.pop()?.record))
        if (record !== undefined) found.push(record)
    }
    return found.slice(0, limit)
  }

  /** Drops the entries that list nothing and need not be remembered. */
  sweep(): void {
    const now = this.#now()
    for (const [peer, { until, issuedAt }] of this.#entries) {
      if (Math.max(until, issuedAt + CLOCK_SKEW_MS) <= now) this.#forget(peer)
    }
  }

  async #opened<T extends Presence | { peer: string; issuedAt: number }>(
    kind: RecordKind<T>,
    record: SignedRecord
  ): Promise<T> {
    try {
      const payload = await open(kind, record)
      if (isFresh(payload, this.#now())) return payload
    } catch (err) {
      if (!(err instanceof InvalidRecordError)) throw err
      throw new TrackerRefusalError('invalid_record', err.message, { cause: err })
    }
    throw new TrackerRefusalError(
      'stale',
      `issuedAt is more than ${CLOCK_SKEW_MS / 60_000} minutes from this tracker's clock: set yours, or sign anew`
    )
  }

  #requireNewer(known: Entry | undefined, issuedAt: number): void {
    if (known !== undefined && issuedAt <= known.issuedAt)
      throw new TrackerRefusalError('replayed', 'This peer has signed something newer')
  }

  #makeRoom({ host, subnet }: Origin): void {
    const full = (): boolean =>
      this.#entries.size >= this.#maxEntries ||
      (this.#perHost.get(host) ?? 0) >= MAX_PER_HOST ||
      (this.#perSubnet.get(subnet) ?? 0) >= MAX_PER_SUBNET
    if (full()) this.sweep()
    if (
      (this.#perHost.get(host) ?? 0) >= MAX_PER_HOST ||
      (this.#perSubnet.get(subnet) ?? 0) >= MAX_PER_SUBNET
    )
      throw new TrackerRefusalError('too_many', 'Too many peers announce themselves from this network')
    if (this.#entries.size < this.#maxEntries) return
    // The network that takes most places gives one up, unless it would only be the newcomer's own.
    const [largest, count] = [...this.#perSubnet].reduce((a, b) => (b[1] > a[1] ? b : a), ['', 0])
    if (count <= (this.#perSubnet.get(subnet) ?? 0) + 1)
      throw new TrackerRefusalError('full', 'This tracker is full: try again later')
    const oldest = [...this.#entries].find(([, entry]) => entry.subnet === largest)
    if (oldest !== undefined) this.#forget(oldest[0])
  }

  #keep(peer: string, entry: Entry): void {
    this.#entries.set(peer, entry)
    add(this.#perHost, entry.host, 1)
    add(this.#perSubnet, entry.subnet, 1)
  }

  #forget(peer: string): void {
    const entry = this.#entries.get(peer)
    if (entry === undefined) return
    this.#entries.delete(peer)
    add(this.#perHost, entry.host, -1)
    add(this.#perSubnet, entry.subnet, -1)
  }
}

function add(counts: Map<string, number>, key: string, change: number): void {
  const count = (counts.get(key) ?? 0) + change
  if (count > 0) counts.set(key, count)
  else counts.delete(key)
}

function shuffled<T>(items: T[]): T[] {
  for (let last = items.length - 1; last > 0; last--) {
    const other = Math.floor(Math.random() * (last + 1))
    const [a, b] = [items[last] as T, items[other] as T]
    items[last] = b
    items[other] = a
  }
  return items
}
