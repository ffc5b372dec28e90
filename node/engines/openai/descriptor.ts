import type { EngineDescriptor } from '../descriptor.ts'
import { OpenaiEngine } from './openai-engine.ts'

/** Where the server is expected when no address is given: llama.cpp's own port. */
const DEFAULT_URL = 'http://127.0.0.1:8080'

/** An OpenAI-compatible server. Detection asks only one that is named: another program may have the usual port. */
export const openai: EngineDescriptor = {
  summary: 'an OpenAI-compatible server (llama.cpp, LM Studio, vLLM)',
  detection: ({ url }) => (url === undefined ? 'skip' : 'ask'),
  open: ({ url = DEFAULT_URL, apiKey, contextLength }) => {
    const engine = new OpenaiEngine({
      url,
      ...(apiKey === undefined ? {} : { apiKey }),
      ...(contextLength === undefined ? {} : { contextLength })
    })
    return { engine, label: `an OpenAI-compatible server at ${engine.url}` }
  }
}
