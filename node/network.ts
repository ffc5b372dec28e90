import { networkInterfaces } from 'node:os'
import { defaultLogger } from '@libp2p/logger'
import type { ComponentLogger, Startable } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { isPrivateIp } from './addresses/index.ts'
import { BootstrapKeeper } from './discovery/index.ts'
import { explainListen } from './errors.ts'
import { StunServer, stunPortFor } from './reach/index.ts'
import { createLobstahLibp2p, type Libp2pInit, type LobstahLibp2p } from './libp2p.ts'

/** Where a relay listens when nothing is said: TCP, WebSocket, and QUIC where it is to be had. */
export const RELAY_LISTEN = [
  '/ip4/0.0.0.0/tcp/17476',
  '/ip4/0.0.0.0/tcp/17477/ws',
  '/ip4/0.0.0.0/udp/17476/quic-v1'
]

export interface RelayInit extends Omit<Libp2pInit, 'relay'> {
  /** Other relays of the mesh, each ended by `/p2p/<peer id>`. @default none */
  bootstrap?: string[]
  /** UDP and TCP port of the STUN server. @default the one after all that it listens on */
  stunPort?: number
  logger?: ComponentLogger
}

/** A relay: circuits for others, a DHT server, and dial-backs by AutoNAT v2. It has no engine and no ledger. */
export interface Relay extends Startable {
  readonly libp2p: LobstahLibp2p
  /** Where its STUN server listens, while it runs. */
  stunPorts(): ReturnType<StunServer['ports']>
  start(): Promise<void>
  stop(): Promise<void>
}

/** Puts a relay together; nothing runs before `start`. */
export async function createRelay(init: RelayInit): Promise<Relay> {
  const listen = init.listen ?? RELAY_LISTEN
  const announce = init.announce?.length ? init.announce : publicAddresses(listen)
  const libp2p = await createLobstahLibp2p({ ...init, listen, announce, relay: true })
  const keeper = new BootstrapKeeper(
    { peers: (init.bootstrap ?? []).map((text) => multiaddr(text)) },
    { libp2p, log: (init.logger ?? defaultLogger()).forComponent('lobstah:bootstrap') }
  )
  const stun = new StunServer(
    { port: init.stunPort ?? stunPortFor(listen) },
    { libp2p, log: (init.logger ?? defaultLogger()).forComponent('lobstah:stun'), now: Date.now }
  )
  const stop = async (): Promise<void> => {
    await keeper.stop()
    await stun.stop()
    await libp2p.stop()
  }
  return {
    libp2p,
    stunPorts: () => stun.ports(),
    start: async () => {
      try {
        await libp2p.start()
        await stun.start()
        keeper.start()
      } catch (err) {
        // Listeners that are already open would keep the process alive.
        await stop()
        throw explainListen(err)
      }
    },
    stop
  }
}

/**
 * The listen addresses, on the public addresses of this machine's interfaces. libp2p lists none of them before
 * four peers of different networks have dialled back, which a mesh's first relay waits for in vain.
 */
function publicAddresses(listen: string[]): string[] {
  const own = Object.values(networkInterfaces())
    .flatMap((entries) => entries ?? [])
    .filter(({ address, family }) => family === 'IPv4' && !isPrivateIp(address))
  return own.flatMap(({ address }) =>
    listen
      .filter((text) => text.startsWith('/ip4/0.0.0.0/') && !/\/(tcp|udp)\/0(\/|$)/.test(text))
      .map((text) => text.replace('0.0.0.0', address))
  )
}
