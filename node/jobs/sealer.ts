import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import { JobStoreError } from './errors.ts'

const CIPHER = 'aes-256-gcm'
const KEY_BYTES = 32
const NONCE_BYTES = 12
const TAG_BYTES = 16
const PURPOSE = 'lobstah-node jobs 1'

/** The key that content is sealed with, derived from the seed of the node's own key. */
export function storageKey(seed: Uint8Array): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', seed, '', PURPOSE, KEY_BYTES))
}

/** Seals content at rest: AES-256-GCM, with a random nonce, bound to the place that it is kept in. */
export class Sealer {
  readonly #key: Uint8Array

  constructor(key: Uint8Array) {
    this.#key = key
  }

  seal(content: Uint8Array, place: string): Uint8Array {
    const nonce = randomBytes(NONCE_BYTES)
    const cipher = createCipheriv(CIPHER, this.#key, nonce).setAAD(Buffer.from(place))
    return Buffer.concat([nonce, cipher.update(content), cipher.final(), cipher.getAuthTag()])
  }

  /** Throws JobStoreError where the content is damaged, moved, or sealed with another key. */
  open(sealed: Uint8Array, place: string): Buffer {
    const end = sealed.byteLength - TAG_BYTES
    try {
      const decipher = createDecipheriv(CIPHER, this.#key, sealed.subarray(0, NONCE_BYTES))
        .setAAD(Buffer.from(place))
        .setAuthTag(sealed.subarray(end))
      return Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES, end)), decipher.final()])
    } catch (err) {
      throw new JobStoreError(`The job store's content at ${place} cannot be opened: it is damaged`, {
        cause: err
      })
    }
  }

  sealJson(value: unknown, place: string): Uint8Array {
    return this.seal(Buffer.from(JSON.stringify(value)), place)
  }

  openJson(sealed: Uint8Array, place: string): unknown {
    return JSON.parse(this.open(sealed, place).toString('utf8'))
  }
}
