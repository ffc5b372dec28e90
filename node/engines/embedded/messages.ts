import type {
  Delta,
  FinishReason,
  GenerateRequest,
  ModelInfo,
  Usage
} from '../../../protocols/inference/index.ts'

/** The child's configuration, sent before its first job. */
export interface ChildSettings {
  modelPath: string
  /** Undefined for what suits the size of the model. */
  threads: number | undefined
  /** Tokens for each slot, or undefined for what suits agents and fits the memory. */
  contextSize: number | undefined
  /** Memory for the model and its context, in bytes; undefined for all that is free. */
  memory: number | undefined
  slots: number
}

/** The child's description of the model that it loaded. */
export interface ModelFacts {
  contextLength: number
  /** The context that the model would have with more memory, in tokens. */
  wantedContextLength: number
  parameters: number
  /** Details for clients. */
  details: Pick<
    ModelInfo,
    'quantization' | 'format' | 'family' | 'families' | 'embeddingLength' | 'size' | 'template'
  >
  /** Whether the model has a chat template. */
  chats: boolean
  /** Whether the model thinks before it answers. */
  thinks: boolean
}

/** Messages from the parent to the child. Each job has an id. */
export type ToChild =
  | { type: 'start'; settings: ChildSettings }
  | { type: 'generate' | 'count'; id: number; request: GenerateRequest }
  | { type: 'abort'; id: number }

/** Messages from the child about one job; all except a delta end it. */
export type JobMessage =
  | { type: 'delta'; id: number; delta: Delta }
  | { type: 'end'; id: number; finishReason: FinishReason; usage: Usage }
  | { type: 'counted'; id: number; tokens: number }
  | { type: 'failed'; id: number; code: string; message: string }

/** Messages from the child to the parent. */
export type FromChild =
  { type: 'ready'; facts: ModelFacts } | { type: 'unready'; message: string } | JobMessage
