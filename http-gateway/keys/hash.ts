import { randomBytes, scrypt, timingSafeEqual, type ScryptOptions } from 'node:crypto'
import { promisify } from 'node:util'
import { z } from 'zod'

const derive = promisify<string, Buffer, number, ScryptOptions, Buffer>(scrypt)

/** Bytes of a salt and of a hash. */
const [SALT_BYTES, HASH_BYTES] = [16, 32]

/** scrypt's cost for new keys: 16 MiB and some 50 ms each. Keys are random, so this only has to be enough. */
const COST = { N: 16_384, r: 8, p: 1 }

/** Most memory that a record's parameters may ask for, in bytes. */
const MAX_MEMORY = 64 * 1024 * 1024

/** A secret's hash with all that is needed to compute it again. */
export const keyHash = z.strictObject({
  N: z.int().min(2).max(65_536),
  r: z.int().min(1).max(8),
  p: z.int().min(1).max(4),
  /** base64url, as is `hash`. */
  salt: z.string().min(16).max(64),
  hash: z.string().length(43)
})
export type KeyHash = z.infer<typeof keyHash>

/** Hashes a new secret under a salt of its own. */
export async function hashSecret(secret: string): Promise<KeyHash> {
  const salt = randomBytes(SALT_BYTES)
  const hash = await derive(secret, salt, HASH_BYTES, { ...COST, maxmem: MAX_MEMORY })
  return { ...COST, salt: salt.toString('base64url'), hash: hash.toString('base64url') }
}

/** Whether a secret is the one that was hashed; in constant time. */
export async function matches(secret: string, { N, r, p, salt, hash }: KeyHash): Promise<boolean> {
  const wanted = Buffer.from(hash, 'base64url')
  const options = { N, r, p, maxmem: MAX_MEMORY + 1024 * 1024 }
  const given = await derive(secret, Buffer.from(salt, 'base64url'), HASH_BYTES, options)
  return wanted.length === given.length && timingSafeEqual(wanted, given)
}
