import { z } from 'zod'
import { MAX_MODEL_NAME_LENGTH } from '../inference/request.ts'
import { CLOCK_SKEW_MS } from '../constants.ts'
import { ed25519PeerId, time } from '../records/fields.ts'
import type { RecordKind } from '../records/signed-record.ts'
import {
  MAX_ADDRESS_LENGTH,
  MAX_PRESENCE_ADDRESSES,
  MAX_PRESENCE_BYTES,
  MAX_PRESENCE_MODELS,
  MAX_PRESENCE_MS,
  MAX_SEALED_LENGTH,
  PUBLIC_MESH
} from './constants.ts'

/** Names a mesh without opening it: see `meshTag`. */
export const meshTagSchema = z.union([z.literal(PUBLIC_MESH), z.string().regex(/^[0-9a-f]{32}$/)])

/** How a peer is reached, and for what. */
export const contactSchema = z.object({
  /** Multiaddrs; a reader completes them with `/p2p/<peer>`. */
  addresses: z.array(z.string().max(MAX_ADDRESS_LENGTH)).max(MAX_PRESENCE_ADDRESSES),
  models: z.array(z.string().min(1).max(MAX_MODEL_NAME_LENGTH)).max(MAX_PRESENCE_MODELS),
  /** Whether it relays for others. */
  relay: z.boolean()
})
export type Contact = z.infer<typeof contactSchema>

const presence = contactSchema.extend({
  peer: ed25519PeerId,
  mesh: meshTagSchema,
  /** The contact, sealed to the members of a private mesh; the fields in clear are then empty. */
  sealed: z.string().max(MAX_SEALED_LENGTH).optional(),
  /** The Nostr key that publishes it, in hexadecimal. */
  nostr: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
  issuedAt: time,
  expiresAt: time
})

/** A peer's word of how it can be reached, left where others look for it. Only a hint: see the spec. */
export type Presence = z.infer<typeof presence>

export const PRESENCE: RecordKind<Presence> = {
  domain: 'lobstah/presence/1\n',
  maxBytes: MAX_PRESENCE_BYTES,
  schema: presence,
  signer: ({ peer }) => peer
}

const withdrawal = z.object({ peer: ed25519PeerId, issuedAt: time })

/** A peer's word that it is gone. */
export type Withdrawal = z.infer<typeof withdrawal>

export const WITHDRAWAL: RecordKind<Withdrawal> = {
  domain: 'lobstah/withdrawal/1\n',
  maxBytes: 1024,
  schema: withdrawal,
  signer: ({ peer }) => peer
}

/** Whether a presence holds now: neither expired, nor from the future, nor for longer than one may. */
export function holdsNow({ issuedAt, expiresAt }: Presence, now: number): boolean {
  return expiresAt > now && issuedAt <= now + CLOCK_SKEW_MS && isShort({ issuedAt, expiresAt })
}

/** Whether it was issued within the clock skew, which is asked of what is published now. */
export function isFresh({ issuedAt }: { issuedAt: number }, now: number): boolean {
  return Math.abs(now - issuedAt) <= CLOCK_SKEW_MS
}

function isShort({ issuedAt, expiresAt }: Pick<Presence, 'issuedAt' | 'expiresAt'>): boolean {
  return expiresAt > issuedAt && expiresAt - issuedAt <= MAX_PRESENCE_MS
}
