import { generateKeyPair } from '@libp2p/crypto/keys'
import type { Connection } from '@libp2p/interface'
import { createLobstahLibp2p, type LobstahLibp2p } from '../../node/libp2p.ts'

/** A node as the mesh has it, on a free port of loopback, without any of our protocols. */
export async function bareNode(listen: string[] = ['/ip4/127.0.0.1/tcp/0']): Promise<LobstahLibp2p> {
  const node = await createLobstahLibp2p({
    loopbackPeers: true,
    privateKey: await generateKeyPair('Ed25519'),
    listen
  })
  await node.start()
  return node
}

/** Two nodes with a real connection over TCP, Noise and yamux. */
export class Libp2pPair {
  readonly dialer: LobstahLibp2p
  readonly listener: LobstahLibp2p
  /** The dialer's end. */
  readonly connection: Connection

  private constructor(dialer: LobstahLibp2p, listener: LobstahLibp2p, connection: Connection) {
    this.dialer = dialer
    this.listener = listener
    this.connection = connection
  }

  static async connect(): Promise<Libp2pPair> {
    const [dialer, listener] = await Promise.all([bareNode([]), bareNode()])
    return new Libp2pPair(dialer, listener, await dialer.dial(listener.getMultiaddrs()))
  }

  /** Resolves when all that was sent before, in either direction, has arrived. */
  async settle(): Promise<void> {
    await this.dialer.services.ping.ping(this.listener.peerId)
    await this.listener.services.ping.ping(this.dialer.peerId)
  }

  async stop(): Promise<void> {
    await Promise.all([this.dialer.stop(), this.listener.stop()])
  }
}
