import { EmbeddedEngine } from './embedded/embedded-engine.ts'
import type { Engine, EngineOptions } from './engine.ts'
import type { EmbeddedEngineInit, OllamaEngineInit, OpenaiEngineInit } from './index.ts'
import { OllamaEngine } from './ollama/ollama-engine.ts'
import { OpenaiEngine } from './openai/openai-engine.ts'

/** How long an engine may take to say that it is there, in milliseconds. */
const DETECT_TIMEOUT_MS = 1000

/** What {@link detectEngine} tries, in this order. */
export interface DetectEngineInit {
  ollama?: OllamaEngineInit
  /** Tried when Ollama does not answer; left out when not given. */
  openai?: OpenaiEngineInit
  /** Used when nothing else answers. */
  embedded?: EmbeddedEngineInit
}

/** An engine, and a sentence for people that says which it is and why. */
export interface DetectedEngine {
  engine: Engine
  reason: string
}

/**
 * Finds this machine's engine: Ollama, else the OpenAI-compatible server if one is named, else the embedded
 * engine, whose model only demonstrates unless a path is given. Never throws for an engine that is absent.
 */
export async function detectEngine(
  init: DetectEngineInit = {},
  options: EngineOptions = {}
): Promise<DetectedEngine> {
  const ollama = new OllamaEngine(init.ollama ?? {})
  if (await answers(ollama, options)) {
    return { engine: ollama, reason: `Ollama answers at ${ollama.url}` }
  }
  const missing = [`no Ollama at ${ollama.url}`]
  if (init.openai !== undefined) {
    const openai = new OpenaiEngine(init.openai)
    if (await answers(openai, options)) {
      return {
        engine: openai,
        reason: `an OpenAI-compatible server answers at ${openai.url} (${missing.join()})`
      }
    }
    missing.push(`no OpenAI-compatible server at ${openai.url}`)
  }
  const engine = new EmbeddedEngine(init.embedded ?? {})
  const which = init.embedded?.modelPath ?? 'the demonstration model, which only shows that the mesh works'
  return { engine, reason: `embedded engine with ${which} (${missing.join(', ')})` }
}

/** Whether the engine is there; one that is not is closed. */
async function answers(engine: Engine, options: EngineOptions): Promise<boolean> {
  const deadline = AbortSignal.timeout(DETECT_TIMEOUT_MS)
  const signal = options.signal === undefined ? deadline : AbortSignal.any([options.signal, deadline])
  try {
    await engine.health({ signal })
    return true
  } catch {
    options.signal?.throwIfAborted()
    await engine.close()
    return false
  }
}
