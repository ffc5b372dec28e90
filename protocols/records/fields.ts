import { z } from 'zod'
import { peerIdFromString } from '@libp2p/peer-id'

/** 16 random bytes, base64url. */
export const orderId = z.string().regex(/^[A-Za-z0-9_-]{22}$/)

/** SHA-256, base64url. */
export const hash = z.string().regex(/^[A-Za-z0-9_-]{43}$/)

/** Milliseconds since 1970. */
export const time = z.number().int().min(0).max(8.64e15)

/** A whole number that JSON carries exactly: tokens, or micro-credits. */
export const amount = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER)

/** The id of a peer with an Ed25519 key, in base58. */
export const ed25519PeerId = z
  .string()
  .max(64)
  .refine((text) => {
    try {
      const id = peerIdFromString(text)
      // One text for each peer: a CID of the same key is another text.
      return id.type === 'Ed25519' && id.toString() === text
    } catch {
      return false
    }
  }, 'not the id of a peer with an Ed25519 key')
