import { PatchError } from './errors.ts'
import { installedVersion, pinnedVersion, type PatchedPackage } from './versions.ts'

/**
 * Throws a PatchError unless an object has the private members that a patch needs. A member is written as a path,
 * `network.sendRequest()`; parentheses mean that it must be a function.
 */
export function requireMembers(name: PatchedPackage, target: object, members: readonly string[]): void {
  for (const member of members) {
    const isFunction = member.endsWith('()')
    const path = member.replace('()', '').split('.')
    const value = path.reduce<unknown>(
      (owner, key) => (owner as Record<string, unknown> | undefined)?.[key],
      target
    )
    if (isFunction ? typeof value !== 'function' : value === undefined)
      throw new PatchError(message(name, member))
  }
}

function message(name: PatchedPackage, member: string): string {
  return `${name} ${installedVersion(name)} has no ${member}, which lobstah-node needs; it works with ${name} ${pinnedVersion(name)}. Install lobstah-node again from its own tarball, which obeys its npm-shrinkwrap.json.`
}
