import type { Ollama } from 'ollama/browser'
import { z } from 'zod'
import {
  BadRequestError,
  EngineFailedError,
  ShuttingDownError,
  UnsupportedParameterError
} from '../../../protocols/errors.ts'
import type { EmbeddingRequest, GenerateRequest, ModelInfo } from '../../../protocols/inference/index.ts'
import type { EmbeddingResult, Engine, EngineEvent, EngineOptions, TokenCount } from '../engine.ts'
import { callError } from '../errors.ts'
import type { OllamaEngineInit } from '../init.ts'
import { checkContextLength, estimateInputTokens, estimateTokens } from '../prompt.ts'
import { anySignal } from '../signals.ts'
import { ollamaClient } from './client.ts'
import { DEFAULT_URL } from './host.ts'
import { OllamaModels } from './models.ts'
import { chatLine, generateLine, OllamaReply } from './replies.ts'
import { toOllamaChat, toOllamaGenerate, type OllamaStreamedChat } from './requests.ts'

const DEFAULT_CONTEXT_LENGTH = 8192

const embeddings = z.object({
  embeddings: z.array(z.array(z.number())),
  prompt_eval_count: z.number().int().min(0).default(0)
})

/** An engine that asks Ollama by its native API. */
export class OllamaEngine implements Engine {
  readonly name = 'ollama'
  /** Where Ollama is asked. */
  readonly url: string
  readonly #models: OllamaModels
  readonly #closing = new AbortController()

  constructor(init: OllamaEngineInit = {}) {
    this.url = init.url ?? DEFAULT_URL
    this.#models = new OllamaModels(init.contextLength ?? DEFAULT_CONTEXT_LENGTH)
  }

  models(options: EngineOptions = {}): Promise<ModelInfo[]> {
    return this.#call(options, (client) => this.#models.list(client))
  }

  async *generate(request: GenerateRequest, options: EngineOptions = {}): AsyncIterable<EngineEvent> {
    const left = new AbortController()
    const signal = anySignal(options.signal, this.#closing.signal, left.signal)
    try {
      signal.throwIfAborted()
      yield* this.#answer(ollamaClient(this.url, signal), request)
    } catch (err) {
      throw callError('Ollama', err, signal)
    } finally {
      left.abort()
    }
  }

  embed(request: EmbeddingRequest, options: EngineOptions = {}): Promise<EmbeddingResult> {
    return this.#call(options, async (client) => {
      const model = await this.#models.find(client, request.model)
      if (!model.capabilities.includes('embedding')) {
        throw new UnsupportedParameterError(`The model ${model.id} does not embed`, { param: 'model' })
      }
      const { dimensions, input } = request
      const answer = embeddings.parse(
        await client.embed({
          model: model.id,
          input,
          truncate: false,
          options: model.contextLength === null ? {} : { num_ctx: model.contextLength },
          ...(dimensions === undefined ? {} : { dimensions })
        })
      )
      if (answer.embeddings.length !== input.length) {
        throw new EngineFailedError(
          `Ollama gave ${answer.embeddings.length} vectors for ${input.length} inputs`
        )
      }
      return {
        vectors: answer.embeddings.map((vector) => Float32Array.from(vector)),
        // Not told, or 0, which no input has, it is estimated.
        promptTokens: answer.prompt_eval_count > 0 ? answer.prompt_eval_count : estimateInputTokens(input)
      }
    })
  }

  countTokens(request: GenerateRequest): Promise<TokenCount> {
    return Promise.resolve({ tokens: estimateTokens(request), exact: false })
  }

  health(options: EngineOptions = {}): Promise<void> {
    return this.#call(options, async (client) => {
      try {
        await client.version()
      } catch (err) {
        throw new EngineFailedError(`Ollama does not answer at ${this.url}; start it with "ollama serve"`, {
          cause: err
        })
      }
    })
  }

  close(): Promise<void> {
    this.#closing.abort(new ShuttingDownError('The engine is closed'))
    return Promise.resolve()
  }

  async *#answer(client: Ollama, request: GenerateRequest): AsyncIterable<EngineEvent> {
    const model = await this.#models.find(client, request.model)
    const promptTokens = estimateTokens(request)
    checkContextLength(promptTokens, model.contextLength)
    const oneCallOnly = request.kind === 'chat' && request.parallel_tool_calls === false
    const reply = new OllamaReply(promptTokens, oneCallOnly)
    if (request.kind === 'chat') {
      const lines: AsyncIterable<unknown> = await openChat(client, toOllamaChat(request, model))
      for await (const line of lines) yield* reply.events(chatLine.parse(line))
    } else {
      const lines: AsyncIterable<unknown> = await client.generate(toOllamaGenerate(request, model))
      for await (const line of lines) yield* reply.events(generateLine.parse(line))
    }
  }

  async #call<T>(options: EngineOptions, work: (client: Ollama) => Promise<T>): Promise<T> {
    const signal = anySignal(options.signal, this.#closing.signal)
    try {
      signal.throwIfAborted()
      return await work(ollamaClient(this.url, signal))
    } catch (err) {
      throw callError('Ollama', err, signal)
    }
  }
}

/** Some versions of Ollama take how much to think from gpt-oss alone: others then think as much as they do. */
async function openChat(client: Ollama, chat: OllamaStreamedChat): Promise<AsyncIterable<unknown>> {
  try {
    return await client.chat(chat)
  } catch (err) {
    const tooFine = typeof chat.think === 'string' && err instanceof BadRequestError
    if (!tooFine || !/think value/i.test(err.message)) throw err
    return await client.chat({ ...chat, think: true })
  }
}
