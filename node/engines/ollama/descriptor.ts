import type { EngineDescriptor } from '../descriptor.ts'
import { hostOf } from './host.ts'
import { OllamaEngine } from './ollama-engine.ts'

/** Ollama, which is looked for at its usual address, and at the one in its own variable `OLLAMA_HOST`. */
export const ollama: EngineDescriptor = {
  summary: "Ollama's local models",
  detection: () => 'ask',
  open: ({ url, contextLength, environment }) => {
    const engine = new OllamaEngine({
      url: url ?? hostOf(environment?.OLLAMA_HOST),
      ...(contextLength === undefined ? {} : { contextLength })
    })
    return { engine, label: `Ollama at ${engine.url}` }
  }
}
