import { randomBytes } from 'node:crypto'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { Connection } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { createLobstahLibp2p, type LobstahLibp2p } from '../../node/libp2p.ts'
import type { Lobstah } from '../../node/lobstah.ts'
import {
  ACKNOWLEDGEMENT,
  CHAT_PROTOCOL,
  FrameStream,
  ORDER,
  contributorFrame,
  decodeJson,
  encodeJson,
  open,
  RECEIPT,
  RECEIPTS_PROTOCOL,
  claimFrame,
  seal,
  sha256,
  type Acknowledgement,
  type ClaimFrame,
  type ContributorFrame,
  type Order,
  type Receipt,
  type SignedRecord
} from '../../protocols/index.ts'
import { DOCUMENT, anOrder, type Party } from './records.ts'

/** A contributor's claim, with the receipt's payload. */
export type Claim = ClaimFrame & { receiptPayload: Receipt }

/** One exchange, as a consumer that follows no rules sees it. */
export class Demand {
  readonly frames: FrameStream
  readonly #consumer: Party

  constructor(frames: FrameStream, consumer: Party) {
    this.frames = frames
    this.#consumer = consumer
  }

  async send(frame: object): Promise<void> {
    await this.frames.write(encodeJson(frame))
  }

  async read(): Promise<ContributorFrame> {
    return decodeJson(contributorFrame, await this.frames.read())
  }

  /** The next frame of a type, or the error that comes instead. */
  async next<T extends ContributorFrame['type']>(
    type: T
  ): Promise<Extract<ContributorFrame, { type: T | 'error' }>> {
    for (;;) {
      const frame = await this.read()
      if (frame.type === type || frame.type === 'error') {
        return frame as Extract<ContributorFrame, { type: T | 'error' }>
      }
    }
  }

  /** Countersigns a receipt, with changes. */
  async acknowledge(
    record: SignedRecord,
    changes: Partial<Acknowledgement> = {},
    signer = this.#consumer
  ): Promise<void> {
    const { order, consumer, contributor, seq } = await open(RECEIPT, record)
    const honest = {
      order,
      consumer,
      contributor,
      seq,
      receiptHash: sha256(record.payload),
      issuedAt: Date.now()
    }
    const acknowledgement = await seal(ACKNOWLEDGEMENT, { ...honest, ...changes }, signer.privateKey)
    await this.send({ type: 'acknowledgement', acknowledgement })
  }
}

/** A libp2p node that orders from a contributor whatever it wants, by raw streams. */
export class DishonestConsumer {
  readonly party: Party
  readonly libp2p: LobstahLibp2p
  readonly #contributor: Lobstah

  private constructor(libp2p: LobstahLibp2p, party: Party, contributor: Lobstah) {
    this.libp2p = libp2p
    this.party = party
    this.#contributor = contributor
  }

  /** Starts a node with a new key, or as somebody who was there before. */
  static async start(contributor: Lobstah, party?: Party): Promise<DishonestConsumer> {
    const privateKey = party?.privateKey ?? (await generateKeyPair('Ed25519'))
    const libp2p = await createLobstahLibp2p({ loopbackPeers: true, privateKey })
    await libp2p.start()
    return new DishonestConsumer(
      libp2p,
      { peer: peerIdFromPrivateKey(privateKey).toString(), privateKey },
      contributor
    )
  }

  async stop(): Promise<void> {
    await this.libp2p.stop()
  }

  /** An order that is good but for the changes, and for who signed it. */
  async order(changes: Partial<Order> = {}, signer = this.party): Promise<SignedRecord> {
    const now = Date.now()
    const good = anOrder({
      id: randomBytes(16).toString('base64url'),
      consumer: this.party.peer,
      contributor: this.#contributor.peer,
      issuedAt: now,
      expiresAt: now + 300_000
    })
    return await seal(ORDER, { ...good, ...changes }, signer.privateKey)
  }

  /** Opens a stream and sends nothing. */
  async open(): Promise<Demand> {
    const connection: Connection = await this.libp2p.dial(this.#contributor.libp2p.getMultiaddrs())
    const stream = await connection.newStream(CHAT_PROTOCOL, { maxOutboundStreams: 256 })
    return new Demand(new FrameStream(stream), this.party)
  }

  /** Asks for the claims on it and says to each what it wants; resolves to the error that ends it, if one does. */
  async settle(reply: (claim: Claim) => Promise<object>): Promise<string | undefined> {
    const connection: Connection = await this.libp2p.dial(this.#contributor.libp2p.getMultiaddrs())
    const frames = new FrameStream(await connection.newStream(RECEIPTS_PROTOCOL))
    const send = (frame: object): Promise<void> => frames.write(encodeJson(frame))
    await send({ type: 'list', after: '' })
    for (;;) {
      const frame = decodeJson(claimFrame, await frames.read())
      if (frame.type !== 'claim') {
        await frames.close(1000)
        return frame.type === 'error' ? frame.code : undefined
      }
      await send(await reply({ ...frame, receiptPayload: await open(RECEIPT, frame.receipt) }))
    }
  }

  /** Sends an order and a document. */
  async place(order: SignedRecord, document: Uint8Array = DOCUMENT): Promise<Demand> {
    const demand = await this.open()
    await demand.send({ type: 'order', order })
    demand.frames.write(document).catch(() => undefined)
    return demand
  }
}
