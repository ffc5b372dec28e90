import type { Weights } from '../contributor/index.ts'
import type { LobstahInit } from '../lobstah.ts'
import type { Friends } from './friends-file.ts'
import type { LiveSettings } from './live-settings.ts'
import type { MeshConfig } from './mesh-config.ts'

export interface PeerRulesInit {
  config: MeshConfig
  friends: Friends
  live: LiveSettings
}

/** The weights as they are at each look. */
export function liveWeights(live: LiveSettings): Weights {
  return {
    get friends() {
      return live.current.weights.friends
    },
    get creditors() {
      return live.current.weights.creditors
    },
    get strangers() {
      return live.current.weights.strangers
    },
    get peers() {
      return live.current.weights.peers
    },
    get keys() {
      return live.current.weights.keys
    }
  }
}

/** Whom the node serves and asks, and what each may owe. */
export function rulesFor({
  config,
  friends,
  live
}: PeerRulesInit): Pick<LobstahInit, 'serves' | 'asks' | 'isFriend' | 'creditLine' | 'sharedLine'> {
  const { serveAccess, askAccess } = config
  return {
    serves: (other) => serveAccess === 'mesh' || friends.has(other),
    asks: (other) => askAccess === 'mesh' || (askAccess === 'friends' && friends.has(other)),
    isFriend: (other) => friends.has(other),
    creditLine: (other) => {
      const { peers, friends: ofFriends, strangers } = live.current.creditLine
      return peers[other] ?? (friends.has(other) ? ofFriends : strangers)
    },
    sharedLine: {
      get limit() {
        return live.current.creditLine.allStrangers
      },
      covers: (other) => live.current.creditLine.peers[other] === undefined && !friends.has(other)
    }
  }
}
