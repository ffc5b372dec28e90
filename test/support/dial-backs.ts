import { autoNATv2, type AutoNATv2Components } from '@libp2p/autonat-v2'
import type { Connection, Startable } from '@libp2p/interface'
import { defaultLogger } from '@libp2p/logger'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import type { LobstahLibp2p } from '../../node/libp2p.ts'

const DIAL_REQUEST = '/libp2p/autonat/2/dial-request'

/** A public address of the documentation's kind that nobody has: dials to it go to loopback. */
export const OUTER = '5.10.0.10'

/**
 * Makes a node dial others back at `OUTER`, by libp2p's own AutoNAT v2 and as if loopback were the internet: its
 * own server dials no private address. `open` says whether the way in is open.
 */
export async function dialBacks(node: LobstahLibp2p, open: () => boolean): Promise<Startable> {
  const connectionManager = {
    isDialable: () => Promise.resolve(true),
    openConnection: async (to: Multiaddr): Promise<Connection> => {
      if (!open()) throw new TypeError('no way in')
      return await node.dial(multiaddr(to.toString().replace(OUTER, '127.0.0.1')), { force: true })
    },
    getConnections: () => [],
    getMaxConnections: () => 100
  }
  const registrar = {
    handle: node.handle.bind(node),
    unhandle: node.unhandle.bind(node),
    register: () => Promise.resolve('none')
  }
  const components = {
    registrar: { ...registrar, unhandle: () => Promise.resolve() },
    connectionManager,
    addressManager: { getAddressesWithMetadata: () => [] },
    logger: defaultLogger()
  }
  // Only the server's part: the node asks for no dial backs itself.
  await node.unhandle([DIAL_REQUEST, '/libp2p/autonat/2/dial-back'])
  const autonat = autoNATv2()(components as unknown as AutoNATv2Components) as Startable
  await autonat.start()
  return autonat
}
