import type { PrivateKey } from '@libp2p/interface'
import type { Contact, Presence } from '../../protocols/presence/index.ts'

/** A place where peers leave word of how they are reached: a tracker, or a Nostr relay. */
export interface Board {
  /** Its URL, for people. */
  readonly name: string
  /** Announces this node; returns for how long that holds, in milliseconds. Throws RendezvousError. */
  publish(contact: Contact, options: { signal: AbortSignal }): Promise<number>
  /** Takes back what was announced. Throws RendezvousError. */
  withdraw(options: { signal: AbortSignal }): Promise<void>
  /** The presences in this node's mesh that hold and are signed by their peers. Throws RendezvousError. */
  find(options: { signal: AbortSignal }): Promise<Presence[]>
}

/** This node, as its boards need it. */
export interface Self {
  peer: string
  privateKey: PrivateKey
  /** Keys of the private mesh, the latest first; none in a public one. */
  meshKeys: () => readonly Uint8Array[]
  /** Milliseconds since 1970. */
  now: () => number
}

/** The latest time that was signed, so that each word of this node is newer than the one before. */
export class Clock {
  readonly #now: () => number
  #last = 0

  constructor(now: () => number) {
    this.#now = now
  }

  next(): number {
    this.#last = Math.max(this.#last + 1, this.#now())
    return this.#last
  }
}
