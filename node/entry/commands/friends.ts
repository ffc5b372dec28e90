import { writeConfig, type Config } from '../../config/index.ts'
import { friendsInFile } from '../friends-file.ts'
import type { Output } from '../output.ts'

/** How a running node picks it up: see `Friends`. */
const EFFECT =
  'A node running on this home picks it up within a second, unless --friends or LOBSTAH_FRIENDS sets its friends.'

/** Takes a peer among the friends. Throws ConfigError when it is no peer id. */
export async function addFriend(config: Config, peer: string, output: Output): Promise<void> {
  const friends = [...new Set([...friendsInFile(config.home), peer])]
  await writeConfig(config.home, { friends })
  output.result({ friends }, () => `${peer} is a friend. ${EFFECT}`)
}

/** Takes a peer from among the friends. */
export async function removeFriend(config: Config, peer: string, output: Output): Promise<void> {
  const before = friendsInFile(config.home)
  const friends = before.filter((friend) => friend !== peer)
  if (friends.length !== before.length) await writeConfig(config.home, { friends })
  output.result({ friends }, () =>
    friends.length === before.length ? `${peer} was no friend.` : `${peer} is no friend any more. ${EFFECT}`
  )
}

/** Prints the friends. */
export async function listFriends(config: Config, output: Output): Promise<void> {
  const friends = friendsInFile(config.home)
  output.result(friends, () =>
    friends.length === 0
      ? 'There are no friends. Add one: lobstah-node friends add <peer id>'
      : friends.join('\n')
  )
  return Promise.resolve()
}
