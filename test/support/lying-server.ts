import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import * as varint from 'uint8-varint'
import { createLobstahLibp2p, type LobstahLibp2p } from '../../node/libp2p.ts'
import { FrameStream, KAD_PROTOCOL } from '../../protocols/index.ts'

/** Fields of kad-dht's message. */
const FIELDS = { closer: 8, providers: 9 }

/** A DHT server whose every answer is peers that it made up, at addresses that take connections and say nothing. */
export class LyingServer {
  readonly libp2p: LobstahLibp2p
  readonly #silent = createServer((socket) => this.#sockets.push(socket.on('error', () => undefined)))
  readonly #sockets: Socket[] = []

  private constructor(libp2p: LobstahLibp2p) {
    this.libp2p = libp2p
  }

  static async start(kind: keyof typeof FIELDS, count: number): Promise<LyingServer> {
    const server = new LyingServer(
      await createLobstahLibp2p({
        loopbackPeers: true,
        privateKey: await generateKeyPair('Ed25519'),
        listen: ['/ip4/127.0.0.1/tcp/0'],
        relay: true
      })
    )
    await server.#start(FIELDS[kind], count)
    return server
  }

  /** Connections that were made to peers that do not exist. */
  get dials(): number {
    return this.#sockets.length
  }

  async stop(): Promise<void> {
    await this.libp2p.stop()
    for (const socket of this.#sockets) socket.destroy()
    this.#silent.close()
  }

  async #start(field: number, count: number): Promise<void> {
    this.#silent.listen(0, '0.0.0.0')
    await once(this.#silent, 'listening')
    const { port } = this.#silent.address() as AddressInfo
    await this.libp2p.start()
    await this.libp2p.unhandle(KAD_PROTOCOL)
    await this.libp2p.handle(KAD_PROTOCOL, async (stream) => {
      const frames = new FrameStream(stream)
      await frames.read()
      // FIND_NODE: nobody looks at the type of an answer.
      await frames.write(Buffer.concat([Buffer.from([8, 4]), await madeUp(field, count, port)]))
    })
  }
}

async function madeUp(field: number, count: number, port: number): Promise<Buffer> {
  const peers: Uint8Array[] = []
  for (let n = 0; n < count; n++) {
    const { bytes } = peerIdFromPrivateKey(await generateKeyPair('Ed25519')).toMultihash()
    // All of 127.0.0.0/8 is this machine.
    const address = multiaddr(`/ip4/127.0.${1 + (n >> 8)}.${n & 255}/tcp/${port}`)
    peers.push(prefixed(field, Buffer.concat([prefixed(1, bytes), prefixed(2, address.bytes)])))
  }
  return Buffer.concat(peers)
}

/** A field of protobuf's, with a length. */
function prefixed(field: number, value: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([(field << 3) | 2]), varint.encode(value.byteLength), value])
}
