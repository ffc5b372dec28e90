import { yamux, type YamuxMuxerInit } from '@chainsafe/libp2p-yamux'
import { StreamState, type YamuxStream } from '@chainsafe/libp2p-yamux/stream'
import { UnsupportedProtocolError, type CreateStreamOptions } from '@libp2p/interface'
import * as varint from 'uint8-varint'
import { Uint8ArrayList } from 'uint8arraylist'
import { requireMembers } from './members.ts'
import { EarlyBytes, frugal } from './unread-bytes.ts'

interface MuxerInit extends YamuxMuxerInit {
  /** Protocols that the other side is known to speak: their streams do not wait for it to agree. */
  optimistic?: readonly string[]
}

/** Creates the streams of both sides; not in the muxer's public type. */
interface StreamMaker {
  _newStream(...args: unknown[]): YamuxStream
}

/**
 * Yamux for many small messages. It tells the other side of room when half of a stream's window is used, as its
 * specification means it: libp2p's own tells after each frame, which for a token is as much work again. A stream of an
 * optimistic protocol opens with its first message, a round trip earlier. And what waits unread costs about as much
 * memory as it has bytes, however it is cut.
 */
export function muxer({ optimistic = [], ...init }: MuxerInit): ReturnType<typeof yamux> {
  const early = new EarlyBytes()
  return () => {
    const factory = yamux(init)()
    const create = factory.createStreamMuxer.bind(factory)
    factory.createStreamMuxer = (connection) => {
      const muxer = create(connection)
      requireMembers('@chainsafe/libp2p-yamux', muxer, ['_newStream()', 'onCreateStream()'])
      const maker = muxer as unknown as StreamMaker
      const newStream = maker._newStream.bind(maker)
      maker._newStream = (...args) => frugal(sparing(newStream(...args)), early)
      const onCreateStream = muxer.onCreateStream.bind(muxer)
      muxer.onCreateStream = ({ protocol }: CreateStreamOptions = {}) => {
        const stream = onCreateStream()
        if (protocol !== undefined && optimistic.includes(protocol)) assume(stream, protocol)
        return stream
      }
      return muxer
    }
    return factory
  }
}

/** The private members of a stream that are replaced or read. */
const STREAM_MEMBERS = [
  'recvWindow',
  'recvWindowCapacity',
  'state',
  'sendWindowUpdate()',
  'onData()',
  'readBuffer'
]

/** Sends window updates only when half of the window is used. */
export function sparing(stream: YamuxStream): YamuxStream {
  requireMembers('@chainsafe/libp2p-yamux', stream, STREAM_MEMBERS)
  const send = stream.sendWindowUpdate.bind(stream)
  stream.sendWindowUpdate = () => {
    // Before its first frame is sent, a stream is not opened, or not accepted.
    const first = stream.state === StreamState.Init || stream.state === StreamState.SYNReceived
    if (first || stream['recvWindowCapacity'] <= stream['recvWindow'] / 2) send()
  }
  return stream
}

/**
 * Negotiates by multistream-select as if the other side had agreed already: what it would be asked goes out with
 * the first message, and what it answers is taken off the beginning of what comes back.
 */
function assume(stream: YamuxStream, protocol: string): void {
  stream.protocol = protocol
  const send = stream.send.bind(stream)
  const onData = stream.onData.bind(stream)
  const sendWindowUpdate = stream.sendWindowUpdate.bind(stream)
  // The same both ways: the other side repeats what it agrees to.
  const lines = Buffer.concat(['/multistream/1.0.0\n', `${protocol}\n`].map(prefixed))
  const answer = new Uint8ArrayList()
  // The first message opens the stream.
  stream.sendWindowUpdate = () => {}
  stream.send = (data) => {
    Object.assign(stream, { send, sendWindowUpdate })
    return stream.send(new Uint8ArrayList(lines, data))
  }
  stream.onData = (data) => {
    answer.append(data)
    const length = Math.min(answer.byteLength, lines.byteLength)
    if (lines.compare(answer.subarray(0, length), 0, length, 0, length) !== 0)
      stream.abort(new UnsupportedProtocolError(`The other side does not speak ${protocol}`))
    else if (length === lines.byteLength) {
      stream.onData = onData
      answer.consume(length)
      stream.onData(answer)
    }
  }
}

function prefixed(line: string): Buffer {
  const bytes = Buffer.from(line)
  return Buffer.concat([varint.encode(bytes.byteLength), bytes])
}
