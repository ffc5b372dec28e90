import { flagName, variableName, type SettingName } from '../config/index.ts'
import { CommandError, EXIT } from './errors.ts'

/** Settings that are secrets, and what to use instead of their flag. */
const SECRETS: ReadonlyMap<SettingName, string> = new Map([
  ['apiKeys', 'add keys with lobstah-node keys add, which keeps hashes only'],
  ['engineKey', 'put engineKey into config.json in the home']
])

/** Prefix of every invite. The module that parses them loads all of libp2p, which most commands do not need. */
const INVITE = /^lobstah\d/

const READ = 'other users of this machine can read a command line'

/** Refuses secrets among the flags. Throws CommandError, which names another way and no secret. */
export function refuseSecrets(flags: Readonly<Record<string, unknown>>): void {
  const said = [...SECRETS]
    .filter(([name]) => flags[name] !== undefined)
    .map(
      ([name, remedy]) =>
        `${flagName(name)} is refused: ${READ}. Set ${variableName(name)} instead, or ${remedy}`
    )
  const peers = [flags.bootstrap]
    .flat()
    .flatMap((value) => (typeof value === 'string' ? value.split(',') : []))
  if (peers.some((text) => INVITE.test(text.trim())))
    said.push(
      `An invite in ${flagName('bootstrap')} is refused: ${READ}. ` +
        `Join once with lobstah-node join < invite.txt, or set ${variableName('bootstrap')} instead`
    )
  if (said.length > 0) throw new CommandError(said.join('\n'), EXIT.usage)
}
