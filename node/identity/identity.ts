import { randomUUID } from 'node:crypto'
import { link, mkdir, open, rm, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import {
  generateKeyPair,
  generateKeyPairFromSeed,
  privateKeyFromProtobuf,
  privateKeyToProtobuf
} from '@libp2p/crypto/keys'
import type { Ed25519PeerId, Ed25519PrivateKey } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { IdentityError } from './errors.ts'

/** Bytes of an Ed25519 key's seed, which the public key follows from (RFC 8032). */
const SEED_LENGTH = 32

/** Longest file that is read, in bytes: an Ed25519 key takes 68. */
const MAX_FILE_LENGTH = 4096

/** This node's key and what follows from it. */
export interface Identity {
  privateKey: Ed25519PrivateKey
  peerId: Ed25519PeerId
  /** The public key's 32 bytes, base64url. */
  publicKey: string
  /** Sentences for the person who runs the node. */
  warnings: string[]
}

/**
 * Reads the key in `file` (libp2p's protobuf encoding), or makes one, mode 0600. A file that is there is never
 * written. Throws IdentityError when it cannot be read, or is no Ed25519 key.
 */
export async function loadOrCreateIdentity(file: string): Promise<Identity> {
  return (await load(file)) ?? (await create(file))
}

/** The key in the file, or undefined when there is no file. */
async function load(file: string): Promise<Identity | undefined> {
  let handle: FileHandle | undefined
  let bytes: Uint8Array
  let mode: number
  try {
    handle = await open(file, 'r')
    const { buffer, bytesRead } = await handle.read({ buffer: Buffer.alloc(MAX_FILE_LENGTH + 1) })
    bytes = buffer.subarray(0, bytesRead)
    mode = (await handle.stat()).mode
  } catch (err) {
    if (err instanceof Error && 'code' in err && err.code === 'ENOENT') return undefined
    throw new IdentityError(
      `The key ${file} cannot be read (${reason(err)}): check that it is a file, and its owner and permissions`,
      { cause: err }
    )
  } finally {
    await handle?.close()
  }
  return identity(await parse(bytes, file), warnings(mode, file))
}

async function parse(bytes: Uint8Array, file: string): Promise<Ed25519PrivateKey> {
  const remedy = `restore it from a backup, or move it away to get a new key and with it a new peer id`
  let key: ReturnType<typeof privateKeyFromProtobuf>
  try {
    key = privateKeyFromProtobuf(bytes)
  } catch (err) {
    throw new IdentityError(`The key ${file} is damaged (${reason(err)}): ${remedy}`, { cause: err })
  }
  if (key.type !== 'Ed25519')
    throw new IdentityError(`The key ${file} is of type ${key.type}, not Ed25519: ${remedy}`)
  const whole = await generateKeyPairFromSeed('Ed25519', key.raw.subarray(0, SEED_LENGTH))
  if (!whole.equals(key))
    throw new IdentityError(`The key ${file} is damaged (its halves disagree): ${remedy}`)
  return key
}

/** Makes a key. The file appears whole or not at all, and never in place of another program's. */
async function create(file: string): Promise<Identity> {
  const privateKey = await generateKeyPair('Ed25519')
  const temporary = `${file}.${randomUUID()}`
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 })
    try {
      await writeSynced(temporary, privateKeyToProtobuf(privateKey))
      // Unlike a rename, a link fails when another program was faster.
      await link(temporary, file)
    } finally {
      await rm(temporary, { force: true })
    }
    await syncDirectory(dirname(file))
  } catch (err) {
    const other =
      err instanceof Error && 'code' in err && err.code === 'EEXIST' ? await load(file) : undefined
    if (other !== undefined) return other
    throw new IdentityError(
      `The key ${file} cannot be made (${reason(err)}): check the folder's permissions and the free space, or use --home`,
      { cause: err }
    )
  }
  return identity(privateKey, [])
}

async function writeSynced(file: string, bytes: Uint8Array): Promise<void> {
  const handle = await open(file, 'wx', 0o600)
  try {
    await handle.writeFile(bytes)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Makes the new name outlast a power cut. Windows has no such call, and needs none. */
async function syncDirectory(directory: string): Promise<void> {
  if (process.platform === 'win32') return
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

function identity(privateKey: Ed25519PrivateKey, warnings: string[]): Identity {
  const publicKey = Buffer.from(privateKey.publicKey.raw).toString('base64url')
  return { privateKey, peerId: peerIdFromPrivateKey(privateKey), publicKey, warnings }
}

/** Windows has access lists instead of modes. */
function warnings(mode: number, file: string): string[] {
  const permissions = mode & 0o777
  if (permissions === 0o600 || process.platform === 'win32') return []
  const shown = permissions.toString(8).padStart(4, '0')
  return [`the key ${file} has mode ${shown}, not 0600: others may be able to use it; run chmod 600 on it`]
}

function reason(err: unknown): string {
  return err instanceof Error ? err.message : String(err)
}
