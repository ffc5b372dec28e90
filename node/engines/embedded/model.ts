import { stat } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import {
  getLlama,
  JinjaTemplateChatWrapper,
  LlamaLogLevel,
  type ChatWrapper,
  type Llama,
  type LlamaContext,
  type LlamaModel,
  type Token
} from 'node-llama-cpp'
import { ContextLengthExceededError, UnsupportedParameterError } from '../../../protocols/errors.ts'
import type { Delta, FinishReason, GenerateRequest, Usage } from '../../../protocols/inference/index.ts'
import { AGENT_CONTEXT_LENGTH } from '../context-length.ts'
import { answerChat, answerCompletion, toHistory } from './answer.ts'
import { quantizationOf } from '../quantization.ts'
import type { ChildSettings, ModelFacts } from './messages.ts'
import { SequencePool } from './sequence-pool.ts'

/**
 * Kept free at the end of the context, in tokens. A context that is full to the brim is shifted: its beginning
 * is dropped silently, which must never happen.
 */
const RESERVED_TOKENS = 16

/** Below this size the threads of a model wait for each other longer than they work, in bytes. */
const SMALL_MODEL_BYTES = 100e6

/** The last event of an answer. */
export interface AnswerEnd {
  finishReason: FinishReason
  usage: Usage
}

/** Loads a GGUF file into this process. */
export async function loadModel(settings: ChildSettings): Promise<LoadedModel> {
  const { size } = await stat(settings.modelPath)
  const threads = threadsFor(size, settings.threads)
  const llama = await getLlama({
    // The binaries for Apple's own processors come with Metal only; elsewhere they run on the CPU.
    gpu: process.platform === 'darwin' && process.arch === 'arm64' ? 'metal' : false,
    build: 'never',
    skipDownload: true,
    progressLogs: false,
    logLevel: LlamaLogLevel.error,
    maxThreads: threads
  })
  if (settings.memory !== undefined) await llama.setRamCap(settings.memory)
  const model = await llama.loadModel({ modelPath: settings.modelPath })
  const wanted = Math.min(model.trainContextSize, settings.contextSize ?? AGENT_CONTEXT_LENGTH)
  const context = await model.createContext({
    // A context that the owner set fails if it does not fit; otherwise it is as large as free memory allows.
    contextSize: settings.contextSize === undefined ? { max: wanted } : wanted,
    sequences: settings.slots,
    // Threads that outnumber the cores wait for each other in busy loops, at a hundredth of the speed.
    threads: Math.min(threads, llama.cpuMathCores)
  })
  return new LoadedModel(llama, model, context, { size, slots: settings.slots, wanted })
}

/** Threads for a model of a size in bytes: those that the owner allows, never more than there are cores. */
export function threadsFor(
  size: number,
  allowed: number | undefined,
  cores = availableParallelism()
): number {
  return Math.min(allowed ?? (size < SMALL_MODEL_BYTES ? 1 : cores), cores)
}

/** A model in memory, and its slots. */
export class LoadedModel {
  readonly facts: ModelFacts
  readonly #llama: Llama
  readonly #model: LlamaModel
  readonly #contextSize: number
  readonly #slots: SequencePool
  readonly #wrappers = new Map<boolean, ChatWrapper>()

  constructor(
    llama: Llama,
    model: LlamaModel,
    context: LlamaContext,
    { size, slots, wanted }: { size: number; slots: number; wanted: number }
  ) {
    this.#llama = llama
    this.#model = model
    this.#contextSize = context.contextSize
    this.#slots = new SequencePool(Array.from({ length: slots }, () => context.getSequence()))
    const chats = Boolean(model.fileInfo.metadata.tokenizer.chat_template)
    this.facts = {
      contextLength: context.contextSize,
      wantedContextLength: wanted,
      parameters: countParameters(model),
      details: detailsOf(model, size),
      chats,
      thinks: chats && this.#wrapper(true).settings.segments?.thought !== undefined
    }
  }

  /** How many tokens the prompt has, exactly as it is read. */
  countTokens(request: GenerateRequest): number {
    return this.#promptTokens(request).length
  }

  /** Answers one request as soon as a slot is free. */
  async generate(
    request: GenerateRequest,
    signal: AbortSignal,
    onDelta: (delta: Delta) => void
  ): Promise<AnswerEnd> {
    const tokens = this.#promptTokens(request)
    const room = this.#contextSize - RESERVED_TOKENS - tokens.length
    if (room < 1) {
      throw new ContextLengthExceededError(
        `The prompt has ${tokens.length} tokens; the model's context holds ${this.#contextSize}`
      )
    }
    const sequence = await this.#slots.acquire(signal)
    try {
      const answer = {
        llama: this.#llama,
        sequence,
        maxTokens: Math.min(request.max_tokens ?? room, room),
        signal,
        onDelta
      }
      const { finishReason, completionTokens } =
        request.kind === 'chat'
          ? await answerChat(answer, request, this.#wrapperFor(request))
          : await answerCompletion(answer, request, tokens)
      return { finishReason, usage: { promptTokens: tokens.length, completionTokens } }
    } finally {
      this.#slots.release(sequence)
    }
  }

  #promptTokens(request: GenerateRequest): Token[] {
    // Never as special tokens: what a user writes must not become a control token.
    if (request.kind === 'completion') return this.#model.tokenize(request.prompt, false)
    const chatHistory = toHistory(request.messages)
    // An answer goes on with the assistant's message, or begins one.
    if (chatHistory.at(-1)?.type !== 'model') chatHistory.push({ type: 'model', response: [] })
    const { contextText } = this.#wrapperFor(request).generateContextState({ chatHistory })
    return contextText.tokenize(this.#model.tokenizer)
  }

  #wrapperFor(request: Extract<GenerateRequest, { kind: 'chat' }>): ChatWrapper {
    return this.#wrapper(request.reasoning_effort !== 'none')
  }

  #wrapper(reasoning: boolean): ChatWrapper {
    const existing = this.#wrappers.get(reasoning)
    if (existing !== undefined) return existing
    const template = this.#model.fileInfo.metadata.tokenizer.chat_template
    if (template === undefined) {
      throw new UnsupportedParameterError('The model has no chat template', { param: 'messages' })
    }
    const wrapper = new JinjaTemplateChatWrapper({
      template,
      reasoning,
      tokenizer: this.#model.tokenizer,
      // An answer is passed on as it comes, so that it can be continued elsewhere.
      trimLeadingWhitespaceInResponses: false
    })
    this.#wrappers.set(reasoning, wrapper)
    return wrapper
  }
}

/** Metadata from the file. */
function detailsOf(model: LlamaModel, size: number): ModelFacts['details'] {
  const { general, tokenizer } = model.fileInfo.metadata
  const quantization = quantizationOf(model.typeDescription)
  const family = general.architecture
  return {
    format: 'gguf',
    family,
    families: [family],
    embeddingLength: model.embeddingVectorSize,
    size,
    ...(quantization === undefined ? {} : { quantization }),
    ...(tokenizer.chat_template ? { template: tokenizer.chat_template } : {})
  }
}

function countParameters(model: LlamaModel): number {
  let parameters = 0
  for (const tensor of model.fileInfo.tensorInfo ?? []) {
    parameters += tensor.dimensions.reduce<number>((product, dimension) => product * Number(dimension), 1)
  }
  return parameters
}
