import {
  PRESENCE,
  WITHDRAWAL,
  contactSchema,
  holdsNow,
  meshTag,
  sealForMesh,
  unsealForMesh,
  type Contact,
  type Presence
} from '../../protocols/presence/index.ts'
import { open, seal, signedRecord, type SignedRecord } from '../../protocols/records/index.ts'
import {
  MAX_TRACKER_ANSWER_BYTES,
  announcedSchema,
  peersSchema,
  refusalSchema
} from '../../protocols/tracker/index.ts'
import { Clock, type Board, type Self } from './board.ts'
import { EXCHANGE_TIMEOUT_MS, MAX_FOUND, TRACKER_TTL_MS } from './constants.ts'
import { RendezvousError } from './errors.ts'

/** Longest text of a tracker that is quoted, in characters. */
const MAX_QUOTE_LENGTH = 200

/** A tracker by its URL: see `protocols/tracker/README.md`. */
export class TrackerBoard implements Board {
  readonly name: string
  readonly #base: string
  readonly #self: Self
  readonly #clock: Clock

  constructor({ url }: { url: string }, self: Self) {
    this.name = url
    this.#base = url.replace(/\/+$/, '')
    this.#self = self
    this.#clock = new Clock(self.now)
  }

  async publish(contact: Contact, { signal }: { signal: AbortSignal }): Promise<number> {
    const { peer, privateKey, meshKeys } = this.#self
    const [key] = meshKeys()
    const issuedAt = this.#clock.next()
    const shown = key === undefined ? contact : { addresses: [], models: [], relay: false }
    const record = await seal(
      PRESENCE,
      {
        peer,
        mesh: meshTag(key),
        ...shown,
        ...(key === undefined ? {} : { sealed: sealForMesh(JSON.stringify(contact), key) }),
        issuedAt,
        expiresAt: issuedAt + TRACKER_TTL_MS
      },
      privateKey
    )
    const { ttlMs } = await this.#ask('/announce', announcedSchema, signal, record)
    return Math.min(ttlMs, TRACKER_TTL_MS)
  }

  async withdraw({ signal }: { signal: AbortSignal }): Promise<void> {
    const { peer, privateKey } = this.#self
    const record = await seal(WITHDRAWAL, { peer, issuedAt: this.#clock.next() }, privateKey)
    await this.#ask('/unannounce', anything, signal, record)
  }

  async find({ signal }: { signal: AbortSignal }): Promise<Presence[]> {
    const keys = this.#self.meshKeys()
    const meshes = keys.length === 0 ? [meshTag(undefined)] : keys.map(meshTag)
    const found: Presence[] = []
    for (const mesh of meshes) {
      const { peers } = await this.#ask(`/peers?mesh=${mesh}&limit=${MAX_FOUND}`, peersSchema, signal)
      for (const record of peers.slice(0, MAX_FOUND)) {
        const presence = await this.#read(record, mesh, keys)
        if (presence !== undefined) found.push(presence)
      }
    }
    return found
  }

  async #read(value: unknown, mesh: string, keys: readonly Uint8Array[]): Promise<Presence | undefined> {
    try {
      const presence = await open(PRESENCE, signedRecord.parse(value))
      if (presence.mesh !== mesh || !holdsNow(presence, this.#self.now())) return undefined
      if (keys.length === 0) return presence.sealed === undefined ? presence : undefined
      const contact = unsealForMesh(presence.sealed ?? '', keys)
      return { ...presence, ...contactSchema.parse(JSON.parse(contact ?? '')) }
    } catch {
      return undefined
    }
  }

  async #ask<T>(
    path: string,
    schema: { parse: (value: unknown) => T },
    signal: AbortSignal,
    record?: SignedRecord
  ): Promise<T> {
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(EXCHANGE_TIMEOUT_MS)])
    const request: RequestInit =
      record === undefined
        ? {}
        : { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(record) }
    try {
      const response = await fetch(this.#base + path, { ...request, redirect: 'error', signal: deadline })
      const text = await bodyOf(response)
      if (!response.ok) throw new RendezvousError(`It refuses (${response.status}): ${reasonIn(text)}`)
      return schema.parse(JSON.parse(text))
    } catch (err) {
      signal.throwIfAborted()
      throw new RendezvousError(`The tracker ${this.name} cannot be used: ${reasonOf(err)}`, { cause: err })
    }
  }
}

const anything = { parse: (value: unknown): unknown => value }

/** Reads a body, and stops at one that is too long: a tracker could send without end. */
async function bodyOf(response: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength
    if (bytes > MAX_TRACKER_ANSWER_BYTES)
      throw new RendezvousError(`its answer is longer than ${MAX_TRACKER_ANSWER_BYTES} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

function reasonIn(text: string): string {
  try {
    const { error } = refusalSchema.parse(JSON.parse(text))
    return quoted(`${error.code}: ${error.message}`)
  } catch {
    return 'no reason given'
  }
}

function reasonOf(err: unknown): string {
  if (err instanceof RendezvousError) return err.message
  if (err instanceof Error && err.name === 'TimeoutError') return 'it does not answer in time'
  if (err instanceof TypeError) return quoted(err.cause instanceof Error ? err.cause.message : err.message)
  return 'its answer is not one of a tracker'
}

/** Remote text without control characters, cut short. */
function quoted(text: string): string {
  return JSON.stringify(text.slice(0, MAX_QUOTE_LENGTH))
}
