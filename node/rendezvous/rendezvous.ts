import type { Libp2p, Logger, PrivateKey, Startable } from '@libp2p/interface'
import type { Dials } from '../patches/index.ts'
import { Announcer } from './announcer.ts'
import type { Board, Self } from './board.ts'
import { contactOf, type ContactOptions } from './contact.ts'
import { Finder } from './finder.ts'
import { NostrBoard } from './nostr-board.ts'
import { loadOrCreateNostrKey, type NostrKey } from './nostr-key.ts'
import { TrackerBoard } from './tracker-board.ts'

/** Where peers find each other without an address, and what this node does there. */
export interface RendezvousInit extends ContactOptions {
  /** URLs of trackers. */
  trackers: readonly string[]
  /** URLs of Nostr relays. */
  nostr: readonly string[]
  /** The file of the Nostr key, which is made when the first event is published. */
  nostrKeyFile: string
  /** Whether this node announces itself. */
  announces: boolean
  /** Whether this node looks for others. */
  finds: boolean
}

/** The composition root's view of this node. */
export interface RendezvousRole {
  /** Whether it relays for others. */
  relay: boolean
  /** The models that it serves; undefined while it has nothing to announce. */
  models: () => readonly string[] | undefined
  /** Whether a peer is worth meeting. */
  wants: (peer: string) => boolean
}

export interface RendezvousComponents {
  libp2p: Libp2p<{ dials: Dials }>
  privateKey: PrivateKey
  /** Keys of the private mesh, the latest first; none in a public one. */
  meshKeys: () => readonly Uint8Array[]
  log: Logger
  now: () => number
}

/** The parts that announce this node and look for others: each only where `init` says so. */
export function rendezvous(
  init: RendezvousInit,
  { relay, models, wants }: RendezvousRole,
  components: RendezvousComponents
): Startable[] {
  const { libp2p, log } = components
  const boards = boardsOf(init, { ...components, peer: libp2p.peerId.toString() })
  const contact = (): ReturnType<typeof contactOf> => {
    const served = models()
    return served && contactOf(libp2p.getMultiaddrs(), served, relay, init)
  }
  return [
    ...(init.announces ? [new Announcer({ boards, contact }, { log })] : []),
    ...(init.finds ? [new Finder({ boards, wants }, components)] : [])
  ]
}

function boardsOf({ trackers, nostr, nostrKeyFile }: RendezvousInit, self: Self): Board[] {
  let loading: Promise<NostrKey> | undefined
  const key = async (): Promise<NostrKey> => {
    // A failure is not kept: the next announcement tries again.
    loading ??= loadOrCreateNostrKey(nostrKeyFile).catch((err: unknown) => {
      loading = undefined
      throw err
    })
    return await loading
  }
  return [
    ...trackers.map((url) => new TrackerBoard({ url }, self)),
    ...nostr.map((url) => new NostrBoard({ url, key }, self))
  ]
}
