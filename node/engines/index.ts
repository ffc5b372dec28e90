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
import type { EmbeddedEngineInit, OllamaEngineInit, OpenaiEngineInit } from './init.ts'
import { OllamaEngine } from './ollama/ollama-engine.ts'
import { OpenaiEngine } from './openai/openai-engine.ts'

export type { Detection, EngineDescriptor, EngineSettings, OpenedEngine } from './descriptor.ts'
export { ENGINE_NAMES, ENGINES, type EngineName } from './descriptors.ts'
export { detectEngine, type DetectedEngine } from './detect.ts'
export type * from './engine.ts'
export { EngineSettingsError } from './errors.ts'
export type * from './init.ts'

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
