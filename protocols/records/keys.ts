import { createPublicKey, type KeyObject } from 'node:crypto'
import { peerIdFromString } from '@libp2p/peer-id'

/** Keys that are remembered: to take one out of its id costs more than to look it up. */
const MAX_REMEMBERED = 1024

/** What goes before the 32 bytes of an Ed25519 key in SubjectPublicKeyInfo (RFC 8410). */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')

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
