import { Socket } from 'node:net'
import { noise } from '@chainsafe/libp2p-noise'
import type { ConnectionEncrypter, MessageStream, SecuredConnection } from '@libp2p/interface'
import type { Uint8ArrayList } from 'uint8arraylist'
import { requireMembers } from './members.ts'

/** The part of libp2p's encrypted stream that reads lengths; not in its public type. */
interface Reader {
  decoder: { lengthDecoder(data: Uint8ArrayList): number }
}

/** How libp2p's decoder is told to wait for more. */
const INCOMPLETE = new RangeError('The length has not come yet')

/**
 * Noise for many small messages. libp2p's own writes a message's length and text on their own, as two packets that
 * wake the other side twice; and at the end of what has come it throws an error with a stack, which takes longer
 * than to decrypt a token.
 */
export function compactNoise(): (components: Parameters<ReturnType<typeof noise>>[0]) => ConnectionEncrypter {
  return (components) => {
    const encrypter = noise()(components)
    const inbound = encrypter.secureInbound.bind(encrypter)
    const outbound = encrypter.secureOutbound.bind(encrypter)
    encrypter.secureInbound = async (connection, options) =>
      cheapEnd(await inbound(together(connection), options))
    encrypter.secureOutbound = async (connection, options) =>
      cheapEnd(await outbound(together(connection), options))
    return encrypter
  }
}

/** Writes what is sent in one turn of the event loop at once; without a socket, what is sent by one call. */
export function together<T extends MessageStream>(connection: T): T {
  const send = connection.send.bind(connection)
  const socket: unknown = Reflect.get(connection, 'socket')
  if (socket instanceof Socket) {
    const uncork = (): void => socket.uncork()
    connection.send = (data) => {
      if (socket.writableCorked === 0) {
        socket.cork()
        process.nextTick(uncork)
      }
      return send(data)
    }
  } else connection.send = (data) => send(data.subarray())
  return connection
}

/** Ends the reading of an incomplete message without a new error and its stack. */
export function cheapEnd<T extends SecuredConnection>(secured: T): T {
  requireMembers('@chainsafe/libp2p-noise', secured.connection, ['decoder.lengthDecoder()'])
  const { decoder } = secured.connection as MessageStream & Reader
  const decode = decoder.lengthDecoder.bind(decoder)
  decoder.lengthDecoder = (data) => {
    if (data.byteLength < 2) throw INCOMPLETE
    return decode(data)
  }
  return secured
}
