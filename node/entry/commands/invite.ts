import { toString as qrCode } from 'qrcode'
import type { Config } from '../../config/index.ts'
import { farthestFirst } from '../../discovery/index.ts'
import {
  MAX_INVITE_ADDRESSES,
  createMembership,
  encodeInvite,
  isInvite,
  readMembership,
  writeMembership,
  type Invite,
  type Membership
} from '../../membership/index.ts'
import { CommandError, EXIT } from '../errors.ts'
import type { Output } from '../output.ts'
import { readRuntime } from '../runtime-file.ts'

/** How long an invite holds when nothing is said, in days. */
const DAYS = 7

const DAY_MS = 24 * 3600 * 1000

export interface InviteFlags {
  /** Makes a private mesh of this name where the home has none. */
  name?: string
  /** Addresses to join by, instead of those known. */
  address?: string[]
  days?: number
}

/** Prints an invite to this home's mesh: the token alone on stdout, all else on stderr. */
export async function invite(config: Config, flags: InviteFlags, output: Output): Promise<void> {
  const membership = await meshOf(config, flags)
  const made = await makeInvite(config, membership, flags)
  await showInvite(made, output)
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
    const made = createMembership(name, [])
    await writeMembership(home, made)
    return made
  }
  if (name !== undefined && name !== present.name)
    throw new CommandError(
      `This home belongs to the mesh "${present.name}". For another, use a home of its own: --home <folder>`,
      EXIT.usage
    )
  return present
}

/** An invite with the addresses that others can join by. Throws CommandError when there are none. */
export async function makeInvite(
  config: Config,
  membership: Membership,
  { address = [], days = DAYS }: InviteFlags
): Promise<Invite> {
  const runtime = await readRuntime(config.home)
  const own = farthestFirst(runtime?.addresses ?? []).filter((text) => !text.includes('/p2p-circuit'))
  const known = [...membership.bootstrap, ...config.bootstrap.filter((text) => !isInvite(text)), ...own]
  const bootstrap = [...new Set(address.length > 0 ? address : known)].slice(0, MAX_INVITE_ADDRESSES)
  if (bootstrap.length === 0)
    throw new CommandError(
      'There is no address to join by: start a relay ("lobstah-node relay"), or name one with --address <multiaddr>',
      EXIT.usage
    )
  return { ...membership, bootstrap, expiresAt: Date.now() + days * DAY_MS }
}

/** Shows an invite: as a word, and as a QR code for people. */
export async function showInvite(invited: Invite, output: Output): Promise<void> {
  const token = encodeInvite(invited)
  const { name, bootstrap, expiresAt } = invited
  const until = new Date(expiresAt).toISOString()
  output.result(
    { invite: token, mesh: name, private: invited.key !== undefined, bootstrap, expiresAt: until },
    () => token
  )
  if (output.json) return
  output.note(`\n${await qrCode(token, { type: 'utf8', errorCorrectionLevel: 'L' })}`)
  output.note(`An invite to the mesh "${name}", until ${until}. Who gets it takes it with: lobstah-node join`)
  if (invited.key !== undefined)
    output.note('It holds the key of the mesh: send it as you would send a password.')
}
