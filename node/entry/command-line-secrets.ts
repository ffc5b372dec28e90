import { flagName, variableName, type SettingName } from '../config/index.ts'

/** Settings that are secrets, and what to use instead of their flag. */
const SECRETS: ReadonlyMap<SettingName, string> = new Map([
  ['apiKeys', 'lobstah-node keys add, which keeps hashes only'],
  ['engineKey', 'the field engineKey of config.json in the home']
])

/** Prefix of every invite. The module that parses them loads all of libp2p, which most commands do not need. */
const INVITE = /^lobstah\d/

/** Warnings about secrets among the flags: other users of the machine can read them in the process list. */
export function secretWarnings(flags: Readonly<Record<string, unknown>>): string[] {
  const exposed = (what: string, remedy: string): string =>
    `${what} is on the command line, which others on this machine can read: use ${remedy}`
  const secrets = [...SECRETS]
    .filter(([name]) => flags[name] !== undefined)
    .map(([name, remedy]) => exposed(flagName(name), `${variableName(name)}, or ${remedy}`))
  const peers = [flags.bootstrap]
    .flat()
    .flatMap((value) => (typeof value === 'string' ? value.split(',') : []))
  return peers.some((text) => INVITE.test(text.trim()))
    ? [
        ...secrets,
        exposed(
          'An invite',
          'lobstah-node join < invite.txt, and make a new invite where this one holds a key'
        )
      ]
    : secrets
}
