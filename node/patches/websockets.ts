import { isIP, type LookupFunction } from 'node:net'
import { webSockets } from '@libp2p/websockets'
import type { Multiaddr } from '@multiformats/multiaddr'
import { multiaddrToUri } from '@multiformats/multiaddr-to-uri'
import { pEvent } from 'p-event'
import WebSocket from 'ws'
import { requireMembers } from './members.ts'

/** By what the transport opens a WebSocket; not in its public type. */
interface Connector {
  _connect(address: Multiaddr, options: { signal: AbortSignal }): Promise<WebSocket>
}

/**
 * libp2p's WebSockets, which connect to the IP address in a multiaddr. Its own connect to the name that TLS is to ask
 * for, looked up once more: to any address of the peer's choice.
 */
export function pinnedWebSockets(): ReturnType<typeof webSockets> {
  return (components) => {
    const transport = webSockets()(components)
    requireMembers('@libp2p/websockets', transport, ['_connect()'])
    const connector = transport as unknown as Connector
    connector._connect = async (address, { signal }) => {
      signal.throwIfAborted()
      const [host] = address.getComponents()
      const ip = host?.value ?? ''
      const socket = new WebSocket(multiaddrToUri(address), isIP(ip) === 0 ? {} : { lookup: lookupOf(ip) })
      socket.binaryType = 'arraybuffer'
      // One that fails while it is being closed tells nobody anything.
      socket.on('error', () => undefined)
      // The first bytes of the other side wait until the transport listens, which it does once this returns.
      socket.once('open', () => {
        socket.pause()
        setImmediate(() => socket.resume())
      })
      try {
        await pEvent(socket, 'open', { signal, rejectionEvents: ['error', 'close'] })
        return socket
      } catch (err) {
        socket.terminate()
        throw err
      }
    }
    return transport
  }
}

function lookupOf(ip: string): LookupFunction {
  const family = isIP(ip)
  return (_, { all }, callback) => {
    if (all === true) callback(null, [{ address: ip, family }])
    else callback(null, ip, family)
  }
}
