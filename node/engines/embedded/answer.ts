import {
  LlamaChat,
  LlamaCompletion,
  type ChatHistoryItem,
  type ChatWrapper,
  type Llama,
  type LlamaContextSequence,
  type LlamaGrammar,
  type Token
} from 'node-llama-cpp'
import type {
  ChatMessage,
  ChatRequest,
  CompletionRequest,
  Delta,
  FinishReason,
  GenerateRequest
} from '../../../protocols/inference/index.ts'
import { textOf } from '../prompt.ts'
import { toGrammarSchema } from './schema.ts'

/** The collaborators needed for an answer. */
export interface Answer {
  llama: Llama
  sequence: LlamaContextSequence
  maxTokens: number
  signal: AbortSignal
  onDelta: (delta: Delta) => void
}

/** Why an answer ended, and how many tokens of it were passed on. */
export interface Answered {
  finishReason: FinishReason
  completionTokens: number
}

/** A chat in the terms of node-llama-cpp. */
export function toHistory(messages: ChatMessage[]): ChatHistoryItem[] {
  return messages.map((message): ChatHistoryItem => {
    const text = textOf(message)
    switch (message.role) {
      case 'system':
        return { type: 'system', text }
      case 'assistant':
        return { type: 'model', response: text === '' ? [] : [text] }
      default:
        return { type: 'user', text }
    }
  })
}

/** Answers the last message, or goes on with it where it is the assistant's. */
export async function answerChat(
  answer: Answer,
  request: ChatRequest,
  wrapper: ChatWrapper
): Promise<Answered> {
  const grammar = await toGrammar(answer.llama, request)
  const chat = new LlamaChat({ contextSequence: answer.sequence, chatWrapper: wrapper })
  const output = new Output(answer.onDelta)
  try {
    const { metadata } = await chat.generateResponse(toHistory(request.messages), {
      ...sampling(answer, request),
      ...(grammar === undefined ? {} : { grammar }),
      onResponseChunk: (chunk) =>
        output.push(chunk.type === 'segment' ? 'reasoning' : 'content', chunk.text, chunk.tokens.length)
    })
    return { finishReason: toFinishReason(metadata.stopReason), completionTokens: output.tokens }
  } finally {
    chat.dispose({ disposeSequence: false })
  }
}

/** Goes on with a text as it stands. */
export async function answerCompletion(
  answer: Answer,
  request: CompletionRequest,
  prompt: Token[]
): Promise<Answered> {
  const completion = new LlamaCompletion({ contextSequence: answer.sequence })
  const output = new Output(answer.onDelta)
  let tokens = 0
  try {
    const { metadata } = await completion.generateCompletionWithMeta(prompt, {
      ...sampling(answer, request),
      // The prompt is cut to the context's size less this.
      contextShiftSize: 1,
      // Called right before the text that these tokens make.
      onToken: (chunk) => {
        tokens = chunk.length
      },
      onTextChunk: (text) => output.push('content', text, tokens)
    })
    return { finishReason: toFinishReason(metadata.stopReason), completionTokens: output.tokens }
  } finally {
    completion.dispose({ disposeSequence: false })
  }
}

/** Passes text on and counts its tokens; those of half a character wait for the other half. */
class Output {
  /** Tokens so far. */
  tokens = 0
  readonly #onDelta: (delta: Delta) => void
  #pending = 0

  constructor(onDelta: (delta: Delta) => void) {
    this.#onDelta = onDelta
  }

  push(part: 'content' | 'reasoning', text: string, tokens: number): void {
    this.tokens += tokens
    this.#pending += tokens
    if (text === '') return
    this.#onDelta({ [part]: text, tokens: this.#pending })
    this.#pending = 0
  }
}

function sampling({ sequence, signal, maxTokens }: Answer, request: GenerateRequest) {
  const { presence_penalty: presence = 0, frequency_penalty: frequency = 0 } = request
  const penalty = {
    penalty: 1,
    lastTokens: sequence.contextSize,
    ...(presence === 0 ? {} : { presencePenalty: presence }),
    ...(frequency === 0 ? {} : { frequencyPenalty: frequency })
  }
  return {
    signal,
    maxTokens,
    temperature: request.temperature ?? 0,
    repeatPenalty: presence === 0 && frequency === 0 ? (false as const) : penalty,
    ...(request.top_p === undefined ? {} : { topP: request.top_p }),
    ...(request.top_k === undefined ? {} : { topK: request.top_k }),
    ...(request.min_p === undefined ? {} : { minP: request.min_p }),
    // llama.cpp's seeds have 32 bits.
    ...(request.seed === undefined ? {} : { seed: Number(BigInt.asUintN(32, BigInt(request.seed))) }),
    ...(request.stop === undefined ? {} : { customStopTriggers: request.stop })
  }
}

async function toGrammar(llama: Llama, request: ChatRequest): Promise<LlamaGrammar | undefined> {
  switch (request.response_format?.type) {
    case 'json_object':
      return llama.getGrammarFor('json')
    case 'json_schema':
      return llama.createGrammarForJsonSchema(
        toGrammarSchema(request.response_format.json_schema.schema) as { type: 'object' }
      )
    default:
      return undefined
  }
}

function toFinishReason(stopReason: string): FinishReason {
  return stopReason === 'maxTokens' ? 'length' : 'stop'
}
