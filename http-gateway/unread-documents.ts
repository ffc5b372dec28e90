import { Readable } from 'node:stream'
import type { FastifyReply } from 'fastify'

/** Bytes per write: a client must take that much within the time limit. */
const PIECE_BYTES = 65_536

/**
 * Cuts off a client that takes nothing of its document for a time, in milliseconds: it would keep it and its
 * connection here for good. Returns what is to be sent instead of `payload`: a large one in pieces, as Node sees
 * over TLS only that a write is done, not how far it has come.
 */
export function cutUnread(reply: FastifyReply, payload: unknown, stalledReaderMs: number): unknown {
  reply.raw.setTimeout(stalledReaderMs, () => reply.raw.destroy())
  if (typeof payload !== 'string' || payload.length <= PIECE_BYTES) return payload
  const bytes = Buffer.from(payload)
  reply.header('content-length', bytes.length)
  return Readable.from(pieces(bytes))
}

function* pieces(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) yield bytes.subarray(at, at + PIECE_BYTES)
}
