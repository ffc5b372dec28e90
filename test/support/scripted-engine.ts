import type { Engine, EngineEvent, EngineOptions } from '../../node/engines/engine.ts'
import { EngineFailedError, type GenerateRequest, type ModelInfo } from '../../protocols/index.ts'

/** Behaviour of a scripted engine for one request. */
export type Script = (request: GenerateRequest, signal: AbortSignal) => AsyncIterable<EngineEvent>

/** A model that scripted engines serve. */
export const SCRIPTED_MODEL: ModelInfo = {
  id: 'scripted:1b',
  digest: `sha256:${'5'.repeat(64)}`,
  contextLength: 8192,
  parameters: 1_000_000_000,
  capabilities: ['chat', 'completion', 'embedding']
}

/** Says words, one token each, then ends. */
export async function* say(words: string[]): AsyncGenerator<EngineEvent> {
  for (const content of words) yield { type: 'delta', delta: { content, tokens: 1 } }
  yield { type: 'end', finishReason: 'stop', usage: { promptTokens: 7, completionTokens: words.length } }
}

/** An engine that does what a test says; `finished` counts the generators that were left for good. */
export class ScriptedEngine implements Engine {
  readonly name = 'scripted'
  requests: GenerateRequest[] = []
  started = 0
  finished = 0
  script: Script
  served: ModelInfo[]
  /** When the latest generator was left, in milliseconds of the monotonic clock. */
  finishedAt = 0

  constructor(script: Script, served: ModelInfo[] = [SCRIPTED_MODEL]) {
    this.script = script
    this.served = served
  }

  async models(): Promise<ModelInfo[]> {
    return this.served
  }

  async *generate(request: GenerateRequest, options: EngineOptions = {}): AsyncGenerator<EngineEvent> {
    this.started++
    this.requests.push(request)
    try {
      yield* this.script(request, options.signal ?? new AbortController().signal)
    } finally {
      this.finished++
      this.finishedAt = performance.now()
    }
  }

  async embed(): ReturnType<Engine['embed']> {
    return { vectors: [new Float32Array([0.5, -1])], promptTokens: 3 }
  }

  async countTokens(): ReturnType<Engine['countTokens']> {
    throw new EngineFailedError('not scripted')
  }

  async health(): Promise<void> {}

  async close(): Promise<void> {}
}
