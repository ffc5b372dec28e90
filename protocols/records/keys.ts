import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import type { PrivateKey } from '@libp2p/interface'
import { publicKeyFromRaw } from '@libp2p/crypto/keys'
import { peerIdFromPublicKey, peerIdFromString } from '@libp2p/peer-id'
import { InvalidRecordError } from './errors.ts'

/** Keys that are remembered: to take one out of its id costs more than to look it up. */
const MAX_REMEMBERED = 1024

/** Prefix of the 32 bytes of an Ed25519 key in SubjectPublicKeyInfo (RFC 8410). */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')

/** Prefix of the 32 bytes of an Ed25519 key's seed in PKCS #8 (RFC 8410). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')

/** Bytes of an Ed25519 key's seed (RFC 8032); libp2p's key has the public key behind it. */
const SEED_BYTES = 32

/** Cached signers, by key: creating one costs more than signing. */
const signers = new WeakMap<PrivateKey, KeyObject>()

const remembered = new Map<string, KeyObject>()

/** The Ed25519 key in a peer id; undefined where the text is not such an id in the one form that it has. */
export function publicKeyOf(peer: string): KeyObject | undefined {
  const known = remembered.get(peer)
  if (known !== undefined) return known
  const key = decode(peer)
  if (key === undefined) return undefined
  const [oldest] = remembered.keys()
  if (remembered.size >= MAX_REMEMBERED && oldest !== undefined) remembered.delete(oldest)
  remembered.set(peer, key)
  return key
}

/** The key that signs, as Node's own crypto takes it. Throws InvalidRecordError for other kinds than Ed25519. */
export function signerOf(privateKey: PrivateKey): KeyObject {
  const known = signers.get(privateKey)
  if (known !== undefined) return known
  if (privateKey.type !== 'Ed25519') throw new InvalidRecordError('Records are signed by Ed25519 keys alone')
  const seed = privateKey.raw.subarray(0, SEED_BYTES)
  const key = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' })
  signers.set(privateKey, key)
  return key
}

/** The peer id of an Ed25519 key's 32 bytes. Throws where they are none. */
export function peerOfKey(raw: Uint8Array): string {
  return peerIdFromPublicKey(publicKeyFromRaw(raw)).toString()
}

function decode(peer: string): KeyObject | undefined {
  try {
    const id = peerIdFromString(peer)
    // One text for each peer: a CID of the same key is another text.
    if (id.type !== 'Ed25519' || id.toString() !== peer) return undefined
    return createPublicKey({
      key: Buffer.concat([SPKI_PREFIX, id.publicKey.raw]),
      format: 'der',
      type: 'spki'
    })
  } catch {
    return undefined
  }
}
