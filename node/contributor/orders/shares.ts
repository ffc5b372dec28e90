import type { Share } from './fair-queue.ts'

/** How much of the engine each gets beside others that want it: twice the weight is twice the tokens. */
export interface Weights {
  /** Each friend. */
  friends: number
  /** Each peer that this node owes. */
  creditors: number
  /** All strangers together: a new key costs nothing, so that a weight for each would bound nothing. */
  strangers: number
  /** Peers by their ids, whatever else they are. */
  peers: Readonly<Record<string, number>>
  /** This node's own API keys by their names, among themselves; 1 where none is named. */
  keys: Readonly<Record<string, number>>
}

/** Tells everybody's share of the engine. */
export interface Shares {
  shareOf: (peer: string) => Share
  /** Of this node's own users; without a key, of its owner. */
  shareOfKey: (key?: string) => Share
}

/** What a peer is to this node. */
export type Relation = 'friends' | 'creditors' | 'strangers'

/** Shares by weights, as they are at each question: they may change. */
export function shares(weights: Weights, relationOf: (peer: string) => Relation): Shares {
  return {
    shareOf: (peer) => {
      const relation = relationOf(peer)
      const weight = own(weights.peers, peer)
      if (weight !== undefined) return { id: peer, weight }
      return relation === 'strangers'
        ? { id: peer, weight: weights.strangers, group: relation }
        : { id: peer, weight: weights[relation] }
    },
    shareOfKey: (key = '') => ({ id: key, weight: own(weights.keys, key) ?? 1 })
  }
}

/** A field that is an object's own, whatever its name. */
function own(fields: Readonly<Record<string, number>>, name: string): number | undefined {
  return Object.hasOwn(fields, name) ? fields[name] : undefined
}
