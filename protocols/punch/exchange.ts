import { setTimeout as delay } from 'node:timers/promises'
import { pEvent } from 'p-event'
import type { Connection, Stream } from '@libp2p/interface'
import { PUNCH_PROTOCOL, SEEN_PROTOCOL, STUN_PROTOCOL } from '../constants.ts'
import { InvalidFrameError } from '../errors.ts'
import { FrameStream, decodeJson, encodeJson } from '../framing/index.ts'
import { MAX_PUNCH_FRAME_BYTES, PUNCH_EXCHANGE_TIMEOUT_MS } from './constants.ts'
import {
  initiatorFrame,
  responderFrame,
  seenFrame,
  stunFrame,
  whoisFrame,
  type InitiatorFrame,
  type PunchAnswer,
  type PunchOffer,
  type ResponderFrame,
  type SeenFrame,
  type StunFrame,
  type WhoisFrame
} from './frames.ts'

/** Upper limit for the responder's estimate of half a round trip, in milliseconds. */
const LONGEST_WAIT_MS = 500

interface Options {
  signal: AbortSignal
}

/** Opens the stream on which the peers agree on an attempt. */
export async function openPunch(connection: Connection, options: Options): Promise<Stream> {
  return await connection.newStream(PUNCH_PROTOCOL, {
    signal: AbortSignal.any([options.signal, AbortSignal.timeout(PUNCH_EXCHANGE_TIMEOUT_MS)]),
    runOnLimitedConnection: true
  })
}

/** The initiator's part: resolves to the answer at the moment punching begins. */
export async function proposePunch(
  stream: Stream,
  offer: PunchOffer,
  options: Options
): Promise<PunchAnswer> {
  const frames = new FrameStream(stream)
  await frames.write(encodeJson(offer), options)
  const answer = await read(frames, options, (payload) => decodeJson(responderFrame, payload))
  if (answer.type !== 'answer') throw new InvalidFrameError('Expected an answer')
  await frames.write(encodeJson({ type: 'start' } satisfies InitiatorFrame), options)
  const started = await read(frames, options, (payload) => decodeJson(responderFrame, payload))
  if (started.type !== 'started') throw new InvalidFrameError('The offer was already answered')
  return answer
}

/**
 * The responder's part: calls `answer` for its endpoints, and resolves to the offer and the answer at the moment
 * punching begins.
 */
export async function acceptPunch<T extends PunchAnswer>(
  stream: Stream,
  answer: (offer: PunchOffer) => Promise<T>,
  options: Options
): Promise<{ offer: PunchOffer; answer: T }> {
  const frames = new FrameStream(stream)
  const offer = await read(frames, options, (payload) => decodeJson(initiatorFrame, payload))
  if (offer.type !== 'offer') throw new InvalidFrameError('Expected an offer')
  const answered = await answer(offer)
  await frames.write(encodeJson(answered), options)
  const asked = performance.now()
  const start = await read(frames, options, (payload) => decodeJson(initiatorFrame, payload))
  if (start.type !== 'start') throw new InvalidFrameError('Expected start, got a second offer')
  const roundTrip = performance.now() - asked
  await frames.write(encodeJson({ type: 'started' } satisfies ResponderFrame), options)
  await delay(Math.min(LONGEST_WAIT_MS, roundTrip / 2), undefined, options)
  return { offer, answer: answered }
}

/** Asks a relay for the ports of its STUN servers. */
export async function askStunPorts(connection: Connection, options: Options): Promise<StunFrame> {
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(PUNCH_EXCHANGE_TIMEOUT_MS)])
  const stream = await connection.newStream(STUN_PROTOCOL, { signal })
  const frames = new FrameStream(stream)
  try {
    return await read(frames, { signal }, (payload) => decodeJson(stunFrame, payload))
  } finally {
    await frames.close()
  }
}

/** Tells a peer the ports of this relay's STUN servers. */
export async function tellStunPorts(stream: Stream, ports: Omit<StunFrame, 'type'>): Promise<void> {
  const frames = new FrameStream(stream)
  frames.discard()
  await frames.write(encodeJson({ type: 'stun', ...ports } satisfies StunFrame))
  // The asking side closes first: data and end in one packet may be taken for an end alone.
  if (!stream.readableEnded) await pEvent(stream, ['end', 'close'], { timeout: PUNCH_EXCHANGE_TIMEOUT_MS })
  await frames.close()
}

/** Asks a relay, over a direct connection, for the addresses of the peer at the other end of a circuit. */
export async function askSeen(connection: Connection, peer: string, options: Options): Promise<string[]> {
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(PUNCH_EXCHANGE_TIMEOUT_MS)])
  const stream = await connection.newStream(SEEN_PROTOCOL, { signal })
  const frames = new FrameStream(stream)
  try {
    await frames.write(encodeJson({ type: 'whois', peer } satisfies WhoisFrame), { signal })
    const { addresses } = await read(frames, { signal }, (payload) => decodeJson(seenFrame, payload))
    return addresses
  } finally {
    await frames.close()
  }
}

/** Tells a peer the addresses at which this relay sees another. */
export async function tellSeen(stream: Stream, addressesOf: (peer: string) => string[]): Promise<void> {
  const frames = new FrameStream(stream)
  const signal = AbortSignal.timeout(PUNCH_EXCHANGE_TIMEOUT_MS)
  const { peer } = await read(frames, { signal }, (payload) => decodeJson(whoisFrame, payload))
  await frames.write(encodeJson({ type: 'seen', addresses: addressesOf(peer) } satisfies SeenFrame), {
    signal
  })
  if (!stream.readableEnded) await pEvent(stream, ['end', 'close'], { timeout: PUNCH_EXCHANGE_TIMEOUT_MS })
  await frames.close()
}

async function read<T>(
  frames: FrameStream,
  options: Options,
  decode: (payload: Uint8Array) => T
): Promise<T> {
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(PUNCH_EXCHANGE_TIMEOUT_MS)])
  return decode(await frames.read({ signal, max: MAX_PUNCH_FRAME_BYTES }))
}
