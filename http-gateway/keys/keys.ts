import type { FastifyRequest } from 'fastify'
import { ApiKeyError } from '../errors.ts'
import { OwnerRequiredError } from './errors.ts'
import { KeyRing, type Caller, type KeyRingInit } from './key-ring.ts'
import { Limits, mayAsk } from './limits.ts'
import { Spending } from './spending.ts'

export interface KeysInit extends Omit<KeyRingInit, 'file'> {
  /** The file of `lobstah-node keys`, and of what they have spent today. */
  files: { keys: string | undefined; spending: string | undefined }
  /** Whether a gateway without any key answers everybody: on loopback only. */
  open: boolean
  /** Milliseconds since 1970. @default Date.now */
  now?: () => number
}

declare module 'fastify' {
  interface FastifyRequest {
    /** The caller; undefined if no key is required, or no known one was sent. */
    caller: Caller | undefined
  }
}

/** Decides who may call a gateway, and how much each caller may ask for. */
export class Keys {
  readonly #ring: KeyRing
  readonly #spending: Spending
  readonly #limits: Limits
  readonly #open: boolean

  constructor({ files, open, now = Date.now, ...ring }: KeysInit) {
    this.#ring = new KeyRing({ ...ring, file: files.keys })
    this.#spending = new Spending({ file: files.spending, now, onError: ring.onError })
    this.#limits = new Limits(this.#spending)
    this.#open = open
  }

  /** Reads the files. Throws KeyFileError. */
  async load(): Promise<void> {
    await this.#ring.look(true)
    await this.#spending.load()
  }

  /** Whether callers need a key. */
  get required(): boolean {
    return this.#ring.required
  }

  /** The caller of a request. Throws ApiKeyError if a key is required and no known one was sent. */
  async identify(request: FastifyRequest): Promise<Caller | undefined> {
    await this.#ring.look()
    const bearer = /^Bearer +(.+)$/i.exec(request.headers.authorization ?? '')?.[1]
    const given = bearer ?? request.headers['x-api-key']
    const caller = typeof given === 'string' ? await this.#ring.identify(given) : undefined
    if (caller === undefined && (this.#ring.required || !this.#open)) throw new ApiKeyError()
    return caller
  }

  /** The caller that kept work belongs to, by its scope: see {@link scopeOf}. Throws ApiKeyError where the key is gone. */
  async named(scope: string): Promise<Caller | undefined> {
    if (scope === '') return undefined
    await this.#ring.look()
    const caller = this.#ring.named(scope)
    if (caller === undefined) throw new ApiKeyError(`The API key ${scope}, which the work was for, is gone`)
    return caller
  }

  /** `names` are those that the model goes by. Throws what {@link Keys.enter} would, and counts nothing: before work that is done ahead of an answer. */
  check(caller: Caller | undefined, ...names: readonly string[]): void {
    if (caller !== undefined) this.#limits.check(caller, ...names)
  }

  /** Lets a caller's request for an answer in. Throws what {@link Limits.enter} throws. */
  enter(caller: Caller | undefined, ...names: readonly string[]): void {
    if (caller !== undefined) this.#limits.enter(caller, ...names)
  }

  /** Whether a caller may ask for a model by any of the names that it goes by. */
  allows(caller: Caller | undefined, names: readonly string[]): boolean {
    return caller === undefined || mayAsk(caller, names)
  }

  /** Throws SpendingLimitError where a caller may have no more of the answer that it is given. */
  checkSpending(caller: Caller | undefined): void {
    if (caller !== undefined) this.#limits.checkSpending(caller)
  }

  /** Counts micro-credits against a caller's day. */
  spent(caller: Caller | undefined, microCredits: number): void {
    if (caller?.spendPerDay !== undefined) this.#limits.spent(caller, microCredits)
  }

  /** Resolves when what was spent is on disk. */
  async flushed(): Promise<void> {
    await this.#spending.flushed()
  }
}

/** Whose files and batches a caller sees: its own. Without a key, they are those of the home's owner. */
export function scopeOf(caller: Caller | undefined): string {
  return caller === undefined || caller.owner ? '' : caller.name
}

/**
 * The hook of every route with `owner: true`: those that change the node's state, or tell what is for its owner. It
 * wants the home's token on loopback too, where other programs and users of this machine can call.
 */
export function requireOwner(request: FastifyRequest, _reply: unknown, done: () => void): void {
  if (request.caller?.owner !== true) throw new OwnerRequiredError()
  done()
}
