import { configFile, readConfigFile, writeConfig, type Config, type ConfigPatch } from '../../config/index.ts'
import { CommandError, EXIT } from '../errors.ts'
import type { Output } from '../output.ts'

/** How a change reaches commands and models. */
const EFFECT = 'Commands use it at once; a running node knows it in model names after its next start.'

/** Names a peer; another name that it had is dropped. Throws ConfigError when it is no peer id, or no name. */
export async function namePeer(config: Config, peer: string, name: string, output: Output): Promise<void> {
  const kept = petnamesInFile(config.home)
  const taken = kept[name]
  if (taken !== undefined && taken !== peer)
    throw new CommandError(
      `${name} is the name of ${taken}: free it first with lobstah-node peers unname ${name}`,
      EXIT.usage
    )
  const others = Object.entries(kept).filter(([, named]) => named !== peer)
  const petnames = { ...Object.fromEntries(others), [name]: peer }
  await writeConfig(config.home, { petnames })
  output.result({ petnames }, () => `${peer} is ${name}. ${EFFECT}`)
}

/** Drops a name. */
export async function unnamePeer(config: Config, name: string, output: Output): Promise<void> {
  const { [name]: peer, ...petnames } = petnamesInFile(config.home)
  if (peer !== undefined) await writeConfig(config.home, { petnames })
  output.result({ petnames }, () =>
    peer === undefined ? `Nobody is named ${name}.` : `${peer} has no name any more. ${EFFECT}`
  )
}

function petnamesInFile(home: string): Record<string, string> {
  const { petnames } = readConfigFile(configFile(home)) as ConfigPatch
  return petnames ?? {}
}
