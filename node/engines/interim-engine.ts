import type { EmbeddingRequest, GenerateRequest, ModelInfo } from '../../protocols/inference/index.ts'
import type { OpenedEngine } from './descriptor.ts'
import type { EmbeddingResult, Engine, EngineEvent, EngineOptions, TokenCount } from './engine.ts'
import { anySignal } from './signals.ts'

/**
 * An engine that stands in until a better one is found: with each list of models it looks again, and once another
 * answers and has a model, that one serves for good. Answers that run are finished by the engine that began them.
 */
export class InterimEngine implements Engine {
  readonly #look: (signal: AbortSignal) => Promise<OpenedEngine | undefined>
  readonly #closing = new AbortController()
  #current: Engine
  /** The engine that stands in, while it does. */
  #interim: Engine | undefined
  #active = 0

  constructor(interim: Engine, look: (signal: AbortSignal) => Promise<OpenedEngine | undefined>) {
    this.#current = interim
    this.#interim = interim
    this.#look = look
  }

  get name(): string {
    return this.#current.name
  }

  async models(options: EngineOptions = {}): Promise<ModelInfo[]> {
    if (this.#interim === this.#current) {
      const models = await this.#succeed(anySignal(options.signal, this.#closing.signal))
      if (models !== undefined) return models
    }
    return await this.#current.models(options)
  }

  async *generate(request: GenerateRequest, options?: EngineOptions): AsyncIterable<EngineEvent> {
    const engine = this.#current
    const interim = engine === this.#interim
    if (interim) this.#active++
    try {
      yield* engine.generate(request, options)
    } finally {
      if (interim) {
        this.#active--
        await this.#retire()
      }
    }
  }

  embed(request: EmbeddingRequest, options?: EngineOptions): Promise<EmbeddingResult> {
    return this.#current.embed(request, options)
  }

  countTokens(request: GenerateRequest, options?: EngineOptions): Promise<TokenCount> {
    return this.#current.countTokens(request, options)
  }

  async busy(options?: EngineOptions): Promise<number> {
    return (await this.#current.busy?.(options)) ?? 0
  }

  async parallelism(options?: EngineOptions): Promise<number | undefined> {
    return await this.#current.parallelism?.(options)
  }

  async digest(model: string, options?: EngineOptions): Promise<string | undefined> {
    if (this.#current.digest !== undefined) return await this.#current.digest(model, options)
    const models = await this.#current.models(options)
    return models.find(({ id }) => id === model)?.digest ?? undefined
  }

  notes(): string[] {
    return this.#current.notes?.() ?? []
  }

  health(options?: EngineOptions): Promise<void> {
    return this.#current.health(options)
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await Promise.all([this.#current.close(), this.#interim?.close()])
  }

  /** Lets the engine that is found take over; gives its models where it does. */
  async #succeed(signal: AbortSignal): Promise<ModelInfo[] | undefined> {
    const found = await this.#look(signal)
    if (found === undefined) return undefined
    // Another list of models may have been faster; one without models has nothing to serve instead.
    const models = await found.engine.models({ signal }).catch(() => [])
    if (models.length === 0 || this.#interim !== this.#current || this.#closing.signal.aborted) {
      await found.engine.close()
      return undefined
    }
    this.#current = found.engine
    await this.#retire()
    return models
  }

  async #retire(): Promise<void> {
    const interim = this.#interim
    if (interim === undefined || interim === this.#current || this.#active > 0) return
    this.#interim = undefined
    await interim.close()
  }
}
