import type { Config } from '../config/index.ts'
import { readMembership, type Membership } from '../membership/index.ts'

/** The settings with what follows from the mesh that the home belongs to. */
export interface MeshConfig extends Config {
  membership: Membership | undefined
  serveAccess: NonNullable<Config['serveAccess']>
  askAccess: NonNullable<Config['askAccess']>
}

/**
 * Adds the mesh's relays to those to join by. Members of a private mesh were let in by somebody, so that they
 * serve each other; in a public one anybody can be anybody, so that friends are named.
 */
export async function meshConfig(config: Config): Promise<MeshConfig> {
  const membership = await readMembership(config.home)
  const access = membership?.key === undefined ? 'friends' : 'mesh'
  return {
    ...config,
    membership,
    bootstrap: [...new Set([...config.bootstrap, ...(membership?.bootstrap ?? [])])],
    serveAccess: config.serveAccess ?? access,
    askAccess: config.askAccess ?? access
  }
}

/** What a person should know of the settings, as sentences: nobody is served, say, for there are no friends. */
export function accessWarnings(config: MeshConfig): string[] {
  if (config.bootstrap.length === 0 && !config.mdns) return []
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
