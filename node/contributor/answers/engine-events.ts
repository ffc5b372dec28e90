import type { EmbeddingRequest, InferenceRequest } from '../../../protocols/index.ts'
import type { Engine, EngineEvent } from '../../engines/engine.ts'

/** An engine's answer to any kind of request: embeddings come as one delta. */
export function engineEvents(
  engine: Engine,
  request: InferenceRequest,
  signal: AbortSignal
): AsyncIterable<EngineEvent> {
  if (request.kind === 'embedding') return embeddingEvents(engine, request, signal)
  return engine.generate(request, { signal })
}

async function* embeddingEvents(
  engine: Engine,
  request: EmbeddingRequest,
  signal: AbortSignal
): AsyncGenerator<EngineEvent> {
  const { vectors, promptTokens } = await engine.embed(request, { signal })
  for (const [index, vector] of vectors.entries()) {
    const bytes = Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength)
    yield { type: 'delta', delta: { tokens: 0, embeddings: [{ index, vector: bytes.toString('base64') }] } }
  }
  yield { type: 'end', finishReason: 'stop', usage: { promptTokens, completionTokens: 0 } }
}

/** How many tokens the prompt has by the engine's own tokenizer; undefined where it has none to ask. */
export async function countPrompt(
  engine: Engine,
  request: InferenceRequest,
  signal: AbortSignal
): Promise<number | undefined> {
  if (request.kind === 'embedding') return undefined
  try {
    const { tokens, exact } = await engine.countTokens(request, { signal })
    return exact ? tokens : undefined
  } catch {
    // The answer itself tells what is wrong with the engine.
    return undefined
  }
}
