import { randomUUID } from 'node:crypto'
import { link, mkdir, open, readFile, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { generateSecretKey, getPublicKey } from 'nostr-tools/pure'
import { NostrKeyError } from './errors.ts'

/** A key for Nostr: of its own, since Nostr's curve is another than the node's. */
export interface NostrKey {
  secretKey: Uint8Array
  /** The public key, in hexadecimal. */
  pubkey: string
}

/** Reads the key in `file`, 64 hexadecimal letters, or makes one, mode 0600; never replaces one. Throws NostrKeyError. */
export async function loadOrCreateNostrKey(file: string): Promise<NostrKey> {
  try {
    return (await load(file)) ?? (await create(file))
  } catch (err) {
    if (err instanceof NostrKeyError) throw err
    throw new NostrKeyError(
      `The Nostr key ${file} cannot be read or made (${err instanceof Error ? err.message : String(err)}): check its permissions and the free space`,
      { cause: err }
    )
  }
}

async function load(file: string): Promise<NostrKey | undefined> {
  const text = await readFile(file, 'utf8').catch((err: unknown) => {
    if (err instanceof Error && 'code' in err && err.code === 'ENOENT') return undefined
    throw err
  })
  return text === undefined ? undefined : keyOf(text.trim(), file)
}

/** The file appears whole or not at all. */
async function create(file: string): Promise<NostrKey> {
  const text = Buffer.from(generateSecretKey()).toString('hex')
  const temporary = `${file}.${randomUUID()}`
  await mkdir(dirname(file), { recursive: true, mode: 0o700 })
  try {
    const handle = await open(temporary, 'wx', 0o600)
    try {
      await handle.writeFile(`${text}\n`)
      await handle.sync()
    } finally {
      await handle.close()
    }
    // Unlike a rename, a link fails when another program was faster.
    await link(temporary, file)
  } catch (err) {
    const other = await load(file)
    if (other !== undefined) return other
    throw err
  } finally {
    await rm(temporary, { force: true })
  }
  return keyOf(text, file)
}

function keyOf(text: string, file: string): NostrKey {
  try {
    if (!/^[0-9a-f]{64}$/.test(text)) throw new NostrKeyError()
    const secretKey = new Uint8Array(Buffer.from(text, 'hex'))
    return { secretKey, pubkey: getPublicKey(secretKey) }
  } catch (err) {
    throw new NostrKeyError(
      `The Nostr key ${file} is damaged: restore it from a backup, or move it away to get a new one`,
      { cause: err }
    )
  }
}
