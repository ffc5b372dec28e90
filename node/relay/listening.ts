import { networkInterfaces } from 'node:os'
import { isPrivateIp } from '../addresses/index.ts'

/** The addresses a relay listens on by default: TCP, WebSocket, and QUIC where this machine has it. */
export const RELAY_LISTEN = [
  '/ip4/0.0.0.0/tcp/17476',
  '/ip4/0.0.0.0/tcp/17477/ws',
  '/ip4/0.0.0.0/udp/17476/quic-v1'
]

/**
 * The listen addresses at each public address of this machine's own interfaces. libp2p lists none of them before
 * four peers of different networks have dialled back, which a mesh's first relay would wait for in vain.
 */
export function publicAddresses(listen: readonly string[], interfaces = networkInterfaces()): string[] {
  const own = Object.values(interfaces)
    .flatMap((entries) => entries ?? [])
    .filter(({ address, family }) => family === 'IPv4' && !isPrivateIp(address))
  return own.flatMap(({ address }) =>
    listen
      .filter((text) => text.startsWith('/ip4/0.0.0.0/') && !/\/(tcp|udp)\/0(\/|$)/.test(text))
      .map((text) => text.replace('0.0.0.0', address))
  )
}
