import { randomBytes } from 'node:crypto'
import { mkdir, readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { z } from 'zod'
import { MAX_MODEL_NAME_LENGTH, tier } from '../../protocols/inference/index.ts'
import { alone } from './alone.ts'
import { KeyFileError } from './errors.ts'
import { hashSecret, keyHash } from './hash.ts'
import { replaceFile } from './replace-file.ts'

/** Limits of a key; omitted ones are unlimited. */
const keyLimits = z.strictObject({
  /** Names of the models that it may ask for. */
  models: z.array(z.string().min(1).max(MAX_MODEL_NAME_LENGTH)).min(1).optional(),
  /** Requests for answers in a minute. */
  perMinute: z.int().min(1).max(1_000_000).optional(),
  /** Micro-credits in a day. */
  spendPerDay: z.int().min(0).max(Number.MAX_SAFE_INTEGER).optional(),
  /** The most urgent tier of its requests. */
  tier: tier.optional()
})
export type KeyLimits = z.infer<typeof keyLimits>

const keyRecord = z.strictObject({
  /** Part of the clear key: tells which record to check it against. */
  id: z.string().regex(/^[0-9a-f]{8}$/),
  name: z.string().regex(/^[\w.-]{1,64}$/),
  /** ISO 8601. */
  createdAt: z.string().max(32),
  scrypt: keyHash,
  ...keyLimits.shape
})
/** An API key as it is kept: its hash, never the key. */
export type KeyRecord = z.infer<typeof keyRecord>

const keyFile = z.strictObject({ version: z.literal(1), keys: z.array(keyRecord).max(1000) })

/** `lobstah_<id>_<secret>`. */
const KEY = /^lobstah_([0-9a-f]{8})_[\w-]{43}$/

/** The id in a clear key; undefined when it is not one of ours. */
export function keyId(key: string): string | undefined {
  return KEY.exec(key)?.[1]
}

/** The keys of a file, none when there is no file. Throws KeyFileError. */
export async function readKeys(file: string): Promise<KeyRecord[]> {
  try {
    return keyFile.parse(JSON.parse(await readFile(file, 'utf8'))).keys
  } catch (err) {
    if (err instanceof Error && 'code' in err && err.code === 'ENOENT') return []
    const reason = err instanceof z.ZodError ? z.prettifyError(err) : String(err)
    throw new KeyFileError(`${file} cannot be used (${reason}): mend it, or delete it and add keys anew`, {
      cause: err
    })
  }
}

/** Makes a key and keeps its hash. Returns the clear key, which is nowhere else. Throws KeyFileError. */
export async function addKey(file: string, name: string, limits: KeyLimits = {}): Promise<string> {
  const id = randomBytes(4).toString('hex')
  const key = `lobstah_${id}_${randomBytes(32).toString('base64url')}`
  const record = { id, name, createdAt: new Date().toISOString(), scrypt: await hashSecret(key), ...limits }
  await change(file, (keys) => {
    if (keys.some((kept) => kept.name === name))
      throw new KeyFileError(`There is a key named ${name} already: remove it first, or choose another name`)
    return [...keys, record]
  })
  return key
}

/** Removes a key; running nodes notice within a second. Throws KeyFileError when there is none of that name. */
export async function removeKey(file: string, name: string): Promise<void> {
  await change(file, (keys) => {
    const left = keys.filter((key) => key.name !== name)
    if (left.length === keys.length)
      throw new KeyFileError(`There is no key named ${name}; "lobstah-node keys list" shows those that are`)
    return left
  })
}

async function change(file: string, toNew: (keys: KeyRecord[]) => KeyRecord[]): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 })
  await alone(file, async () => {
    const checked = keyFile.safeParse({ version: 1, keys: toNew(await readKeys(file)) })
    if (!checked.success) throw new KeyFileError(`The key is not valid: ${z.prettifyError(checked.error)}`)
    await replaceFile(file, `${JSON.stringify(checked.data, null, 2)}\n`)
  })
}
