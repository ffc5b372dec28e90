import type { Connection } from '@libp2p/interface'
import { INFO_PROTOCOL, CLOCK_SKEW_MS } from '../constants.ts'
import { InvalidFrameError } from '../errors.ts'
import { FrameStream, decodeJson } from '../framing/index.ts'
import { ANNOUNCEMENT, open, type Announcement } from '../records/index.ts'
import { ANNOUNCEMENT_TTL_MS, INFO_TIMEOUT_MS, MAX_INFO_STREAMS } from './constants.ts'
import { infoFrame } from './frames.ts'

export interface SubscribeOptions {
  signal: AbortSignal
  /** Milliseconds since 1970. */
  now: () => number
}

/**
 * Yields a contributor's announcements, the current one first. Verifies that each is signed by the connection's peer, in
 * sequence and fresh. Throws PeerLostError at the end of the stream, InvalidFrameError or InvalidRecordError for an
 * invalid announcement, and DOMException (TimeoutError) if one expires without a successor.
 */
export async function* subscribeInfo(
  connection: Connection,
  options: SubscribeOptions
): AsyncGenerator<Announcement> {
  const { signal, now } = options
  const stream = await connection.newStream(INFO_PROTOCOL, {
    signal: AbortSignal.any([signal, AbortSignal.timeout(INFO_TIMEOUT_MS)]),
    runOnLimitedConnection: true,
    maxOutboundStreams: MAX_INFO_STREAMS
  })
  const frames = new FrameStream(stream)
  let last = -1
  let timeoutMs = INFO_TIMEOUT_MS
  try {
    for (;;) {
      const payload = await frames.read({ signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]) })
      const { announcement } = decodeJson(infoFrame, payload)
      const said = await open(ANNOUNCEMENT, announcement, connection.remotePeer.toString())
      if (said.sequence <= last) throw new InvalidFrameError('An announcement is out of sequence')
      if (Math.abs(said.issuedAt - now()) > CLOCK_SKEW_MS) {
        throw new InvalidFrameError('An announcement is too old or from the future: is a clock wrong?')
      }
      if (said.expiresAt <= said.issuedAt) throw new InvalidFrameError('An announcement has expired')
      last = said.sequence
      // By its own clock: the two may differ.
      timeoutMs = Math.min(said.expiresAt - said.issuedAt, ANNOUNCEMENT_TTL_MS)
      yield said
    }
  } finally {
    stream.abort(new InvalidFrameError('The subscription ended'))
  }
}
