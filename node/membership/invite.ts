import { createHash } from 'node:crypto'
import { multiaddr } from '@multiformats/multiaddr'
import { base58btc } from 'multiformats/bases/base58'
import { SIGNED_INVITE_PREFIX, openInvite } from '../../protocols/index.ts'
import { InviteError } from './errors.ts'
import { KEY_BYTES, membershipSchema, type Membership } from './membership.ts'

/** Begins every invite, and is the version of what follows: base58 of fields and checksum. */
const PREFIX = 'lobstah1'

/** Begins invites of every version. */
const FAMILY = /^lobstah\d/

/** Bytes of SHA-256 that guard against a letter lost in copying. */
const CHECKSUM_BYTES = 4

/** Longest invite that is looked at, in letters. */
const MAX_LENGTH = 4096

/** Most addresses in an invite: it must fit a QR code. */
export const MAX_INVITE_ADDRESSES = 8

/** A mesh, and until when others may be let in with this token. */
export interface Invite extends Membership {
  /** Milliseconds since 1970. It binds the program that joins; the key in the token is for ever. */
  expiresAt: number
}

/** An invite as one word: `lobstah1` and base58, which a double click selects whole. */
export function encodeInvite(invite: Invite): string {
  const key = invite.key === undefined ? Buffer.alloc(0) : Buffer.from(invite.key, 'base64url')
  const expiry = Buffer.alloc(4)
  expiry.writeUInt32BE(Math.floor(invite.expiresAt / 1000))
  const parts: Uint8Array[] = [key, Buffer.from(invite.name), expiry]
  for (const address of invite.bootstrap.slice(0, MAX_INVITE_ADDRESSES)) parts.push(multiaddr(address).bytes)
  const body = Buffer.concat(parts.flatMap((part) => [Buffer.from([part.length]), part]))
  return PREFIX + base58btc.baseEncode(Buffer.concat([body, checksum(body)]))
}

/** Whether a text is meant as an invite, be it good or not. */
export function isInvite(text: string): boolean {
  return FAMILY.test(text)
}

/** Whether a text is a whole invite: its checksum holds, whatever it says. */
export function isWholeInvite(text: string): boolean {
  try {
    decodeInvite(text, 0)
    return true
  } catch {
    return false
  }
}

/** Reads an invite, with spaces and line ends around and within ignored. Throws InviteError. */
export function decodeInvite(text: string, now: number): Invite {
  const word = text.replaceAll(/\s/g, '')
  if (word.startsWith(SIGNED_INVITE_PREFIX)) return decodeSigned(word, now)
  if (word.length > MAX_LENGTH || !FAMILY.test(word))
    throw new InviteError(`This is no invite: one begins with ${PREFIX}`)
  if (!word.startsWith(PREFIX))
    throw new InviteError('This invite is of a newer version: update lobstah-node, or ask for another invite')
  const [key, name, expiry, ...addresses] = fields(bytesOf(word.slice(PREFIX.length)))
  if (key === undefined || name === undefined || expiry?.length !== 4) throw new InviteError(DAMAGED)
  const expiresAt = expiry.readUInt32BE() * 1000
  if (expiresAt <= now) throw new InviteError(expired(expiresAt))
  const parsed = membershipSchema.safeParse({
    name: name.toString(),
    ...(key.length === KEY_BYTES ? { key: key.toString('base64url') } : {}),
    bootstrap: addresses.map(addressOf)
  })
  if (!parsed.success || (key.length !== 0 && key.length !== KEY_BYTES)) throw new InviteError(DAMAGED)
  return { ...parsed.data, expiresAt }
}

function decodeSigned(word: string, now: number): Invite {
  try {
    const { mesh: owner, key, name, bootstrap, expiresAt } = openInvite(word)
    if (expiresAt <= now) throw new InviteError(expired(expiresAt))
    return { ...membershipSchema.parse({ name, key, bootstrap, owner, invite: word }), expiresAt }
  } catch (err) {
    if (err instanceof InviteError) throw err
    throw new InviteError(DAMAGED, { cause: err })
  }
}

function expired(at: number): string {
  return `This invite expired on ${new Date(at).toISOString()}: ask for a new one`
}

const DAMAGED = 'The invite is damaged: copy it again, as a whole'

function bytesOf(encoded: string): Buffer {
  let bytes: Buffer
  try {
    bytes = Buffer.from(base58btc.baseDecode(encoded))
  } catch (err) {
    throw new InviteError(DAMAGED, { cause: err })
  }
  const body = bytes.subarray(0, -CHECKSUM_BYTES)
  if (!checksum(body).equals(bytes.subarray(-CHECKSUM_BYTES))) throw new InviteError(DAMAGED)
  return body
}

/** Splits the body: each field is a byte of length and so many bytes. */
function fields(body: Buffer): Buffer[] {
  const found: Buffer[] = []
  for (let at = 0; at < body.length;) {
    const end = at + 1 + (body[at] ?? 0)
    if (end > body.length) throw new InviteError(DAMAGED)
    found.push(body.subarray(at + 1, end))
    at = end
  }
  return found
}

function addressOf(bytes: Buffer): string {
  try {
    return multiaddr(new Uint8Array(bytes)).toString()
  } catch (err) {
    throw new InviteError(DAMAGED, { cause: err })
  }
}

function checksum(body: Uint8Array): Buffer {
  return createHash('sha256').update(PREFIX).update(body).digest().subarray(0, CHECKSUM_BYTES)
}
