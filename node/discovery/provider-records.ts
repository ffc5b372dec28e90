import { setTimeout as delay } from 'node:timers/promises'
import type { IdentifyResult, Libp2p, Logger, PeerId, Startable } from '@libp2p/interface'
import type { SingleKadDHT } from '@libp2p/kad-dht'
import type { CID } from 'multiformats/cid'
import { KAD_PROTOCOL } from '../../protocols/index.ts'
import { NotProvidedError } from './errors.ts'
import { contributorsCid, modelCid } from './names.ts'
import { onServerFound } from '../patches/index.ts'

/** How often it is looked whether there is something to provide, in milliseconds; kad-dht itself renews records. */
const PROVIDE_INTERVAL_MS = 4 * 60_000

/** Wait after a failure to provide, in milliseconds. */
const RETRY_MS = 2000

/** One provide's deadline, in milliseconds: with an empty table it would take 180 s. */
const PROVIDE_TIMEOUT_MS = 20_000

/** DHT servers that hold a record, where there are so many (kad-dht's k). */
const REPLICAS = 20

/** One look-up's deadline, in milliseconds. */
const FIND_TIMEOUT_MS = 10_000

export interface ProviderRecordsComponents {
  libp2p: Libp2p<{ dht: SingleKadDHT }>
  log: Logger
}

/** Puts this node's provider records into the DHT and keeps them there, and looks up those of others. */
export class ProviderRecords implements Startable {
  readonly #components: ProviderRecordsComponents
  #models: string[] | undefined
  #stopped: AbortController | undefined
  #loop: Promise<void> = Promise.resolve()
  /** Records that were put into the DHT; cleared when it may have forgotten them. */
  #provided = ''
  /** DHT servers that took a record, each with the connection that it was known by. */
  readonly #holders = new Map<string, string>()
  #unwatchTable: (() => void) | undefined
  #changed: PromiseWithResolvers<void> = Promise.withResolvers()

  constructor(components: ProviderRecordsComponents) {
    this.#components = components
  }

  start(): void {
    if (this.#stopped !== undefined) return
    this.#stopped = new AbortController()
    this.#loop = this.#keep(this.#stopped.signal)
    const { libp2p } = this.#components
    // Not self:peer:update, which comes a second after an address changed.
    libp2p.addEventListener('transport:listening', this.#onChange)
    libp2p.addEventListener('transport:close', this.#onChange)
    libp2p.addEventListener('self:peer:update', this.#onChange)
    libp2p.addEventListener('peer:identify', this.#onIdentify)
    this.#unwatchTable = onServerFound(libp2p.services.dht, this.#onChange)
  }

  async stop(): Promise<void> {
    const { libp2p } = this.#components
    libp2p.removeEventListener('transport:listening', this.#onChange)
    libp2p.removeEventListener('transport:close', this.#onChange)
    libp2p.removeEventListener('self:peer:update', this.#onChange)
    libp2p.removeEventListener('peer:identify', this.#onIdentify)
    this.#unwatchTable?.()
    this.#stopped?.abort()
    this.#changed.resolve()
    await this.#loop
    this.#stopped = undefined
    this.#provided = ''
    this.#holders.clear()
  }

  /** Says which models this node serves; undefined says that it serves none and is no contributor. */
  set(models: string[] | undefined): void {
    this.#models = models
    this.#onChange()
  }

  /** Peers that are said to contribute, or to serve `model`, with their addresses in the peer store. */
  async *find(model: string | undefined, signal: AbortSignal): AsyncGenerator<PeerId> {
    const { libp2p } = this.#components
    if (libp2p.services.dht.routingTable.size === 0) return
    const cid = model === undefined ? await contributorsCid() : await modelCid(model)
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(FIND_TIMEOUT_MS)])
    try {
      for await (const provider of libp2p.contentRouting.findProviders(cid, { signal: deadline })) {
        if (!provider.id.equals(libp2p.peerId)) yield provider.id
      }
    } catch (err) {
      signal.throwIfAborted()
      this.#components.log('look-up failed - %e', err)
    }
  }

  readonly #onChange = (): void => {
    this.#changed.resolve()
  }

  /** A DHT server that comes back may have lost its records; a new one may hold them, while few do. */
  readonly #onIdentify = ({ detail }: CustomEvent<IdentifyResult>): void => {
    if (!detail.protocols.includes(KAD_PROTOCOL)) return
    const known = this.#holders.get(detail.peerId.toString())
    if (known === undefined ? this.#holders.size >= REPLICAS : known === detail.connection.id) return
    this.#holders.set(detail.peerId.toString(), detail.connection.id)
    this.#provided = ''
    this.#changed.resolve()
  }

  async #keep(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#changed = Promise.withResolvers()
      const wait = await this.#provide(signal)
      const woken = new AbortController()
      const timer = delay(wait, undefined, { signal: AbortSignal.any([signal, woken.signal]) }).catch(
        () => undefined
      )
      await Promise.race([this.#changed.promise, timer])
      woken.abort()
    }
  }

  /** Provides once, where there is something to say, an address to say it of, and somebody to say it to. */
  async #provide(signal: AbortSignal): Promise<number> {
    const { libp2p, log } = this.#components
    const addresses = libp2p.getMultiaddrs().map(String).sort()
    if (this.#models === undefined || addresses.length === 0) return PROVIDE_INTERVAL_MS
    if (libp2p.services.dht.routingTable.size === 0) return RETRY_MS
    const wanted = JSON.stringify([this.#models, addresses])
    if (this.#provided === wanted) return PROVIDE_INTERVAL_MS
    try {
      const cids = await Promise.all([contributorsCid(), ...this.#models.map(modelCid)])
      await Promise.all(cids.map((cid) => this.#put(cid, signal)))
      this.#provided = wanted
      return PROVIDE_INTERVAL_MS
    } catch (err) {
      if (!signal.aborted) log('provide failed, next try in %d ms - %e', RETRY_MS, err)
      return RETRY_MS
    }
  }

  async #put(cid: CID, signal: AbortSignal): Promise<void> {
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(PROVIDE_TIMEOUT_MS)])
    let stored = 0
    for await (const event of this.#components.libp2p.services.dht.provide(cid, { signal: deadline })) {
      if (event.name === 'PEER_RESPONSE' && event.messageName === 'ADD_PROVIDER') stored++
    }
    if (stored === 0) throw new NotProvidedError()
  }
}
