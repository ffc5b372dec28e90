import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { multiaddr } from '@multiformats/multiaddr'
import { toString as qrCode } from 'qrcode'
import type { Config } from '../../config/index.ts'
import { sealInvite } from '../../../protocols/index.ts'
import { farthestFirst } from '../../addresses/index.ts'
import {
  MAX_INVITE_ADDRESSES,
  createMembership,
  encodeInvite,
  isOwned,
  isInvite,
  readMembership,
  writeMembership,
  type Invite,
  type Membership
} from '../../membership/index.ts'
import { loadOrCreateIdentity } from '../../identity/index.ts'
import { CommandError, EXIT } from '../errors.ts'
import { ownerKey } from '../mesh-authority.ts'
import type { Output } from '../output.ts'
import { readRunning } from '../runtime-file.ts'

/** How long an invite holds when nothing is said, in days. */
const DAYS = 7

const DAY_MS = 24 * 3600 * 1000

/** An invite tells its date in 32 bits of seconds. */
const MAX_EXPIRY_MS = 0xffff_ffff * 1000

export interface InviteFlags {
  /** Makes a private mesh of this name where the home has none. */
  name?: string
  /** Addresses to join by, instead of those known. */
  address?: string[]
  days?: number
  /** How many peers may join by it. @default any number */
  uses?: number
  /** The peer that redeems it. @default this node, where uses are counted */
  by?: string
}

/** Prints an invite to this home's mesh: the token alone on stdout, all else on stderr. */
export async function invite(config: Config, flags: InviteFlags, output: Output): Promise<void> {
  // Before a mesh is made for it.
  const options = { ...flags, expiresAt: expiryOf(flags), address: (flags.address ?? []).map(joinAddress) }
  const before = await readMembership(config.home)
  const membership = await meshOf(config, flags)
  const made = await makeInvite(config, membership, options)
  await showInvite(made, await inviteToken(config, made, flags), output)
  if (before === undefined && (await readRunning(config.home)) !== undefined)
    output.note('The node running on this home is not in this mesh yet: restart it.')
}

/** When an invite expires, in milliseconds since 1970. Throws CommandError when an invite cannot say it. */
function expiryOf({ days = DAYS }: InviteFlags): number {
  const expiresAt = Date.now() + days * DAY_MS
  if (expiresAt <= MAX_EXPIRY_MS) return expiresAt
  throw new CommandError(
    `flag --days: expected a whole number up to ${Math.floor((MAX_EXPIRY_MS - Date.now()) / DAY_MS)}`,
    EXIT.usage
  )
}

/** Throws CommandError when nobody could join by the address. */
function joinAddress(text: string): string {
  try {
    if (multiaddr(text).getComponents().at(-1)?.name === 'p2p') return text
  } catch {
    // Said below.
  }
  throw new CommandError(
    `flag --address: expected a multiaddr that ends in the peer id, such as /ip4/192.0.2.1/tcp/17476/p2p/12D3KooW…, not ${text}`,
    EXIT.usage
  )
}

/** The mesh of this home, made now where it has none and a name was given. Throws CommandError. */
export async function meshOf({ home }: Config, { name }: { name?: string }): Promise<Membership> {
  const present = await readMembership(home)
  if (present === undefined) {
    if (name === undefined)
      throw new CommandError(
        'This home belongs to no mesh. Make a private one: lobstah-node invite --name <name>',
        EXIT.usage
      )
    const { peerId } = await loadOrCreateIdentity(join(home, 'owner.key'))
    const made = createMembership(name, [], peerId.toString())
    await writeMembership(home, made)
    return made
  }
  if (name !== undefined && name !== present.name)
    throw new CommandError(
      `This home belongs to the mesh "${present.name}". For another mesh, use another home: --home <folder>`,
      EXIT.usage
    )
  return present
}

/** An invite with the addresses that others can join by. Throws CommandError when there are none. */
export async function makeInvite(
  config: Config,
  membership: Membership,
  { address = [], expiresAt = expiryOf({}) }: { address?: string[]; expiresAt?: number }
): Promise<Invite> {
  const runtime = await readRunning(config.home)
  const own = farthestFirst(runtime?.addresses ?? []).filter((text) => !text.includes('/p2p-circuit'))
  const known = [...membership.bootstrap, ...config.bootstrap.filter((text) => !isInvite(text)), ...own]
  const bootstrap = [...new Set(address.length > 0 ? address : known)].slice(0, MAX_INVITE_ADDRESSES)
  if (bootstrap.length === 0)
    throw new CommandError(
      `There is no address to join "${membership.name}" through: start its relay on this home ("lobstah-node relay") and invite again, or pass one with --address <multiaddr>`,
      EXIT.usage
    )
  return { ...membership, bootstrap, expiresAt }
}

/** An invite as a word: signed, in a mesh that has an owner. Throws CommandError where this home may not invite. */
export async function inviteToken(
  { home }: Config,
  invite: Invite,
  { uses = 0, by }: Pick<InviteFlags, 'uses' | 'by'>
): Promise<string> {
  if (!isOwned(invite)) {
    if (uses > 0 || by !== undefined)
      throw new CommandError(
        'Only meshes with an owner count the uses of an invite: make a new private mesh',
        EXIT.usage
      )
    return encodeInvite(invite)
  }
  const identity = await loadOrCreateIdentity(join(home, 'identity.key'))
  const root = await ownerKey(home)
  const id = randomBytes(16).toString('base64url')
  const { owner: mesh, key, name, bootstrap, expiresAt } = invite
  const issuer = root === undefined ? identity.peerId.toString() : mesh
  const counter = by ?? (uses > 0 ? identity.peerId.toString() : undefined)
  return sealInvite(
    { mesh, issuer, id, uses, by: counter, expiresAt, key, name, bootstrap },
    root ?? identity.privateKey
  )
}

/** Shows an invite: as a word, and as a QR code for people. */
async function showInvite(invited: Invite, token: string, output: Output): Promise<void> {
  const { name, bootstrap, expiresAt } = invited
  const until = new Date(expiresAt).toISOString()
  output.result(
    { invite: token, mesh: name, private: invited.key !== undefined, bootstrap, expiresAt: until },
    () => token
  )
  if (output.json) return
  output.note(`\n${await qrCode(token, { type: 'utf8', errorCorrectionLevel: 'L' })}`)
  output.note(`An invite to the mesh "${name}", until ${until}. Its recipient runs: lobstah-node join`)
  if (invited.key !== undefined)
    output.note("It contains the mesh's key: send it as you would send a password.")
}
