import type { Libp2p, Logger, Startable } from '@libp2p/interface'
import type { SingleKadDHT } from '@libp2p/kad-dht'
import { isPublicAddress } from '../addresses/index.ts'

export interface ModeKeeperComponents {
  libp2p: Libp2p<{ dht: SingleKadDHT }>
  log: Logger
}

/**
 * Makes this node a DHT server while it can be reached from the open internet, else a client: a server that
 * cannot be reached makes everybody's look-ups wait for its time-out. Public addresses are listed by libp2p only
 * when they were configured, or AutoNAT v2 has seen a dial to them succeed.
 */
export class ModeKeeper implements Startable {
  readonly #components: ModeKeeperComponents
  #switching: Promise<void> = Promise.resolve()
  #started = false

  constructor(components: ModeKeeperComponents) {
    this.#components = components
  }

  start(): void {
    if (this.#started) return
    this.#started = true
    this.#components.libp2p.addEventListener('self:peer:update', this.#onUpdate)
    this.#onUpdate()
  }

  async stop(): Promise<void> {
    this.#started = false
    this.#components.libp2p.removeEventListener('self:peer:update', this.#onUpdate)
    await this.#switching
  }

  readonly #onUpdate = (): void => {
    this.#switching = this.#switching
      .then(() => this.#switch())
      .catch((err: unknown) => this.#components.log('the DHT mode cannot be switched - %e', err))
  }

  async #switch(): Promise<void> {
    const { libp2p, log } = this.#components
    const { dht } = libp2p.services
    const mode = libp2p.getMultiaddrs().some(isPublicAddress) ? 'server' : 'client'
    if (!this.#started || dht.getMode() === mode) return
    log('DHT %s from now on', mode)
    await dht.setMode(mode)
  }
}
