import { setTimeout as delay } from 'node:timers/promises'
import type { Engine, EngineEvent } from '../../node/engines/index.ts'
import type { GenerateRequest } from '../../protocols/index.ts'
import { SCRIPTED_MODEL, ScriptedEngine } from './scripted-engine.ts'

/** A scripted model that continues messages. */
export const NUMBERED_MODEL = {
  ...SCRIPTED_MODEL,
  capabilities: [...SCRIPTED_MODEL.capabilities, 'continue' as const, 'tools' as const]
}

/** An answer in which a repeat, a gap or a wrong end is seen: `w0 w1 w2 …`. */
export function numbered(words: number): string {
  return Array.from({ length: words }, (_, i) => (i === 0 ? 'w0' : ` w${i}`)).join('')
}

/** Numbers from 0 to 1 that follow from a seed (Numerical Recipes' linear congruence). */
export function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

/** The part of a text that a request already contains. */
export function soFar(request: GenerateRequest, whole: string): string {
  const last = request.kind === 'chat' ? request.messages.at(-1) : undefined
  const continued = request.kind === 'chat' && request.continue_final_message === true ? last?.content : ''
  const text = request.kind === 'completion' ? request.prompt : continued
  if (typeof text !== 'string') return ''
  // A completion's prompt has the user's own words before the text.
  for (let at = 0; at < text.length; at++) if (whole.startsWith(text.slice(at))) return text.slice(at)
  return ''
}

/** The tokens of a text: whole engines cut alike, wherever they begin. */
export function tokensOf(text: string): string[] {
  return text.match(/\s?\S{1,3}|\s/gu) ?? []
}

export interface NumberedInit {
  words: number
  /** Milliseconds between two tokens. */
  tokenMs: number
  /** Told of each request that is begun. */
  onAsked?: (request: GenerateRequest) => void
}

/** An engine that says {@link numbered}, token by token, and goes on where a request is. */
export function numberedEngine({ words, tokenMs, onAsked }: NumberedInit): Engine {
  const whole = numbered(words)
  return new ScriptedEngine(
    async function* (request, signal): AsyncGenerator<EngineEvent> {
      onAsked?.(request)
      const begun = soFar(request, whole)
      const tokens = tokensOf(whole.slice(begun.length))
      const said = tokens.slice(0, request.max_tokens)
      for (const content of said) {
        await delay(tokenMs, undefined, { signal })
        yield { type: 'delta', delta: { content, tokens: 1 } }
      }
      const usage = { promptTokens: 7 + tokensOf(begun).length, completionTokens: said.length }
      yield { type: 'end', finishReason: said.length < tokens.length ? 'length' : 'stop', usage }
    },
    [NUMBERED_MODEL]
  )
}
