import { totalmem } from 'node:os'
import type { Ollama } from 'ollama/browser'
import { z } from 'zod'
import {
  BadRequestError,
  BusyError,
  EngineFailedError,
  LobstahError,
  ShuttingDownError,
  UnsupportedParameterError
} from '../../../protocols/errors.ts'
import type { EmbeddingRequest, GenerateRequest, ModelInfo } from '../../../protocols/inference/index.ts'
import type { EmbeddingResult, Engine, EngineEvent, EngineOptions, TokenCount } from '../engine.ts'
import { callError } from '../errors.ts'
import type { OllamaEngineInit } from '../init.ts'
import { ParallelProbe } from '../parallel.ts'
import { checkContextLength, estimateInputTokens, estimateTokens } from '../prompt.ts'
import { anySignal } from '../signals.ts'
import { ollamaClient } from './client.ts'
import { apiUrl, isThisMachine } from './host.ts'
import { Lingering } from './lingering.ts'
import { OllamaModels, type OllamaModel } from './models.ts'
import { chatLine, generateLine, OllamaReply, type Line } from './replies.ts'
import { toOllamaChat, toOllamaGenerate, type OllamaStreamedChat } from './requests.ts'

const NS_PER_MS = 1e6

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
  readonly #lingering = new Lingering()
  readonly #parallel = new ParallelProbe((request, options) => this.#generate(request, options))
  readonly #closing = new AbortController()

  constructor(init: OllamaEngineInit = {}) {
    this.url = apiUrl(init.url)
    this.#models = new OllamaModels({
      contextLength: init.contextLength,
      memory: init.memory ?? (isThisMachine(this.url) ? totalmem() : undefined)
    })
  }

  models(options: EngineOptions = {}): Promise<ModelInfo[]> {
    return this.#call(options, (client) => this.#models.list(client))
  }

  async *generate(request: GenerateRequest, options: EngineOptions = {}): AsyncIterable<EngineEvent> {
    const end = this.#parallel.begin(request.model)
    let answered = false
    try {
      yield* this.#generate(request, options)
      answered = true
    } finally {
      end(answered)
    }
  }

  async *#generate(request: GenerateRequest, options: EngineOptions): AsyncIterable<EngineEvent> {
    const left = new AbortController()
    const signal = anySignal(options.signal, this.#closing.signal, left.signal)
    try {
      signal.throwIfAborted()
      yield* this.#answer(ollamaClient(this.url, signal), request, signal)
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
        throw new UnsupportedParameterError(`The model ${model.id} does not support embeddings`, {
          param: 'model'
        })
      }
      const { dimensions, input, truncate = false } = request
      const answer = embeddings.parse(
        await client.embed({
          model: model.id,
          input,
          truncate,
          options: { num_ctx: await this.#models.contextToAsk(client, model) },
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

  busy(): Promise<number> {
    return Promise.resolve(this.#lingering.count)
  }

  /** Measured, since Ollama does not tell. */
  parallelism(): Promise<number | undefined> {
    return Promise.resolve(this.#parallel.known())
  }

  digest(model: string, options: EngineOptions = {}): Promise<string | undefined> {
    return this.#call(options, (client) => this.#models.digestOf(client, model))
  }

  notes(): string[] {
    return this.#models.notes
  }

  countTokens(request: GenerateRequest): Promise<TokenCount> {
    return Promise.resolve({ tokens: estimateTokens(request), exact: false })
  }

  health(options: EngineOptions = {}): Promise<void> {
    return this.#call(options, async (client) => {
      try {
        await client.version()
      } catch (err) {
        // An answer that is not Ollama's says more than silence: another program has the port.
        if (err instanceof LobstahError && !(err instanceof BusyError)) {
          throw new EngineFailedError(`The server at ${this.url} is not Ollama: ${err.message}`, {
            cause: err
          })
        }
        throw new EngineFailedError(`Ollama does not answer at ${this.url}; start it with "ollama serve"`, {
          cause: err
        })
      }
    })
  }

  close(): Promise<void> {
    this.#closing.abort(new ShuttingDownError('The engine is closed'))
    return this.#parallel.close()
  }

  async *#answer(client: Ollama, request: GenerateRequest, signal: AbortSignal): AsyncIterable<EngineEvent> {
    const model = await this.#models.find(client, request.model)
    const promptTokens = estimateTokens(request)
    checkContextLength(promptTokens, model.contextLength)
    const asked = { ...model, contextLength: await this.#models.contextToAsk(client, model) }
    const reply = new OllamaReply(promptTokens, request, this.#models.echoes(model))
    const since = this.#lingering.now()
    let answers = false
    try {
      for await (const line of this.#lines(client, request, asked)) {
        answers = true
        this.#lingering.answered(since)
        if (line.done && line.prompt_eval_duration !== undefined) {
          const read = line.prompt_eval_count ?? 0
          this.#lingering.measured(model.digest, read, line.prompt_eval_duration / NS_PER_MS)
        }
        yield* reply.events(line)
      }
    } catch (err) {
      if (!answers && signal.aborted) this.#lingering.leftInPrompt(model.digest, promptTokens)
      const end = signal.aborted ? undefined : reply.brokenOff(err)
      if (end === undefined) throw err
      yield end
    }
  }

  async *#lines(client: Ollama, request: GenerateRequest, model: OllamaModel): AsyncIterable<Line> {
    if (request.kind === 'chat') {
      const lines = await openChat(client, toOllamaChat(request, model))
      for await (const line of lines) yield chatLine.parse(line)
    } else {
      const lines: AsyncIterable<unknown> = await client.generate(toOllamaGenerate(request, model))
      for await (const line of lines) yield generateLine.parse(line)
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
