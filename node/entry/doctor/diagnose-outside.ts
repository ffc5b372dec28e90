import { networkInterfaces } from 'node:os'
import type { Connection, IdentifyResult, Listener, Logger } from '@libp2p/interface'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { isPublicAddress } from '../../addresses/index.ts'
import type { LobstahLibp2p } from '../../libp2p.ts'
import { StunDirectory, closeEnds, gather } from '../../reach/index.ts'
import { DIAL_REQUEST_PROTOCOL, DialBackProbe, type DialBackResult } from './dial-back-probe.ts'
import { because, fail, ok, skip, warn, type Finding } from './diagnosis.ts'
import type { MeshConfig } from '../mesh-config.ts'
import type { Runtime } from '../runtime-file.ts'

/** Longest wait for a relay to tell its STUN ports, in milliseconds. */
const STUN_PATIENCE_MS = 3000

/** Longest wait for one dial back, in milliseconds: who is not reached is waited for by the peer. */
const DIAL_BACK_TIMEOUT_MS = 15_000

/** Addresses that a peer is asked to dial. */
const MAX_ADDRESSES = 4

export interface OutsideInit {
  config: MeshConfig
  /** The run file of this home's node, if it runs. */
  running: Runtime | undefined
  /** Not yet started. */
  libp2p: LobstahLibp2p
  log: Logger
}

/** How this machine looks from outside: its NAT, by the relays' STUN, and whether a peer's dial comes through. */
export class Outside {
  readonly #init: OutsideInit
  readonly #stun: StunDirectory
  readonly #probe: DialBackProbe
  readonly #stunKnown = Promise.withResolvers<void>()
  /** IP addresses by which peers saw this machine, and ports that are listened on, as `tcp/4001` or longer. */
  readonly #hosts = new Set<string>()
  readonly #ports = new Set<string>()
  readonly #dialsBack = new Map<string, Connection>()

  constructor(init: OutsideInit) {
    this.#init = init
    const { libp2p, log } = init
    this.#stun = new StunDirectory({ libp2p, log }, () => this.#stunKnown.resolve())
    this.#probe = new DialBackProbe(libp2p)
  }

  async start(): Promise<void> {
    const { libp2p, running } = this.#init
    for (const text of running?.addresses ?? []) this.#addPort(multiaddr(text))
    libp2p.addEventListener('peer:identify', this.#onIdentify)
    libp2p.addEventListener('transport:listening', this.#onListening)
    await this.#stun.start()
  }

  async stop(): Promise<void> {
    const { libp2p } = this.#init
    libp2p.removeEventListener('peer:identify', this.#onIdentify)
    libp2p.removeEventListener('transport:listening', this.#onListening)
    await this.#stun.stop()
  }

  /** Looks, once peers are connected. */
  async look(): Promise<Finding[]> {
    await this.#probe.start()
    return [await this.#nat(), await this.#reachable()]
  }

  readonly #onIdentify = ({ detail }: CustomEvent<IdentifyResult>): void => {
    const { observedAddr, connection, protocols } = detail
    if (connection.remoteAddr.toString().includes('/p2p-circuit')) return
    if (observedAddr !== undefined && isPublicAddress(observedAddr))
      this.#hosts.add(observedAddr.getComponents()[0]?.value ?? '')
    if (protocols.includes(DIAL_REQUEST_PROTOCOL)) this.#dialsBack.set(detail.peerId.toString(), connection)
  }

  readonly #onListening = ({ detail }: CustomEvent<Listener>): void => {
    for (const address of detail.getAddrs()) this.#addPort(address)
  }

  #addPort(address: Multiaddr): void {
    const [host, ...rest] = address.getComponents()
    if (host?.name !== 'ip4' || rest.some(({ name }) => name === 'p2p-circuit')) return
    const port = rest.filter(({ name }) => name !== 'p2p')
    this.#ports.add(
      port.map(({ name, value }) => (value === undefined ? name : `${name}/${value}`)).join('/')
    )
  }

  async #nat(): Promise<Finding> {
    if (this.#init.config.lanOnly) return skip('nat', 'only the local network is checked')
    const timer = setTimeout(() => this.#stunKnown.resolve(), STUN_PATIENCE_MS)
    await this.#stunKnown.promise
    clearTimeout(timer)
    const servers = this.#stun.servers()
    const [first] = servers.udp
    if (first === undefined)
      return skip(
        'nat',
        'no connected peer runs a STUN server: join through a relay (lobstah-node relay) to find out'
      )
    const asked = `${first.host}, UDP ${servers.udp.map(({ port }) => port).join(', ')}`
    const ends = await gather(servers, {
      wanted: ['udp'],
      signal: AbortSignal.timeout(STUN_PATIENCE_MS)
    })
    closeEnds(ends)
    const endpoint = ends.udp?.endpoint
    const seen = endpoint?.observed[0]
    if (endpoint === undefined || seen === undefined)
      return warn(
        'nat',
        `no answer by UDP from ${asked}`,
        'open these ports in the relay’s firewall; if this network blocks UDP, direct paths use TCP'
      )
    if (endpoint.mapping === 'symmetric')
      return warn(
        'nat',
        `symmetric: each destination sees a different port of ${seen.address} (asked ${asked})`,
        'direct paths work only to peers behind other kinds of NAT; the rest use the relay. A forwarded port (--listen, --announce) or --upnp helps'
      )
    if (isOwn(seen.address)) return ok('nat', `none: ${seen.address} is this machine's own (asked ${asked})`)
    return ok('nat', `cone: all see ${seen.address}; direct paths can be punched (asked ${asked})`)
  }

  async #reachable(): Promise<Finding> {
    const { config, running } = this.#init
    const announced = config.announce.map((text) => multiaddr(text))
    const addresses = announced.length > 0 ? announced : this.#addresses()
    if (addresses.length === 0)
      return this.#ports.size === 0
        ? ok('reachable', 'not listening, and a node that only asks need not be reachable')
        : skip(
            'reachable',
            'no peer sees this machine at a public address: all peers are on private networks'
          )
    const tried: string[] = []
    for (const [peer, connection] of this.#dialsBack) {
      for (const address of addresses.slice(0, MAX_ADDRESSES)) {
        const result = await this.#ask(connection, address)
        tried.push(`${address.toString()} ${result}`)
        if (result === 'reached' || (result === 'answered' && running !== undefined))
          return ok('reachable', `${peer} dialled ${address.toString()} back`)
      }
      // The first that answers is enough.
      if (tried.some((text) => !text.endsWith('refused'))) break
    }
    if (tried.every((text) => text.endsWith('refused')))
      return skip('reachable', 'no connected peer would dial back')
    if (announced.length > 0)
      return fail(
        'reachable',
        `what is announced cannot be dialled: ${tried.join(', ')}`,
        'forward that port to this machine and open it in the firewall, or do not announce it: peers waste time dialling it'
      )
    return warn(
      'reachable',
      `not directly: through relays only (${tried.join(', ')})`,
      'this works; for more speed forward a port and set --listen and --announce, or try --upnp'
    )
  }

  /** Where this machine may be reached: the addresses that peers saw, with the ports listened on. */
  #addresses(): Multiaddr[] {
    return [...this.#hosts].flatMap((host) =>
      [...this.#ports].map((port) => multiaddr(`/ip4/${host}/${port}`))
    )
  }

  async #ask(connection: Connection, address: Multiaddr): Promise<DialBackResult> {
    try {
      return await this.#probe.ask(connection, address, { signal: AbortSignal.timeout(DIAL_BACK_TIMEOUT_MS) })
    } catch (err) {
      this.#init.log('no dial back - %s', because(err))
      return 'refused'
    }
  }
}

function isOwn(address: string): boolean {
  return Object.values(networkInterfaces()).some((entries) =>
    entries?.some((entry) => entry.address === address)
  )
}
