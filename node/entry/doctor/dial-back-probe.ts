import { randomBytes } from 'node:crypto'
import type { Connection, Libp2p, Stream } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import * as varint from 'uint8-varint'
import { FrameStream, InvalidFrameError } from '../../../protocols/index.ts'

/** A peer with this protocol dials others back (libp2p's AutoNAT v2). */
export const DIAL_REQUEST_PROTOCOL = '/libp2p/autonat/2/dial-request'

const DIAL_BACK_PROTOCOL = '/libp2p/autonat/2/dial-back'

// Statuses of a dial response, and of the dial itself.
const RESPONDED = 200
const REACHED = 200
const NOT_REACHED = 100
const ANSWERED = 101

/** Most bytes sent to show that it is not somebody else who is to be flooded; the specification's is 100,000. */
const MAX_DIAL_DATA_BYTES = 200_000

const CHUNK_BYTES = 4096

/**
 * The result of a dial back: this node was reached; a libp2p node was that is not this one; nobody was; or the peer
 * would not dial.
 */
export type DialBackResult = 'reached' | 'answered' | 'failed' | 'refused'

/**
 * Asks peers, one address at a time, to dial this node back. libp2p's own AutoNAT keeps to itself what it finds,
 * and asks about what it likes; while this one is open, libp2p's finds nothing.
 */
export class DialBackProbe {
  readonly #libp2p: Libp2p
  readonly #nonces = new Set<string>()

  constructor(libp2p: Libp2p) {
    this.#libp2p = libp2p
  }

  /** Takes the answering of dial backs over. */
  async start(): Promise<void> {
    await this.#libp2p.unhandle(DIAL_BACK_PROTOCOL)
    await this.#libp2p.handle(DIAL_BACK_PROTOCOL, this.#onDialBack)
  }

  /** Has the peer of a connection dial an address, which must begin with an IP. Throws what streams throw. */
  async ask(
    connection: Connection,
    address: Multiaddr,
    { signal }: { signal: AbortSignal }
  ): Promise<DialBackResult> {
    const nonce = randomBytes(8)
    const key = nonce.toString('hex')
    const stream = await connection.newStream(DIAL_REQUEST_PROTOCOL, { signal })
    const frames = new FrameStream(stream)
    this.#nonces.add(key)
    try {
      await frames.write(field(1, Buffer.concat([field(1, address.bytes), Buffer.from([0x11]), nonce])), {
        signal
      })
      for (;;) {
        const message = decode(await frames.read({ signal }))
        const wanted = message.get(3)
        if (wanted === undefined) return resultOf(message.get(2))
        let left = Math.min(MAX_DIAL_DATA_BYTES, number(decode(bytes(wanted)).get(2)))
        for (; left > 0; left -= CHUNK_BYTES) {
          await frames.write(field(4, field(1, Buffer.alloc(CHUNK_BYTES))), { signal })
        }
      }
    } finally {
      this.#nonces.delete(key)
      await frames.close(1000)
    }
  }

  readonly #onDialBack = async (stream: Stream): Promise<void> => {
    const frames = new FrameStream(stream)
    const signal = AbortSignal.timeout(5000)
    const message = Buffer.from(await frames.read({ signal }))
    // Field 1, of eight bytes.
    if (message[0] !== 0x09 || !this.#nonces.has(message.subarray(1, 9).toString('hex'))) {
      stream.abort(new InvalidFrameError('Nobody was asked for this dial'))
      return
    }
    // Status 0: the dial back is good.
    await frames.write(Buffer.from([0x08, 0]), { signal })
    await frames.close(1000)
  }
}

function resultOf(response: Field | undefined): DialBackResult {
  if (response === undefined) return 'refused'
  const fields = decode(bytes(response))
  if (number(fields.get(1)) !== RESPONDED) return 'refused'
  const status = number(fields.get(3))
  if (status === REACHED) return 'reached'
  if (status === ANSWERED) return 'answered'
  return status === NOT_REACHED ? 'failed' : 'refused'
}

type Field = number | Buffer

/** A field of protobuf's, with a length. */
function field(tag: number, value: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([(tag << 3) | 2]), varint.encode(value.byteLength), value])
}

/** The fields of a protobuf message, by their tags: numbers, and what has a length. Ends at what is neither. */
function decode(message: Uint8Array): Map<number, Field> {
  const buffer = Buffer.from(message)
  const fields = new Map<number, Field>()
  let at = 0
  const next = (): number => {
    const value = varint.decode(buffer, at)
    at += varint.encodingLength(value)
    return value
  }
  while (at < buffer.length) {
    const head = next()
    const kind = head & 7
    if (kind !== 0 && kind !== 2) break
    const value = next()
    if (kind === 2) fields.set(head >>> 3, buffer.subarray(at, (at += value)))
    else fields.set(head >>> 3, value)
  }
  return fields
}

function bytes(value: Field): Buffer {
  return typeof value === 'number' ? Buffer.alloc(0) : value
}

function number(value: Field | undefined): number {
  return typeof value === 'number' ? value : 0
}
