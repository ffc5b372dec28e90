import {
  ContextLengthExceededError,
  EngineFailedError,
  LobstahError,
  ShuttingDownError
} from '../../../protocols/errors.ts'
import type { EmbeddingRequest, GenerateRequest, ModelInfo } from '../../../protocols/inference/index.ts'
import type { EmbeddingResult, Engine, EngineEvent, EngineOptions, TokenCount } from '../engine.ts'
import { callError } from '../errors.ts'
import type { OpenaiEngineInit } from '../init.ts'
import { checkContextLength, estimateInputTokens, estimateTokens } from '../prompt.ts'
import { anySignal } from '../signals.ts'
import { OpenaiClient } from './client.ts'
import { readEmbeddings } from './embeddings.ts'
import { SERVER } from './errors.ts'
import { OpenaiModels, type ServedModel } from './models.ts'
import { OpenaiReply } from './replies.ts'
import { toChatBody, toCompletionBody } from './requests.ts'
import { Slots } from './slots.ts'

/** An engine that asks an OpenAI-compatible server. */
export class OpenaiEngine implements Engine {
  readonly name = 'openai'
  readonly #client: OpenaiClient
  readonly #models: OpenaiModels
  readonly #slots: Slots
  readonly #closing = new AbortController()

  constructor(init: OpenaiEngineInit) {
    this.#client = new OpenaiClient(init.url, init.apiKey)
    this.#models = new OpenaiModels(this.#client, init.contextLength ?? null, {
      unlisted: init.unlisted === true
    })
    this.#slots = new Slots(this.#client)
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
    const end = this.#slots.begin()
    let left = true
    try {
      signal.throwIfAborted()
      yield* this.#answer(request, signal)
      left = false
    } catch (err) {
      left = signal.aborted
      throw this.#told(err, signal)
    } finally {
      // A loop that is left ends here, without an error.
      end(left)
    }
  }

  embed(request: EmbeddingRequest, options: EngineOptions = {}): Promise<EmbeddingResult> {
    return this.#call(options, async (signal) => {
      const model = await this.#models.find(request.model, signal)
      const { input, dimensions } = request
      const body = { model: model.serverId, input, dimensions, encoding_format: 'float' }
      const document = await this.#learning(model, this.#client.post('/v1/embeddings', body, signal))
      return readEmbeddings(document, input.length, () => estimateInputTokens(input))
    })
  }

  countTokens(request: GenerateRequest): Promise<TokenCount> {
    return Promise.resolve({ tokens: estimateTokens(request), exact: false })
  }

  notes(): string[] {
    return this.#models.notes
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

  /** How many requests that were left llama.cpp's server still works on; see {@link Slots}. */
  busy(options: EngineOptions = {}): Promise<number> {
    return this.#call(options, (signal) =>
      this.#models.llamaCpp ? this.#slots.busy(signal) : Promise.resolve(0)
    )
  }

  /** The slots of llama.cpp's server; other servers do not tell. */
  parallelism(): Promise<number | undefined> {
    return Promise.resolve(this.#models.slots)
  }

  close(): Promise<void> {
    this.#closing.abort(new ShuttingDownError('The engine is closed'))
    return Promise.resolve()
  }

  async *#answer(request: GenerateRequest, signal: AbortSignal): AsyncIterable<EngineEvent> {
    const model = await this.#models.find(request.model, signal)
    const promptTokens = estimateTokens(request)
    checkContextLength(promptTokens, model.info.contextLength)
    const tools = request.kind === 'chat' ? (request.tools ?? []).map((tool) => tool.function.name) : []
    const reply = new OpenaiReply(promptTokens, tools)
    const [path, body] =
      request.kind === 'chat'
        ? ['/v1/chat/completions', toChatBody(request, model)]
        : ['/v1/completions', toCompletionBody(request, model)]
    try {
      for await (const event of this.#client.stream(path, body, signal)) yield* reply.deltas(event)
    } catch (err) {
      this.#learn(model, err)
      throw err
    }
    yield* reply.end()
  }

  async #learning<T>(model: ServedModel, work: Promise<T>): Promise<T> {
    try {
      return await work
    } catch (err) {
      this.#learn(model, err)
      throw err
    }
  }

  #learn(model: ServedModel, err: unknown): void {
    if (err instanceof ContextLengthExceededError && err.contextLength !== undefined) {
      this.#models.learn(model, err.contextLength)
    }
  }

  async #call<T>(options: EngineOptions, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const signal = anySignal(options.signal, this.#closing.signal)
    try {
      signal.throwIfAborted()
      return await work(signal)
    } catch (err) {
      throw this.#told(err, signal)
    }
  }

  /** The error that a call throws, without local paths of model files. */
  #told(err: unknown, signal: AbortSignal): Error {
    const error = callError(SERVER, err, signal)
    if (!signal.aborted) error.message = this.#models.withoutFolders(error.message)
    return error
  }
}
