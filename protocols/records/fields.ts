import { z } from 'zod'
import { publicKeyOf } from './keys.ts'

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
  .refine((text) => publicKeyOf(text) !== undefined, 'not the id of a peer with an Ed25519 key')
