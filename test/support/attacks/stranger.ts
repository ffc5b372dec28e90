import { randomBytes } from 'node:crypto'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { Connection, PrivateKey, Stream } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { createLobstahLibp2p, type LobstahLibp2p } from '../../../node/libp2p.ts'
import {
  CHAT_PROTOCOL,
  FrameStream,
  ORDER,
  encodeJson,
  plausiblePromptTokens,
  seal,
  sha256,
  type Order,
  type SignedRecord
} from '../../../protocols/index.ts'
import type { RunningNode } from '../node-process.ts'

/** A peer with a new key that nobody knows, and that says on its streams what it likes. */
export class Stranger implements AsyncDisposable {
  readonly peer: string
  readonly privateKey: PrivateKey
  readonly libp2p: LobstahLibp2p

  private constructor(libp2p: LobstahLibp2p, privateKey: PrivateKey) {
    this.peer = peerIdFromPrivateKey(privateKey).toString()
    this.privateKey = privateKey
    this.libp2p = libp2p
  }

  static async start(listen: string[] = []): Promise<Stranger> {
    const privateKey = await generateKeyPair('Ed25519')
    const libp2p = await createLobstahLibp2p({ privateKey, listen, monitor: false, loopbackPeers: true })
    await libp2p.start()
    return new Stranger(libp2p, privateKey)
  }

  async dial({ addresses }: RunningNode): Promise<Connection> {
    const address = addresses.find((text) => text.includes('/tcp/'))
    return await this.libp2p.dial(multiaddr(address))
  }

  /** Opens a chat stream, on which nothing is sent yet. */
  async chat(connection: Connection): Promise<Stream> {
    return await connection.newStream(CHAT_PROTOCOL, { maxOutboundStreams: 5000 })
  }

  /** Signs an order for a document, good but for the changes. */
  async order(
    { peer }: RunningNode,
    document: Uint8Array,
    changes: Partial<Order> = {}
  ): Promise<SignedRecord> {
    const now = Date.now()
    const order: Order = {
      id: randomBytes(16).toString('base64url'),
      consumer: this.peer,
      contributor: peer,
      kind: 'chat',
      model: 'tiny:1b',
      digest: null,
      requestHash: sha256(document),
      price: { prompt: 250_000, completion: 1_000_000 },
      maxPromptTokens: plausiblePromptTokens(document.byteLength),
      maxCompletionTokens: 64,
      issuedAt: now,
      expiresAt: now + 300_000,
      ...changes
    }
    return await seal(ORDER, order, this.privateKey)
  }

  /** Sends an order with its document; resolves to the stream's frames. */
  async place(connection: Connection, order: SignedRecord, document: Uint8Array): Promise<FrameStream> {
    const frames = new FrameStream(await this.chat(connection))
    await frames.write(encodeJson({ type: 'order', order }))
    frames.write(document).catch(() => undefined)
    return frames
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.libp2p.stop()
  }
}
