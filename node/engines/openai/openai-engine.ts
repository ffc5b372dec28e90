import { z } from 'zod'
import { EngineFailedError, LobstahError, ShuttingDownError } from '../../../protocols/errors.ts'
import type { EmbeddingRequest, GenerateRequest, ModelInfo } from '../../../protocols/inference/index.ts'
import type { EmbeddingResult, Engine, EngineEvent, EngineOptions, TokenCount } from '../engine.ts'
import { callError } from '../errors.ts'
import type { OpenaiEngineInit } from '../init.ts'
import { checkContextLength, estimateInputTokens, estimateTokens } from '../prompt.ts'
import { anySignal } from '../signals.ts'
import { OpenaiClient } from './client.ts'
import { SERVER } from './errors.ts'
import { OpenaiModels } from './models.ts'
import { OpenaiReply } from './replies.ts'
import { toChatBody, toCompletionBody } from './requests.ts'

const DEFAULT_CONTEXT_LENGTH = 4096

const embeddings = z.object({
  data: z.array(z.object({ index: z.number().int().min(0), embedding: z.array(z.number()) })),
  usage: z.object({ prompt_tokens: z.number().int().min(0) }).nullish()
})

/** An engine that asks an OpenAI-compatible server. */
export class OpenaiEngine implements Engine {
  readonly name = 'openai'
  readonly #client: OpenaiClient
  readonly #models: OpenaiModels
  readonly #closing = new AbortController()

  constructor(init: OpenaiEngineInit) {
    this.#client = new OpenaiClient(init.url, init.apiKey)
    this.#models = new OpenaiModels(this.#client, init.contextLength ?? DEFAULT_CONTEXT_LENGTH)
  }

  /** Where the server is asked, without `/v1`. */
  get url(): string {
    return this.#client.url
  }

  models(options: EngineOptions = {}): Promise<ModelInfo[]> {
    return this.#call(options, (signal) => this.#models.list(signal))
  }

  async *generate(request: GenerateRequest, options: EngineOptions = {}): AsyncIterable<EngineEvent> {
    const signal = anySignal(options.signal, this.#closing.signal)
    try {
      signal.throwIfAborted()
      yield* this.#answer(request, signal)
    } catch (err) {
      throw callError(SERVER, err, signal)
    }
  }

  embed(request: EmbeddingRequest, options: EngineOptions = {}): Promise<EmbeddingResult> {
    return this.#call(options, async (signal) => {
      const model = await this.#models.find(request.model, signal)
      const { input, dimensions } = request
      const body = { model: model.id, input, dimensions, encoding_format: 'float' }
      const { data, usage } = embeddings.parse(await this.#client.post('/v1/embeddings', body, signal))
      const vectors = data.toSorted((a, b) => a.index - b.index)
      if (vectors.length !== input.length || vectors.some(({ index }, place) => index !== place)) {
        throw new EngineFailedError(`${SERVER} gave ${vectors.length} vectors for ${input.length} inputs`)
      }
      return {
        vectors: vectors.map(({ embedding }) => Float32Array.from(embedding)),
        // Some servers tell no count, or 0, which no input has.
        promptTokens: usage?.prompt_tokens ? usage.prompt_tokens : estimateInputTokens(input)
      }
    })
  }

  countTokens(request: GenerateRequest): Promise<TokenCount> {
    return Promise.resolve({ tokens: estimateTokens(request), exact: false })
  }

  health(options: EngineOptions = {}): Promise<void> {
    return this.#call(options, async (signal) => {
      try {
        await this.#client.get('/v1/models', signal)
      } catch (err) {
        // An answer with a status says more than we could: a wrong key, a model that is still loading.
        if (err instanceof LobstahError) throw new EngineFailedError(err.message, { cause: err })
        throw new EngineFailedError(`No server answers at ${this.url}; start it, or correct the URL`, {
          cause: err
        })
      }
    })
  }

  close(): Promise<void> {
    this.#closing.abort(new ShuttingDownError('The engine is closed'))
    return Promise.resolve()
  }

  async *#answer(request: GenerateRequest, signal: AbortSignal): AsyncIterable<EngineEvent> {
    const model = await this.#models.find(request.model, signal)
    const promptTokens = estimateTokens(request)
    checkContextLength(promptTokens, model.contextLength)
    const tools = request.kind === 'chat' ? (request.tools ?? []).map((tool) => tool.function.name) : []
    const reply = new OpenaiReply(promptTokens, tools)
    // Null means as much as fits; left out, a completion would end after a few words.
    const bound = this.#models.boundsItself(model, request.max_tokens) ? { max_tokens: null } : {}
    const [path, body] =
      request.kind === 'chat'
        ? ['/v1/chat/completions', toChatBody(request, model)]
        : ['/v1/completions', toCompletionBody(request, model)]
    for await (const event of this.#client.stream(path, { ...body, ...bound }, signal))
      yield* reply.deltas(event)
    yield* reply.end()
  }

  async #call<T>(options: EngineOptions, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const signal = anySignal(options.signal, this.#closing.signal)
    try {
      signal.throwIfAborted()
      return await work(signal)
    } catch (err) {
      throw callError(SERVER, err, signal)
    }
  }
}
