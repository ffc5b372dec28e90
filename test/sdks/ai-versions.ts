import { createAnthropic } from '@ai-sdk/anthropic'
import { createOpenAI } from '@ai-sdk/openai'
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import * as ai from 'ai'
import * as aiBefore from 'ai-6'
import { createAnthropic as createAnthropicBefore } from 'ai-sdk-anthropic-3'
import { createOpenAI as createOpenAIBefore } from 'ai-sdk-openai-3'
import { createOpenAICompatible as createOpenAICompatibleBefore } from 'ai-sdk-openai-compatible-2'
import { createOllama } from 'ollama-ai-provider-v2'

/** The AI SDK of one version, with the providers that belong to it. */
export interface AiSdk {
  ai: typeof ai
  createOpenAI: typeof createOpenAI
  createOpenAICompatible: typeof createOpenAICompatible
  /** Models of each kind, for a gateway at an address. */
  models: Record<string, (url: string) => ai.LanguageModel>
}

/** The newest AI SDK and the one before, by a name that test titles show. */
export const AI_SDKS: Record<string, AiSdk> = {
  'ai 7': sdk({ ai, createAnthropic, createOpenAI, createOpenAICompatible, createOllama }),
  // Typed as the newest: the tests use what both have. The Ollama provider's older versions ask for ai 5 and 6 alike.
  'ai 6': sdk({
    ai: aiBefore as unknown as typeof ai,
    createAnthropic: createAnthropicBefore as unknown as typeof createAnthropic,
    createOpenAI: createOpenAIBefore as unknown as typeof createOpenAI,
    createOpenAICompatible: createOpenAICompatibleBefore as unknown as typeof createOpenAICompatible
  })
}

interface Providers extends Omit<AiSdk, 'models'> {
  createAnthropic: typeof createAnthropic
  createOllama?: typeof createOllama
}

function sdk({ createAnthropic, createOllama, ...rest }: Providers): AiSdk {
  const apiKey = 'any'
  const { createOpenAI, createOpenAICompatible } = rest
  const models: AiSdk['models'] = {
    '@ai-sdk/openai-compatible': (url) =>
      createOpenAICompatible({ name: 'lobstah', baseURL: `${url}/v1`, supportsStructuredOutputs: true })(
        'tiny'
      ),
    '@ai-sdk/openai chat': (url) => createOpenAI({ baseURL: `${url}/v1`, apiKey }).chat('tiny'),
    '@ai-sdk/openai responses': (url) => createOpenAI({ baseURL: `${url}/v1`, apiKey }).responses('tiny'),
    '@ai-sdk/anthropic': (url) => createAnthropic({ baseURL: `${url}/v1`, apiKey })('tiny')
  }
  if (createOllama !== undefined)
    models['ollama-ai-provider-v2'] = (url) => createOllama({ baseURL: `${url}/api` })('tiny')
  return { ...rest, models }
}
