import QuickLRU from 'quick-lru'
import {
  canonicalModelName,
  certainPromptTokens,
  type ChatRequest,
  type InferenceRequest
} from '../../../protocols/index.ts'

/** Bytes of text that one prompt token stands for, on the low side: a peer that just holds a prompt is no good choice. */
const BYTES_PER_TOKEN = 4

/** Tokens of one image, where nobody has counted. */
const TOKENS_PER_IMAGE = 1024

/** Room for an answer whose length the request does not limit, in tokens. */
const SHORT_ANSWER_TOKENS = 512

/** How long a peer that never answered may take to its first token while another can be asked, in milliseconds. */
const PATIENCE_MS = 8000

/** The same for each token of the prompt, in milliseconds: a slow processor reads 50 a second. */
const PATIENCE_PER_TOKEN_MS = 20

/** Limits that are remembered, and for how long in milliseconds: an engine may load its model anew with more. */
const MAX_LIMITS = 1024
const LIMIT_AGE_MS = 15 * 60_000

/** The context that a request needs, in tokens. */
export interface ContextNeed {
  prompt: number
  /** The longest answer that the request allows; a short one where it sets no limit. */
  answer: number
}

/** Estimates what a request needs. Nothing is refused by this estimate: it only orders the peers. */
export function contextNeed(request: InferenceRequest): ContextNeed {
  if (request.kind === 'embedding') return { prompt: Math.max(...request.input.map(tokensOf)), answer: 0 }
  const answer = request.max_tokens ?? SHORT_ANSWER_TOKENS
  if (request.kind === 'completion') {
    return { prompt: tokensOf(request.prompt) + tokensOf(request.suffix ?? ''), answer }
  }
  return { prompt: chatTokens(request), answer }
}

/** How long another peer is waited for that was never seen to answer, before the next is asked. */
export function patienceFor(request: InferenceRequest): number {
  return PATIENCE_MS + contextNeed(request).prompt * PATIENCE_PER_TOKEN_MS
}

/**
 * How well a context holds a request: 0 where prompt and answer fit or the context is unknown, 1 where the prompt and a
 * short answer fit, 2 where the prompt does not.
 */
export function contextRank(contextLength: number | null, { prompt, answer }: ContextNeed): 0 | 1 | 2 {
  if (contextLength === null || prompt + answer <= contextLength) return 0
  return prompt + Math.min(answer, SHORT_ANSWER_TOKENS) <= contextLength ? 1 : 2
}

/** Whether a context surely does not hold a request: each token of its prompt would have to stand for more text than any does. */
export function certainlyTooLong(contextLength: number | null, request: InferenceRequest): boolean {
  if (contextLength === null) return false
  const answer = request.kind === 'embedding' ? 0 : 1
  // The texts of an embedding request are read one by one.
  const longest =
    request.kind === 'embedding'
      ? Math.max(...request.input.map((text) => certainPromptTokens({ ...request, input: [text] })))
      : certainPromptTokens(request)
  return longest + answer > contextLength && !(request.kind === 'embedding' && request.truncate === true)
}

/** The true limits of peers that refused a prompt they had announced to hold. */
export class ContextLimits {
  readonly #limits = new QuickLRU<string, number>({ maxSize: MAX_LIMITS, maxAge: LIMIT_AGE_MS })

  /** Takes what a peer that announces `announced` really holds. */
  learn(peer: string, model: string, announced: number | null, limit: number): void {
    this.#limits.set(key(peer, model, announced), limit)
  }

  /** A peer's context as far as this node knows: the announced one, or less once it has refused. */
  of(peer: string, model: string, announced: number | null): number | null {
    const learned = this.#limits.get(key(peer, model, announced))
    if (learned === undefined) return announced
    return announced === null ? learned : Math.min(announced, learned)
  }
}

/** A peer that announces another context starts afresh. */
function key(peer: string, model: string, announced: number | null): string {
  return JSON.stringify([peer, canonicalModelName(model), announced])
}

function chatTokens({ messages, tools }: ChatRequest): number {
  let tokens = tools === undefined ? 0 : tokensOf(JSON.stringify(tools))
  for (const message of messages) {
    if (typeof message.content === 'string') tokens += tokensOf(message.content)
    else {
      for (const part of message.content ?? [])
        tokens += part.type === 'text' ? tokensOf(part.text) : TOKENS_PER_IMAGE
    }
    if (message.role === 'assistant' && message.tool_calls !== undefined)
      tokens += tokensOf(JSON.stringify(message.tool_calls))
  }
  return tokens
}

function tokensOf(text: string): number {
  return Math.ceil(Buffer.byteLength(text) / BYTES_PER_TOKEN)
}
