import { z } from 'zod'
import { amount, ed25519PeerId, hash, orderId, time } from '../records/fields.ts'
import type { RecordKind } from '../records/signed-record.ts'
import { MAX_LISTED } from './constants.ts'

const certificate = z.object({
  /** The root owner's peer id, which names the mesh. */
  mesh: ed25519PeerId,
  member: ed25519PeerId,
  issuer: ed25519PeerId,
  /** The id of the invite by which the member joined; null where an owner let it in. */
  invite: orderId.nullable(),
  issuedAt: time
})

/** Says that a peer is a member of a mesh. */
export type Certificate = z.infer<typeof certificate>

export const CERTIFICATE: RecordKind<Certificate> = {
  domain: 'lobstah/certificate/1\n',
  schema: certificate,
  signer: ({ issuer }) => issuer
}

const peers = z.array(ed25519PeerId).max(MAX_LISTED)

const statement = z.object({
  mesh: ed25519PeerId,
  issuer: ed25519PeerId,
  /** Grows with each statement of an issuer, which replaces the one before it. */
  version: amount,
  issuedAt: time,
  /** Peers that may make statements besides the root; only the root's list counts. */
  owners: peers,
  /** Peers that may let members in besides the owners. */
  admitters: peers,
  /** Removed members, whatever certificate they have. */
  removed: peers,
  /** Invites by which nobody joins any more. */
  revokedInvites: z.array(orderId).max(MAX_LISTED),
  /** Number of the pre-shared key, from 0. */
  epoch: amount,
  /** SHA-256 of that key. */
  keyHash: hash
})

/** An owner's statement about its mesh. */
export type Statement = z.infer<typeof statement>

export const STATEMENT: RecordKind<Statement> = {
  domain: 'lobstah/mesh/1\n',
  schema: statement,
  signer: ({ issuer }) => issuer
}
