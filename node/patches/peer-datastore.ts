import { LevelDatastore } from 'datastore-level'
import type { Batch, Key, Pair } from 'interface-datastore'
import QuickLRU from 'quick-lru'
import { requireMembers } from './members.ts'

/** How long an entry waits to be written, in milliseconds: so much a node that is killed forgets. */
const WRITE_INTERVAL_MS = 1000

/** Peers kept on disk: libp2p itself forgets none that does not come back, and keys cost nothing. */
const MAX_PEERS = 8192

/** The keys of peers, and the first key after them. */
const PEERS = { gte: '/peers/', lt: '/peers0' }

/** Entries that are remembered. */
const MAX_REMEMBERED = 4096

/**
 * libp2p's peer store: on disk, with entries in use kept in memory. libp2p reads and writes the peer's entry for
 * every stream that it opens or takes, and each first token would wait for the disk.
 */
export class PeerDatastore extends LevelDatastore {
  readonly #remembered = new QuickLRU<string, Uint8Array>({ maxSize: MAX_REMEMBERED })
  #unwritten = new Map<string, Uint8Array>()
  #writing: Promise<unknown> = Promise.resolve()
  #timer: NodeJS.Timeout | undefined
  /** Keys of the peers on disk, the one that was written longest ago first; undefined before the first write. */
  #peers: Set<string> | undefined
  readonly #maxPeers: number

  constructor(path: ConstructorParameters<typeof LevelDatastore>[0], { maxPeers = MAX_PEERS } = {}) {
    super(path)
    this.#maxPeers = maxPeers
    requireMembers('datastore-level', this, ['db.batch()', 'db.keys()'])
    requireMembers('datastore-level', LevelDatastore.prototype, ['_query()'])
  }

  override put(key: Key, value: Uint8Array): Promise<Key> {
    this.#remembered.set(key.toString(), value)
    this.#unwritten.set(key.toString(), value)
    this.#timer ??= setTimeout(() => this.#write(), WRITE_INTERVAL_MS).unref()
    return Promise.resolve(key)
  }

  override async get(key: Key, options?: Parameters<LevelDatastore['get']>[1]): Promise<Uint8Array> {
    const value = this.#known(key) ?? (await super.get(key, options))
    this.#remembered.set(key.toString(), value)
    return value
  }

  override async has(key: Key, options?: Parameters<LevelDatastore['has']>[1]): Promise<boolean> {
    return this.#known(key) !== undefined || (await super.has(key, options))
  }

  override async delete(key: Key, options?: Parameters<LevelDatastore['delete']>[1]): Promise<void> {
    this.#remembered.delete(key.toString())
    this.#unwritten.delete(key.toString())
    await this.#writing
    this.#peers?.delete(key.toString())
    await super.delete(key, options)
  }

  /** Unlike Level's own, not all or nothing. */
  override batch(): Batch {
    const work: (() => Promise<unknown>)[] = []
    return {
      put: (key, value) => void work.push(() => this.put(key, value)),
      delete: (key) => void work.push(() => this.delete(key)),
      commit: async () => {
        for (const step of work.splice(0)) await step()
      }
    }
  }

  override async *_query(query: Parameters<LevelDatastore['_query']>[0]): AsyncGenerator<Pair> {
    this.#write()
    await this.#writing
    yield* super._query(query)
  }

  override async close(): Promise<void> {
    this.#write()
    await this.#writing
    await super.close()
  }

  #known(key: Key): Uint8Array | undefined {
    return this.#remembered.get(key.toString()) ?? this.#unwritten.get(key.toString())
  }

  /** An entry that cannot be written now is written at its next change; at worst it is learned anew. */
  #write(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const entries = [...this.#unwritten].map(([key, value]) => ({ type: 'put' as const, key, value }))
    this.#unwritten = new Map()
    if (entries.length === 0) return
    const before = this.#writing
    this.#writing = before
      .then(async () => {
        const surplus = await this.#surplus(entries.map(({ key }) => key))
        await this.db.batch([...entries, ...surplus.map((key) => ({ type: 'del' as const, key }))])
      })
      .catch(() => undefined)
  }

  /** Takes note of peers that are written; resolves to those that have to go for them. */
  async #surplus(keys: string[]): Promise<string[]> {
    const peers = (this.#peers ??= new Set(await this.db.keys(PEERS).all()))
    for (const key of keys) {
      if (key < PEERS.gte || key >= PEERS.lt) continue
      peers.delete(key)
      peers.add(key)
    }
    const surplus = [...peers].slice(0, Math.max(0, peers.size - this.#maxPeers))
    for (const key of surplus) {
      peers.delete(key)
      this.#remembered.delete(key)
    }
    return surplus
  }
}
