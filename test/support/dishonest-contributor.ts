import { generateKeyPair } from '@libp2p/crypto/keys'
import type { PrivateKey, Stream } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { Announcer } from '../../node/contributor/offers/announcer.ts'
import { Meter } from '../../node/contributor/settling/meter.ts'
import { createLobstahLibp2p, type LobstahLibp2p } from '../../node/libp2p.ts'
import {
  CHAT_PROTOCOL,
  FrameStream,
  INFO_PROTOCOL,
  MAX_REQUEST_BYTES,
  ORDER,
  RECEIPT,
  RECEIPTS_PROTOCOL,
  decodeJson,
  encodeJson,
  open,
  InvalidFrameError,
  consumerFrame,
  seal,
  serveInfo,
  type AcceptableCounts,
  type ClaimFrame,
  type Delta,
  type OfferedModel,
  type Receipt,
  type SignedRecord
} from '../../protocols/index.ts'
import { MODEL, unlimited } from './records.ts'

/** One order, as a contributor that follows no rules sees it. */
export class Sale {
  readonly frames: FrameStream
  /** The consumer's frames after order and document, parsed; its error frame is the last one. */
  readonly received: { type: string; code?: string; acceptable?: AcceptableCounts }[] = []
  /** Resolves when the consumer's side of the stream is over. */
  readonly over: Promise<void>
  /** The order, as its consumer signed it. */
  readonly order: SignedRecord
  readonly #meter: Meter
  readonly #privateKey: PrivateKey
  /** The counts that its last receipt billed. */
  #billed = { promptTokens: 7, completionTokens: 1 }

  constructor(frames: FrameStream, order: SignedRecord, meter: Meter, privateKey: PrivateKey) {
    this.frames = frames
    this.order = order
    this.#meter = meter
    this.#privateKey = privateKey
    this.over = this.#listen()
  }

  async send(frame: object): Promise<void> {
    await this.frames.write(encodeJson(frame))
  }

  async accept(): Promise<void> {
    await this.send({ type: 'accepted', position: 0 })
  }

  async delta(content: string | Delta): Promise<void> {
    const delta: Delta = typeof content === 'string' ? { content, tokens: 1 } : content
    const payload = encodeJson({ type: 'delta', ...delta })
    this.#meter.add(delta, payload)
    await this.frames.write(payload)
  }

  /** Sends the next receipt, which is honest but for the changes, signed by this contributor or by another key. */
  async receipt(changes: Partial<Receipt> = {}, privateKey = this.#privateKey): Promise<SignedRecord> {
    const honest = this.#meter.finalReceipt({ promptTokens: 7, completionTokens: this.#meter.tokens }, 'stop')
    const said = { ...honest, ...changes }
    this.#billed = { promptTokens: said.promptTokens, completionTokens: said.completionTokens }
    const receipt = await seal(RECEIPT, said, privateKey)
    await this.send({ type: 'receipt', receipt })
    return receipt
  }

  /** The claim for the order, to be made when the two meet again: honest but for the changes. */
  async claim(changes: Partial<Receipt> = {}, privateKey = this.#privateKey): Promise<ClaimFrame> {
    const honest = this.#meter.finalReceipt(
      { promptTokens: 7, completionTokens: this.#meter.tokens },
      'error'
    )
    const receipt = await seal(RECEIPT, { ...honest, seq: 0, ...changes }, privateKey)
    return { type: 'claim', order: this.order, receipt }
  }

  /** Ends as the last receipt says, but for the changes. */
  async end(changes: { finishReason?: string; completionTokens?: number } = {}): Promise<void> {
    const { finishReason = 'stop', ...counts } = changes
    await this.send({ type: 'end', finishReason, usage: { ...this.#billed, ...counts } })
  }

  async #listen(): Promise<void> {
    try {
      for (;;)
        this.received.push(JSON.parse(Buffer.from(await this.frames.read()).toString()) as { type: string })
    } catch {
      // The consumer has ended its side.
    }
  }
}

/** A real libp2p node that announces itself as contributors do, and then answers as a test says. */
export class DishonestContributor {
  readonly peer: string
  readonly libp2p: LobstahLibp2p
  /** Its behaviour for the next orders, once order and document are read. */
  act: (sale: Sale) => Promise<unknown> = async () => undefined
  sales: Sale[] = []
  /** Its claims at the next exchange of receipts. */
  claims: () => Promise<ClaimFrame[]> = async () => []
  /** Told what the consumer said in an exchange, its error last. */
  exchanged: (said: { type: string }[]) => void = () => undefined
  readonly #privateKey: PrivateKey
  readonly #announcer: Announcer

  private constructor(libp2p: LobstahLibp2p, privateKey: PrivateKey, models: OfferedModel[]) {
    this.peer = peerIdFromPrivateKey(privateKey).toString()
    this.libp2p = libp2p
    this.#privateKey = privateKey
    const offer = { models, slots: 8, active: 0, queued: 0 }
    this.#announcer = new Announcer(() => offer, {
      peer: this.peer,
      privateKey,
      agent: 'dishonest',
      now: Date.now
    })
  }

  /** Starts a node that claims every capability, so that it is asked before others; `model` changes what it offers. */
  static async start(
    capabilities = ['chat', 'tools'],
    model: Partial<OfferedModel> = {}
  ): Promise<DishonestContributor> {
    const privateKey = await generateKeyPair('Ed25519')
    const libp2p = await createLobstahLibp2p({
      loopbackPeers: true,
      privateKey,
      listen: ['/ip4/127.0.0.1/tcp/0']
    })
    const contributor = new DishonestContributor(libp2p, privateKey, [{ ...MODEL, capabilities, ...model }])
    await contributor.#announcer.begin()
    await libp2p.handle(
      INFO_PROTOCOL,
      (stream) => void serveInfo(stream, contributor.#announcer).catch(() => undefined)
    )
    await libp2p.handle(CHAT_PROTOCOL, (stream) => void contributor.#serve(stream).catch(() => undefined), {
      maxInboundStreams: 256
    })
    await libp2p.handle(RECEIPTS_PROTOCOL, (stream) => void contributor.#exchange(stream))
    await libp2p.start()
    return contributor
  }

  /** Goes without a word. */
  async stop(): Promise<void> {
    await this.libp2p.stop()
    await this.#announcer.end()
  }

  async #exchange(stream: Stream): Promise<void> {
    const frames = new FrameStream(stream)
    const said: { type: string }[] = []
    const read = async (): Promise<void> => {
      said.push(JSON.parse(Buffer.from(await frames.read()).toString()) as { type: string })
    }
    try {
      await read()
      for (const claim of await this.claims()) {
        await frames.write(encodeJson(claim))
        await read()
      }
      await frames.write(encodeJson({ type: 'end', next: null }))
      await frames.close(1000)
    } catch {
      // The consumer has ended it.
    }
    this.exchanged(said)
  }

  async #serve(stream: Stream): Promise<void> {
    const frames = new FrameStream(stream)
    const ordered = decodeJson(consumerFrame, await frames.read())
    if (ordered.type !== 'order') throw new InvalidFrameError(`Expected order, got ${ordered.type}`)
    const record = ordered.order
    await frames.read({ max: MAX_REQUEST_BYTES })
    const sale = new Sale(
      frames,
      record,
      new Meter(await open(ORDER, record), record, {
        now: Date.now,
        reservation: unlimited(),
        readIn: () => 0
      }),
      this.#privateKey
    )
    this.sales.push(sale)
    await this.act(sale)
  }
}
