import { sign, verify } from 'node:crypto'
import { z } from 'zod'
import canonicalize from 'canonicalize'
import type { PrivateKey } from '@libp2p/interface'
import { FRAME_BOUNDS, excess } from '../framing/json-bounds.ts'
import { InvalidRecordError } from './errors.ts'
import { publicKeyOf, signerOf } from './keys.ts'

/** Longest payload, in characters (code points). */
export const MAX_PAYLOAD_LENGTH = 262_144

/** Longest payload of an order, a receipt or an acknowledgement, in bytes: each is kept for ever. */
export const MAX_SETTLEMENT_BYTES = 4096

/** An Ed25519 signature in base64url, in the only way to write it: the last letter's unused bits are 0. */
const SIGNATURE = /^[A-Za-z0-9_-]{85}[AQgw]$/

/** A record as it is sent, kept and verified: the exact text that was signed, and the signature. */
export const signedRecord = z.object({
  payload: z.string().max(MAX_PAYLOAD_LENGTH),
  /** Ed25519 over `domain` and the payload's UTF-8 bytes, base64url. */
  signature: z.string().regex(SIGNATURE)
})
export type SignedRecord = z.infer<typeof signedRecord>

/** One kind of signed record. */
export interface RecordKind<T> {
  /** Goes before the payload's bytes when signing; ended by a newline. */
  domain: string
  /** Longest payload in bytes, fields that nobody knows included. @default as long as any */
  maxBytes?: number
  schema: z.ZodType<T>
  /** The peer id that must have signed. */
  signer: (payload: T) => string
}

const encoder = new TextEncoder()

/**
 * Signs a payload. Throws InvalidRecordError when the payload has no canonical JSON (RFC 8785), or the key is not
 * Ed25519.
 */
export function seal<T>(kind: RecordKind<T>, payload: T, privateKey: PrivateKey): Promise<SignedRecord> {
  return new Promise((resolve) => {
    const text = canonicalText(payload)
    const signature = sign(null, encoder.encode(kind.domain + text), signerOf(privateKey))
    resolve({ payload: text, signature: signature.toString('base64url') })
  })
}

/**
 * Verifies a record and returns its payload. Throws InvalidRecordError when the signature is not the
 * signer's, when `signer` is given and is somebody else, or when the payload is not canonical.
 */
export function open<T>(kind: RecordKind<T>, record: SignedRecord, signer?: string): Promise<T> {
  return new Promise((resolve) => {
    resolve(verified(kind, record, signer))
  })
}

function verified<T>(kind: RecordKind<T>, record: SignedRecord, signer?: string): T {
  const text = encoder.encode(record.payload)
  if (text.byteLength > (kind.maxBytes ?? Infinity))
    throw new InvalidRecordError(`The payload is longer than ${String(kind.maxBytes)} bytes`)
  const fault = excess(text, FRAME_BOUNDS)
  if (fault !== undefined) throw new InvalidRecordError(`The payload ${fault}`)
  let value: unknown
  let payload: T
  try {
    value = JSON.parse(record.payload)
    payload = kind.schema.parse(value)
  } catch (err) {
    throw new InvalidRecordError('The payload is not of its kind', { cause: err })
  }
  const claimed = kind.signer(payload)
  if (signer !== undefined && claimed !== signer) {
    throw new InvalidRecordError(`The record is ${claimed}'s, not ${signer}'s`)
  }
  const publicKey = publicKeyOf(claimed)
  const bytes = Buffer.concat([encoder.encode(kind.domain), text])
  if (
    publicKey === undefined ||
    !SIGNATURE.test(record.signature) ||
    !verify(null, bytes, publicKey, Buffer.from(record.signature, 'base64url'))
  ) {
    throw new InvalidRecordError('The signature does not verify')
  }
  if (canonicalText(value) !== record.payload) {
    throw new InvalidRecordError('The payload is not canonical JSON')
  }
  return payload
}

function canonicalText(value: unknown): string {
  try {
    const text = canonicalize(value)
    if (text !== undefined) return text
  } catch (err) {
    throw new InvalidRecordError('The payload has no canonical JSON', { cause: err })
  }
  throw new InvalidRecordError('The payload has no canonical JSON')
}
