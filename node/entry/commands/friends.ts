import { resolveConfig, writeConfig, type Config } from '../../config/index.ts'
import type { Output } from '../output.ts'

const RESTART = 'It takes effect when the node starts the next time.'

/** The friends in the home's config.json, whatever flags and variables say. */
function kept({ home }: Config): readonly string[] {
  return resolveConfig({ flags: { home }, env: {}, homeDir: home }).friends
}

/** Takes a peer among the friends. Throws ConfigError when it is no peer id. */
export async function addFriend(config: Config, peer: string, output: Output): Promise<void> {
  const friends = [...new Set([...kept(config), peer])]
  await writeConfig(config.home, { friends })
  output.result({ friends }, () => `${peer} is a friend. ${RESTART}`)
}

/** Takes a peer from among the friends. */
export async function removeFriend(config: Config, peer: string, output: Output): Promise<void> {
  const before = kept(config)
  const friends = before.filter((friend) => friend !== peer)
  if (friends.length !== before.length) await writeConfig(config.home, { friends })
  output.result({ friends }, () =>
    friends.length === before.length ? `${peer} was no friend.` : `${peer} is no friend any more. ${RESTART}`
  )
}

/** Prints the friends. */
export async function listFriends(config: Config, output: Output): Promise<void> {
  const friends = kept(config)
  output.result(friends, () =>
    friends.length === 0
      ? 'There are no friends. Add one: lobstah-node friends add <peer id>'
      : friends.join('\n')
  )
  return Promise.resolve()
}
