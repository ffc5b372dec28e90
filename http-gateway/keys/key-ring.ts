import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { RateLimitedError } from './errors.ts'
import { matches } from './hash.ts'
import { keyId, readKeys, type KeyLimits, type KeyRecord } from './key-file.ts'

/** How often the file of keys is looked at, in milliseconds. */
const LOOK_INTERVAL_MS = 1000

/** Keys that may wait to be checked: each costs 16 MiB and some 50 ms. */
const MAX_CHECKS = 32

/** A caller, by the key that came with the request. */
export interface Caller extends KeyLimits {
  /** The key's name; never the key. */
  name: string
  /** Whether it is the token of the node's home: its owner's commands. */
  owner: boolean
}

export interface KeyRingInit {
  /** Clear keys from the settings; without limits. */
  apiKeys: readonly string[]
  /** The file of `lobstah-node keys`. */
  file: string | undefined
  /** The home's token: admits the owner's own commands. */
  token: string | undefined
  /** Told of a file that has become unusable; the keys read before stay in force. */
  onError: (err: unknown) => void
}

/** The keys of one gateway. A kept key's scrypt is paid once a process: after that a keyed hash knows it. */
export class KeyRing {
  readonly #init: KeyRingInit
  readonly #secret = randomBytes(32)
  readonly #clear: { hash: Buffer; caller: Caller }[]
  #records = new Map<string, KeyRecord>()
  /** Keys that were found good, by their keyed hash. */
  readonly #known = new Map<string, Caller>()
  readonly #checking = new Map<string, Promise<Caller | undefined>>()
  #checks: Promise<unknown> = Promise.resolve()
  #looked = -Infinity
  #version = ''

  constructor(init: KeyRingInit) {
    this.#init = init
    this.#clear = init.apiKeys.map((key, index) => ({
      hash: this.#hash(key),
      caller: { name: `settings-${index + 1}`, owner: false }
    }))
    if (init.token !== undefined)
      this.#clear.push({ hash: this.#hash(init.token), caller: { name: 'owner', owner: true } })
  }

  /** Whether callers need a key: there is one besides the owner's token. */
  get required(): boolean {
    return this.#init.apiKeys.length > 0 || this.#records.size > 0
  }

  /** Reads the file where it has changed, at most once a second unless `now`. Throws KeyFileError with `now`. */
  async look(now = false): Promise<void> {
    const { file, onError } = this.#init
    const time = performance.now()
    if (file === undefined || (!now && time - this.#looked < LOOK_INTERVAL_MS)) return
    this.#looked = time
    try {
      const version = await versionOf(file)
      if (version === this.#version) return
      const records = await readKeys(file)
      this.#records = new Map(records.map((record) => [record.id, record]))
      this.#known.clear()
      this.#version = version
    } catch (err) {
      if (now) throw err
      onError(err)
    }
  }

  /** The caller of a key by its name; undefined when there is none any more. */
  named(name: string): Caller | undefined {
    const clear = this.#clear.find(({ caller }) => caller.name === name && !caller.owner)
    if (clear !== undefined) return clear.caller
    const record = [...this.#records.values()].find((kept) => kept.name === name)
    return record === undefined ? undefined : toCaller(record)
  }

  /** Whose key it is; undefined when it is nobody's. Throws RateLimitedError when too many are being checked. */
  async identify(key: string): Promise<Caller | undefined> {
    const hash = this.#hash(key)
    let found: Caller | undefined
    for (const clear of this.#clear) if (timingSafeEqual(clear.hash, hash)) found = clear.caller
    if (found !== undefined) return found
    const name = hash.toString('base64url')
    const known = this.#known.get(name)
    if (known !== undefined) return known
    const record = this.#records.get(keyId(key) ?? '')
    if (record === undefined) return undefined
    const checking = this.#checking.get(name) ?? this.#check(name, key, record)
    return await checking
  }

  /** One after another, so that wrong keys cannot take all of libuv's threads. */
  #check(name: string, key: string, record: KeyRecord): Promise<Caller | undefined> {
    if (this.#checking.size >= MAX_CHECKS)
      throw new RateLimitedError('Too many API keys are being checked', LOOK_INTERVAL_MS)
    const check = this.#checks.then(async () => {
      try {
        if (!(await matches(key, record.scrypt))) return undefined
        const caller = toCaller(record)
        // The file may have been read anew meanwhile.
        if (this.#records.get(record.id) === record) this.#known.set(name, caller)
        return caller
      } finally {
        this.#checking.delete(name)
      }
    })
    this.#checks = check.catch(() => undefined)
    this.#checking.set(name, check)
    return check
  }

  #hash(key: string): Buffer {
    return createHmac('sha256', this.#secret).update(key).digest()
  }
}

function toCaller({ name, models, perMinute, spendPerDay, tier }: KeyRecord): Caller {
  return {
    name,
    owner: false,
    ...(models === undefined ? {} : { models }),
    ...(perMinute === undefined ? {} : { perMinute }),
    ...(spendPerDay === undefined ? {} : { spendPerDay }),
    ...(tier === undefined ? {} : { tier })
  }
}

/** Identifies the state of a file; empty if there is no file. */
async function versionOf(file: string): Promise<string> {
  try {
    const { mtimeMs, size, ino } = await stat(file)
    return `${mtimeMs} ${size} ${ino}`
  } catch (err) {
    if (err instanceof Error && 'code' in err && err.code === 'ENOENT') return ''
    throw err
  }
}
