import { LevelDatastore } from 'datastore-level'
import type { Batch, Key, Pair } from 'interface-datastore'
import QuickLRU from 'quick-lru'
import { requireMembers } from './members.ts'

/** How long an entry waits to be written, in milliseconds: so much a node that is killed forgets. */
const WRITE_INTERVAL_MS = 1000

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

  constructor(...args: ConstructorParameters<typeof LevelDatastore>) {
    super(...args)
    requireMembers('datastore-level', this, ['db.batch()'])
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
    this.#writing = before.then(() => this.db.batch(entries)).catch(() => undefined)
  }
}
