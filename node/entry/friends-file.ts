import { unwatchFile, watchFile } from 'node:fs'
import { configFile, resolveConfig, type Config } from '../config/index.ts'

/** How often a running node looks for a change of its friends, in milliseconds. */
const LOOK_INTERVAL_MS = 500

/** The friends in a home's config.json, whatever flags and variables say. Throws ConfigError. */
export function friendsInFile(home: string): readonly string[] {
  return resolveConfig({ flags: { home }, env: {}, homeDir: home }).friends
}

/**
 * The current friends. Follows config.json, so that `friends add` and `remove` work on a node that runs; not
 * where a flag or a variable names the friends, for those come first.
 */
export class Friends {
  readonly #home: string
  readonly #onError: (err: unknown) => void
  readonly #follows: boolean
  #ids: ReadonlySet<string>

  constructor({ home, friends }: Config, onError: (err: unknown) => void) {
    this.#home = home
    this.#onError = onError
    this.#ids = new Set(friends)
    const kept = new Set(friendsInFile(home))
    this.#follows = this.#ids.size === kept.size && friends.every((peer) => kept.has(peer))
    if (this.#follows) {
      // By its times, not by the system's events: those of a folder come for each write of the ledger.
      watchFile(configFile(home), { interval: LOOK_INTERVAL_MS, persistent: false }, this.#onChange)
    }
  }

  has(peer: string): boolean {
    return this.#ids.has(peer)
  }

  stop(): void {
    if (this.#follows) unwatchFile(configFile(this.#home), this.#onChange)
  }

  readonly #onChange = (): void => {
    try {
      this.#ids = new Set(friendsInFile(this.#home))
    } catch (err) {
      // Somebody is editing the file: the friends stay who they were until it can be read.
      this.#onError(err)
    }
  }
}
