import { flagName, variableName, type SettingName } from '../config/index.ts'

/** Settings that are secrets, and what to use instead of their flag. */
const SECRETS: ReadonlyMap<SettingName, string> = new Map([
  ['apiKeys', 'add keys with lobstah-node keys add, which keeps hashes only'],
  ['engineKey', 'put engineKey into config.json in the home']
])

/** Prefix of every invite. The module that parses them loads all of libp2p, which most commands do not need. */
const INVITE = /^lobstah\d/

const READ = 'other users of this machine can read a command line'

/** Warnings about secrets among the flags: each names another way, and no secret. */
export function secretWarnings(flags: Readonly<Record<string, unknown>>): string[] {
  const keys = [...SECRETS]
    .filter(([name]) => flags[name] !== undefined)
    .map(
      ([name, remedy]) =>
        `${flagName(name)} exposes a secret: ${READ}. Set ${variableName(name)} instead, or ${remedy}`
    )
  const peers = [flags.bootstrap]
    .flat()
    .flatMap((value) => (typeof value === 'string' ? value.split(',') : []))
  if (!peers.some((text) => INVITE.test(text.trim()))) return keys
  return [
    ...keys,
    `The invite in ${flagName('bootstrap')} is a secret: ${READ}. ` +
      `Join once with lobstah-node join < invite.txt, or set ${variableName('bootstrap')} instead`
  ]
}
