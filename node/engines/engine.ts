import type {
  Delta,
  EmbeddingRequest,
  FinishReason,
  GenerateRequest,
  ModelInfo,
  Usage
} from '../../protocols/inference/index.ts'

/** One call's options. */
export interface EngineOptions {
  signal?: AbortSignal
}

/** The events of an engine: any number of deltas, then one end. */
export type EngineEvent =
  { type: 'delta'; delta: Delta } | { type: 'end'; finishReason: FinishReason; usage: Usage }

/** Vectors in the order of the inputs, and the tokens that were read. */
export interface EmbeddingResult {
  vectors: Float32Array[]
  promptTokens: number
}

/** How many tokens a prompt has; `exact` when the model's own tokenizer counted them. */
export interface TokenCount {
  tokens: number
  exact: boolean
}

/**
 * A program that runs models on this machine. Implementations pass the contract suite in
 * `test/node/engines/contract.ts`. Errors are classes of `protocols/errors.ts`.
 */
export interface Engine {
  /** `ollama`, `openai` or `embedded`. */
  readonly name: string
  /** The models that can be served now; never ones that the engine passes on to a cloud. */
  models(options?: EngineOptions): Promise<ModelInfo[]>
  /**
   * Answers token by token. Throws where the engine fails, also in mid-stream; ends only after an `end`
   * event. Aborting the signal, or leaving the loop, stops the engine's work at once.
   */
  generate(request: GenerateRequest, options?: EngineOptions): AsyncIterable<EngineEvent>
  embed(request: EmbeddingRequest, options?: EngineOptions): Promise<EmbeddingResult>
  countTokens(request: GenerateRequest, options?: EngineOptions): Promise<TokenCount>
  /**
   * How many aborted requests the engine still works on: their slots are not free yet. An engine that stops at once
   * has no such method; one that cannot tell now answers 0.
   */
  busy?(options?: EngineOptions): Promise<number>
  /**
   * How many requests the engine answers side by side; undefined where it does not tell, or is not measured yet. An
   * engine without this method never tells.
   */
  parallelism?(options?: EngineOptions): Promise<number | undefined>
  /**
   * The digest that a model's name stands for at this moment, asked anew; undefined where there is no such model. An
   * engine without this method tells digests only by {@link models}.
   */
  digest?(model: string, options?: EngineOptions): Promise<string | undefined>
  /** Sentences for the owner about what the last list of models had to be held to; none by default. */
  notes?(): string[]
  /** Resolves when the engine answers; throws EngineFailedError saying what to do when it does not. */
  health(options?: EngineOptions): Promise<void>
  close(): Promise<void>
}
