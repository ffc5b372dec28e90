import type Anthropic from '@anthropic-ai/sdk'
import type { PageResponse as AnthropicPage } from '@anthropic-ai/sdk/core/pagination'
import type OpenAI from 'openai'
import type { PageResponse } from 'openai/core/pagination'

/** Answers of OpenAI's API, by the types of its own SDK; `wire-schemas.ts` turns them into JSON schemas. */
export interface OpenAIWire {
  chat: OpenAI.ChatCompletion
  chunk: OpenAI.ChatCompletionChunk
  completion: OpenAI.Completion
  completionChunk: CompletionChunk
  response: OpenAI.Responses.Response
  event: OpenAI.Responses.ResponseStreamEvent
  embeddings: OpenAI.CreateEmbeddingResponse
  model: OpenAI.Model
  models: PageResponse<OpenAI.Model>
  error: { error: OpenAI.ErrorObject }
}

/** Answers of Anthropic's API, by the types of its own SDK. */
export interface AnthropicWire {
  message: Anthropic.Message
  event: Anthropic.RawMessageStreamEvent | Ping
  error: Anthropic.ErrorResponse | RequestTooLarge
  model: Anthropic.ModelInfo
  models: AnthropicPage<Anthropic.ModelInfo>
}

/** The SDK types a streamed completion as a whole one; until its end both are null on the wire. */
interface CompletionChunk extends Omit<OpenAI.Completion, 'choices' | 'usage'> {
  choices: CompletionChunkChoice[]
  usage?: OpenAI.CompletionUsage | null
}

interface CompletionChunkChoice extends Omit<OpenAI.CompletionChoice, 'finish_reason'> {
  finish_reason: OpenAI.CompletionChoice['finish_reason'] | null
}

/** Documented, and passed over by the SDK before its types. */
interface Ping {
  type: 'ping'
}

/** Documented as the error of a 413; the SDK's types have none for it. */
interface RequestTooLarge extends Omit<Anthropic.ErrorResponse, 'error'> {
  error: { type: 'request_too_large'; message: string }
}
