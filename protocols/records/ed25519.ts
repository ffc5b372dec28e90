import { createPrivateKey, createPublicKey, sign, verify, type KeyObject } from 'node:crypto'
import type { PrivateKey } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { InvalidRecordError } from './errors.ts'

/** What goes before a 32-byte public key in SubjectPublicKeyInfo (RFC 8410). */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')

/** What goes before a 32-byte seed in PKCS #8 (RFC 8410). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')

/** Public keys that are kept ready: importing one takes longer than a signature. */
const MAX_KEYS = 1024

const publicKeys = new Map<string, KeyObject>()
const privateKeys = new WeakMap<PrivateKey, KeyObject>()

/** Signs bytes with a peer's key. Throws InvalidRecordError when it is not an Ed25519 key. */
export function signBytes(privateKey: PrivateKey, bytes: Uint8Array): Buffer {
  let key = privateKeys.get(privateKey)
  if (key === undefined) {
    if (privateKey.type !== 'Ed25519') throw new InvalidRecordError('Only Ed25519 keys sign records')
    const der = Buffer.concat([PKCS8_PREFIX, privateKey.raw.subarray(0, 32)])
    key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
    privateKeys.set(privateKey, key)
  }
  return sign(null, bytes, key)
}

/** Whether a signature over bytes is that of the peer with this id. */
export function verifyBytes(peer: string, bytes: Uint8Array, signature: Uint8Array): boolean {
  let key = publicKeys.get(peer)
  if (key === undefined) {
    const { publicKey } = peerIdFromString(peer)
    if (publicKey?.type !== 'Ed25519') return false
    key = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, publicKey.raw]), format: 'der', type: 'spki' })
    if (publicKeys.size >= MAX_KEYS) publicKeys.clear()
    publicKeys.set(peer, key)
  }
  return verify(null, bytes, key, signature)
}
