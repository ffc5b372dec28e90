import { createHash } from 'node:crypto'
import QuickLRU from 'quick-lru'
import type { InferenceRequest } from '../../../protocols/index.ts'

/** Sessions that are remembered; the one that was silent longest is forgotten first. */
const MAX_SESSIONS = 1024

/** Peers that are remembered for each session: an answer may have gone to another when the first was busy. */
const MAX_PEERS = 4

/** After so long an engine has most likely dropped what it had read of a prompt, in milliseconds. */
const WARM_MS = 10 * 60_000

interface Warm {
  /** Tokens of prompt and answer that it has read and written. */
  tokens: number
  at: number
}

/**
 * Remembers who answered a session lately: their engines still hold what they read of the prompt, and read only what is
 * new. An agent's turns are tens of thousands of tokens long, and all but the last are the same.
 */
export class Affinity {
  readonly #sessions = new QuickLRU<string, QuickLRU<string, Warm>>({ maxSize: MAX_SESSIONS })

  /** Tokens of a session that a peer's engine holds at `now`, in milliseconds since 1970. */
  tokens(session: string, peer: string, now: number): number {
    const warm = this.#sessions.get(session)?.get(peer)
    return warm !== undefined && now - warm.at < WARM_MS ? warm.tokens : 0
  }

  /** Notes who has just answered a session, and how many tokens it holds of it now. */
  answered(session: string, peer: string, tokens: number, now: number): void {
    const peers = this.#sessions.get(session) ?? new QuickLRU<string, Warm>({ maxSize: MAX_PEERS })
    peers.set(peer, { tokens, at: now })
    this.#sessions.set(session, peers)
  }
}

/**
 * The key that the requests of one session share: the name that the client gave it, else how its prompt begins,
 * which is up to the first message that is not the system's. Embeddings have no session.
 */
export function sessionOf(request: InferenceRequest, named?: string): string | undefined {
  if (request.kind === 'embedding') return undefined
  return createHash('sha256')
    .update(JSON.stringify([request.model, named ?? beginning(request)]))
    .digest('base64url')
}

function beginning(request: Exclude<InferenceRequest, { kind: 'embedding' }>): unknown {
  if (request.kind === 'completion') return request.prompt.slice(0, 1024)
  const first = request.messages.findIndex(({ role }) => role !== 'system')
  return [request.tools, request.messages.slice(0, first + 1)]
}
