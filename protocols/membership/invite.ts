import { createHash, sign, verify } from 'node:crypto'
import { multiaddr } from '@multiformats/multiaddr'
import { base58btc } from 'multiformats/bases/base58'
import type { PrivateKey } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { InvalidRecordError } from '../records/errors.ts'
import { peerOfKey, publicKeyOf, signerOf } from '../records/keys.ts'
import { MAX_INVITE_LENGTH } from './constants.ts'

/** Begins every signed invite. */
export const SIGNED_INVITE_PREFIX = 'lobstah2'

const DOMAIN = 'lobstah/invite/2\n'
const CHECKSUM_BYTES = 4
const SIGNATURE_BYTES = 64

/** A signed invite to a private mesh. */
export interface SignedInvite {
  /** The root owner's peer id. */
  mesh: string
  /** The owner or admitter that signed it. */
  issuer: string
  /** 16 random bytes, base64url. */
  id: string
  /** How many peers may join by it; 0 for any number. */
  uses: number
  /** The only peer that redeems it, because it counts its uses; any owner or admitter where it is undefined. */
  by: string | undefined
  /** Milliseconds since 1970, in whole seconds. */
  expiresAt: number
  /** The pre-shared key, base64url. */
  key: string
  /** For people. */
  name: string
  /** Addresses to join by. */
  bootstrap: string[]
}

/** Signs an invite and writes it as one word. */
export function sealInvite(invite: SignedInvite, privateKey: PrivateKey): string {
  const numbers = Buffer.alloc(8)
  numbers.writeUInt32BE(invite.uses)
  numbers.writeUInt32BE(Math.floor(invite.expiresAt / 1000), 4)
  const fields: Uint8Array[] = [
    keyOf(invite.mesh),
    invite.issuer === invite.mesh ? Buffer.alloc(0) : keyOf(invite.issuer),
    Buffer.from(invite.id, 'base64url'),
    numbers,
    invite.by === undefined ? Buffer.alloc(0) : keyOf(invite.by),
    Buffer.from(invite.key, 'base64url'),
    Buffer.from(invite.name),
    ...invite.bootstrap.map((address) => multiaddr(address).bytes)
  ]
  const body = Buffer.concat(fields.flatMap((field) => [Buffer.of(field.byteLength), field]))
  const signed = Buffer.concat([body, sign(null, message(body), signerOf(privateKey))])
  return SIGNED_INVITE_PREFIX + base58btc.baseEncode(Buffer.concat([signed, checksum(signed)]))
}

/** Reads an invite and verifies its signature, not whether its issuer may invite. Throws InvalidRecordError. */
export function openInvite(text: string): SignedInvite {
  try {
    return read(text)
  } catch (err) {
    if (err instanceof InvalidRecordError) throw err
    throw new InvalidRecordError('The invite is damaged', { cause: err })
  }
}

function read(text: string): SignedInvite {
  if (text.length > MAX_INVITE_LENGTH || !text.startsWith(SIGNED_INVITE_PREFIX))
    throw new InvalidRecordError('This is no signed invite')
  const bytes = Buffer.from(base58btc.baseDecode(text.slice(SIGNED_INVITE_PREFIX.length)))
  const signed = bytes.subarray(0, -CHECKSUM_BYTES)
  if (!checksum(signed).equals(bytes.subarray(-CHECKSUM_BYTES)))
    throw new InvalidRecordError('The invite is damaged')
  const body = signed.subarray(0, -SIGNATURE_BYTES)
  const [mesh, issuer, id, numbers, by, key, name, ...addresses] = split(body)
  if (numbers?.length !== 8 || id?.length !== 16 || key?.length !== 32 || !name || !mesh || !issuer || !by)
    throw new InvalidRecordError('The invite is damaged')
  const root = peerOfKey(mesh)
  const signer = issuer.length === 0 ? root : peerOfKey(issuer)
  const publicKey = publicKeyOf(signer)
  if (!publicKey || !verify(null, message(body), publicKey, signed.subarray(-SIGNATURE_BYTES)))
    throw new InvalidRecordError('The invite is forged')
  return {
    mesh: root,
    issuer: signer,
    id: id.toString('base64url'),
    uses: numbers.readUInt32BE(),
    by: by.length === 0 ? undefined : peerOfKey(by),
    expiresAt: numbers.readUInt32BE(4) * 1000,
    key: key.toString('base64url'),
    name: name.toString(),
    bootstrap: addresses.map((address) => multiaddr(new Uint8Array(address)).toString())
  }
}

/** Each field is a byte of length and so many bytes. */
function split(body: Buffer): Buffer[] {
  const fields: Buffer[] = []
  for (let at = 0; at < body.length;) {
    const end = at + 1 + (body[at] ?? 0)
    if (end > body.length) throw new InvalidRecordError('The invite is damaged')
    fields.push(body.subarray(at + 1, end))
    at = end
  }
  return fields
}

function keyOf(peer: string): Uint8Array {
  const id = peerIdFromString(peer)
  if (id.type !== 'Ed25519') throw new InvalidRecordError('Members have Ed25519 keys')
  return id.publicKey.raw
}

function message(body: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(DOMAIN), body])
}

function checksum(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(SIGNED_INVITE_PREFIX).update(bytes).digest().subarray(0, CHECKSUM_BYTES)
}
