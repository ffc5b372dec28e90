import type { Config } from '../config/index.ts'
import {
  decodeInvite,
  isInvite,
  membershipSchema,
  readMembership,
  sameMesh,
  writeMembership,
  type Membership
} from '../membership/index.ts'
import { CommandError, EXIT } from './errors.ts'
import { finds } from './rendezvous-settings.ts'

/** The settings with what follows from the mesh that the home belongs to. */
export interface MeshConfig extends Config {
  membership: Membership | undefined
  serveAccess: NonNullable<Config['serveAccess']>
  askAccess: NonNullable<Config['askAccess']>
  /** `askAccess` as the settings give it: a default does not confine anything. */
  askAccessGiven: Config['askAccess']
}

/**
 * Adds the mesh's relays to those to join by, and opens the invites among them. Members of a private mesh were let
 * in by somebody, so that they serve each other; in a public one anybody can be anybody, so that friends are named.
 * Throws InviteError, MembershipError and CommandError.
 */
export async function meshConfig(config: Config): Promise<MeshConfig> {
  const membership = invitedTo(config, await readMembership(config.home))
  const access = membership?.key === undefined ? 'friends' : 'mesh'
  const addresses = config.bootstrap.filter((text) => !isInvite(text))
  return {
    ...config,
    membership,
    bootstrap: [...new Set([...addresses, ...(membership?.bootstrap ?? [])])],
    serveAccess: config.serveAccess ?? access,
    askAccess: config.askAccess ?? access,
    askAccessGiven: config.askAccess
  }
}

/** A node that asks nobody, serves nobody and relays for nobody has nobody to meet: whatever is joined, it contacts nobody. */
export function nodeConfig(config: MeshConfig): MeshConfig {
  const alone = config.askAccess === 'nobody' && !config.contribute && !config.relay
  return alone ? { ...config, bootstrap: [], mdns: false, upnp: false, discover: false } : config
}

/** The mesh of the home and of the invites to join by, which must be one. */
function invitedTo({ bootstrap }: Config, present: Membership | undefined): Membership | undefined {
  return bootstrap.filter(isInvite).reduce<Membership | undefined>((mesh, text) => {
    // A member does not need a valid invite.
    const invited = membershipSchema.parse(decodeInvite(text, mesh?.key === undefined ? Date.now() : 0))
    if (mesh !== undefined && !sameMesh(mesh, invited))
      throw new CommandError(
        `The invite is for the mesh "${invited.name}", but this home belongs to "${mesh.name}": leave that first (lobstah-node leave), or use another --home`,
        EXIT.usage
      )
    const known = mesh ?? { ...invited, bootstrap: [] }
    return { ...known, bootstrap: [...new Set([...known.bootstrap, ...invited.bootstrap])] }
  }, present)
}

/** Keeps the mesh that an invite among the settings leads to, as `join` does: an invite expires, membership lasts. */
export async function keepMembership({ home, membership }: MeshConfig): Promise<void> {
  if (membership === undefined || (await readMembership(home)) !== undefined) return
  await writeMembership(home, membership)
}

/** Warnings about the settings, as sentences: for example, that nobody is served because there are no friends. */
export function accessWarnings(config: MeshConfig): string[] {
  if (config.bootstrap.length === 0 && !config.mdns && !finds(config)) return []
  if (config.friends.length > 0) return []
  const remedy = (flag: string): string =>
    `name some with "lobstah-node friends add <peer id>", or take everybody of this mesh: ${flag} mesh`
  return [
    ...(config.contribute && config.serveAccess === 'friends'
      ? [`only friends are served, and there are none: ${remedy('--serve-access')}`]
      : []),
    ...(config.gateway && config.askAccess === 'friends'
      ? [`only friends are asked, and there are none: ${remedy('--ask-access')}`]
      : [])
  ]
}
