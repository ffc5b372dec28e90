import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  EngineFailedError,
  ModelNotFoundError,
  ShuttingDownError,
  UnsupportedParameterError
} from '../../../protocols/errors.ts'
import {
  canonicalModelName,
  type Capability,
  type EmbeddingRequest,
  type GenerateRequest,
  type ModelInfo
} from '../../../protocols/inference/index.ts'
import type { EmbeddingResult, Engine, EngineEvent, EngineOptions, TokenCount } from '../engine.ts'
import { loweredContext } from '../context-length.ts'
import { callError } from '../errors.ts'
import type { EmbeddedEngineInit } from '../init.ts'
import { anySignal, waitFor } from '../signals.ts'
import { EngineProcess } from './child-process.ts'
import { FileDigest } from './digest.ts'
import type { ChildSettings, ModelFacts } from './messages.ts'
import { checkRequest } from './requests.ts'

const DEMONSTRATION_MODEL = fileURLToPath(new URL('./models/tiny-chat-q8_0.gguf', import.meta.url))
const DEFAULT_SLOTS = 4

/** The end of a GGUF file's name that tells how the weights are stored, such as `-q8_0` or `.Q4_K_M`. */
const QUANTIZATION_SUFFIX = /[-._](i?q\d\w*|bf16|f16|f32)$/i

const ENGINE = 'The embedded engine'

/** An engine that runs one GGUF file in a child process. */
export class EmbeddedEngine implements Engine {
  readonly name = 'embedded'
  readonly #id: string
  readonly #demonstration: boolean
  readonly #settings: ChildSettings
  readonly #digest: FileDigest
  readonly #closing = new AbortController()
  #notes: string[] = []
  #process: EngineProcess | undefined
  /** Of the file as it was when a process had loaded it: another file in its place is not what runs. */
  readonly #loaded = new WeakMap<EngineProcess, string>()

  constructor(init: EmbeddedEngineInit = {}) {
    const modelPath = init.modelPath ?? DEMONSTRATION_MODEL
    this.#id =
      init.modelName ??
      basename(modelPath)
        .replace(/\.gguf$/i, '')
        .replace(QUANTIZATION_SUFFIX, '')
    this.#demonstration = init.modelPath === undefined
    this.#settings = {
      modelPath,
      // The demonstration model is slower with every thread more: they wait for each other longer than they work.
      threads: this.#demonstration ? 1 : init.threads,
      contextSize: init.contextSize,
      memory: init.memory,
      slots: init.slots ?? DEFAULT_SLOTS
    }
    this.#digest = new FileDigest(modelPath, this.#closing.signal)
  }

  /** The process that runs the model now, if one does. */
  get process(): EngineProcess | undefined {
    return this.#process
  }

  models(options: EngineOptions = {}): Promise<ModelInfo[]> {
    return this.#call(options, async (signal) => {
      const process = await this.#ready(signal)
      const facts = await process.ready
      const digest = this.#loaded.get(process) ?? (await waitFor(this.#digest.read(), signal))
      this.#loaded.set(process, digest)
      this.#notes = this.#contextNotes(facts)
      return [
        {
          id: this.#id,
          digest,
          contextLength: facts.contextLength,
          parameters: facts.parameters,
          ...facts.details,
          capabilities: capabilitiesOf(facts),
          ...(this.#demonstration ? { demonstration: true } : {})
        }
      ]
    })
  }

  async *generate(request: GenerateRequest, options: EngineOptions = {}): AsyncIterable<EngineEvent> {
    const signal = anySignal(options.signal, this.#closing.signal)
    try {
      signal.throwIfAborted()
      this.#check(request)
      const process = await this.#ready(signal)
      for await (const message of process.run('generate', request, signal)) {
        if (message.type === 'delta') yield { type: 'delta', delta: message.delta }
        if (message.type === 'end') {
          yield { type: 'end', finishReason: message.finishReason, usage: message.usage }
        }
      }
    } catch (err) {
      throw callError(ENGINE, err, signal)
    }
  }

  embed(request: EmbeddingRequest): Promise<EmbeddingResult> {
    return Promise.reject(
      this.#serves(request.model)
        ? new UnsupportedParameterError(`The model ${this.#id} does not support embeddings`, {
            param: 'model'
          })
        : this.#notFound(request.model)
    )
  }

  countTokens(request: GenerateRequest, options: EngineOptions = {}): Promise<TokenCount> {
    return this.#call(options, async (signal) => {
      this.#check(request)
      const process = await this.#ready(signal)
      for await (const message of process.run('count', request, signal)) {
        if (message.type === 'counted') return { tokens: message.tokens, exact: true }
      }
      throw new EngineFailedError(`${ENGINE} did not count`)
    })
  }

  notes(): string[] {
    return this.#notes
  }

  health(options: EngineOptions = {}): Promise<void> {
    return this.#call(options, async (signal) => {
      await this.#ready(signal)
    })
  }

  async close(): Promise<void> {
    this.#closing.abort(new ShuttingDownError('The engine is closed'))
    await this.#process?.kill()
  }

  #check(request: GenerateRequest): void {
    if (!this.#serves(request.model)) throw this.#notFound(request.model)
    checkRequest(request)
  }

  #contextNotes({ contextLength, wantedContextLength }: ModelFacts): string[] {
    if (contextLength >= wantedContextLength) return []
    const lowered = { offered: contextLength, wanted: wantedContextLength }
    return [loweredContext(this.#id, lowered, "more does not fit this machine's free memory")]
  }

  #serves(model: string): boolean {
    return canonicalModelName(model) === canonicalModelName(this.#id)
  }

  #notFound(model: string): ModelNotFoundError {
    return new ModelNotFoundError(`${ENGINE} has the model ${this.#id}, not ${model}`)
  }

  /** A process that has the model loaded; a new one where the last has ended. */
  async #ready(signal: AbortSignal): Promise<EngineProcess> {
    if (this.#process === undefined || this.#process.ended) this.#process = new EngineProcess(this.#settings)
    const process = this.#process
    await waitFor(process.ready, signal)
    return process
  }

  async #call<T>(options: EngineOptions, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const signal = anySignal(options.signal, this.#closing.signal)
    try {
      signal.throwIfAborted()
      return await work(signal)
    } catch (err) {
      throw callError(ENGINE, err, signal)
    }
  }
}

function capabilitiesOf({ chats, thinks }: ModelFacts): Capability[] {
  const chat: Capability[] = chats ? ['chat', 'json_object', 'json_schema', 'continue'] : []
  return [...chat, 'completion', ...(thinks ? (['thinking'] as const) : [])]
}
