import { createHash } from 'node:crypto'
import QuickLRU from 'quick-lru'
import type { InferenceRequest } from '../../../protocols/index.ts'

/** Sessions that are remembered; the one that was silent longest is forgotten first. */
const MAX_SESSIONS = 1024

/** After so long an engine has most likely dropped what it had read of a prompt, in milliseconds. */
const WARM_MS = 10 * 60_000

interface Warm {
  peer: string
  at: number
}

/**
 * Remembers who answered a session last: that peer's engine still holds what it read of the prompt, and reads
 * only what is new. An agent's turns are tens of thousands of tokens long, and all but the last are the same.
 */
export class Affinity {
  readonly #sessions = new QuickLRU<string, Warm>({ maxSize: MAX_SESSIONS })

  /** The peer whose engine is warm for a session at `now`, in milliseconds since 1970. */
  peer(session: string, now: number): string | undefined {
    const warm = this.#sessions.get(session)
    return warm !== undefined && now - warm.at < WARM_MS ? warm.peer : undefined
  }

  /** Notes who has just answered a session. */
  answered(session: string, peer: string, now: number): void {
    this.#sessions.set(session, { peer, at: now })
  }
}

/**
 * What the requests of one session have in common: the name that the client gave it, else how its prompt begins,
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
