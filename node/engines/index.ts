/**
 * @packageDocumentation
 *
 * Programs that run models on this machine, behind one interface: Ollama, any OpenAI-compatible server, or
 * an embedded llama.cpp in a child process.
 *
 * @example
 * ```ts
 * import { embeddedEngine } from './index.ts'
 *
 * const engine = embeddedEngine()
 * const request = {
 *   kind: 'chat' as const,
 *   model: 'tiny-chat',
 *   messages: [{ role: 'user' as const, content: 'What is a mesh?' }]
 * }
 * let text = ''
 * for await (const event of engine.generate(request)) {
 *   if (event.type === 'delta') text += event.delta.content ?? ''
 * }
 * await engine.close()
 * ```
 */
import { EmbeddedEngine } from './embedded/embedded-engine.ts'
import type { Engine } from './engine.ts'
import { OllamaEngine } from './ollama/ollama-engine.ts'
import { OpenaiEngine } from './openai/openai-engine.ts'

export { detectEngine } from './detect.ts'
export type { DetectedEngine, DetectEngineInit } from './detect.ts'
export type * from './engine.ts'

/** Where Ollama answers, and what it is held to. */
export interface OllamaEngineInit {
  /**
   * Base URL.
   *
   * @default 'http://127.0.0.1:11434'
   */
  url?: string
  /**
   * Tokens of prompt and answer together, the same for every request: Ollama loads the model again when it
   * changes. Models with a shorter context keep theirs.
   *
   * @default 8192
   */
  contextLength?: number
}

/** Where an OpenAI-compatible server answers. */
export interface OpenaiEngineInit {
  /** Base URL with or without its `/v1`, such as `http://127.0.0.1:8080`. */
  url: string
  /** Sent as a bearer token. */
  apiKey?: string
  /**
   * Tokens of prompt and answer together, for models whose server does not tell.
   *
   * @default 4096
   */
  contextLength?: number
}

/** Which GGUF file the embedded engine runs, and how. */
export interface EmbeddedEngineInit {
  /**
   * Path of a GGUF file.
   *
   * @default the demonstration model that comes with the package
   */
  modelPath?: string
  /**
   * The model's id.
   *
   * @default its file name without `.gguf` and quantization: `tiny-chat` for `tiny-chat-q8_0.gguf`
   */
  modelName?: string
  /**
   * CPU threads. Never more than the machine's cores: threads that outnumber them spin.
   *
   * @default 1
   */
  threads?: number
  /**
   * Tokens of prompt and answer together, for each slot.
   *
   * @default the model's own, at most 4096
   */
  contextSize?: number
  /**
   * Requests that are answered at the same time; more wait in the order they came.
   *
   * @default 4
   */
  slots?: number
}

/** An engine that asks Ollama by its native API. */
export function ollamaEngine(init: OllamaEngineInit = {}): Engine {
  return new OllamaEngine(init)
}

/** An engine that asks an OpenAI-compatible server, such as llama.cpp's, LM Studio or vLLM. */
export function openaiEngine(init: OpenaiEngineInit): Engine {
  return new OpenaiEngine(init)
}

/** An engine that runs one GGUF file in a child process, by the optional package `node-llama-cpp`. */
export function embeddedEngine(init: EmbeddedEngineInit = {}): Engine {
  return new EmbeddedEngine(init)
}
