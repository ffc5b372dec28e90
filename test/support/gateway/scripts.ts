import type { AnswerEvent, Delta } from '../../../protocols/inference/index.ts'
import { ACCEPTED, END, type Script } from './stub-consumer.ts'

type End = Extract<AnswerEvent, { type: 'end' }>

/** Answers with deltas, then an end. */
export function answering(deltas: Delta[], end: Partial<End> = {}): Script {
  return async function* () {
    yield ACCEPTED
    for (const delta of deltas) yield { type: 'delta', delta }
    yield { ...(END as End), ...end }
  }
}

/** Two vectors, the second first: [0.5, -1] and [0.25, 2]. */
export const EMBEDDING = answering(
  [
    { embeddings: [{ index: 1, vector: vector(0.25, 2) }] },
    { embeddings: [{ index: 0, vector: vector(0.5, -1) }] }
  ],
  { usage: { promptTokens: 5, completionTokens: 0 } }
)

/** Scripted answers, by name. */
export const SCRIPTS: Record<string, Script> = {
  text: answering([{ content: 'Hel' }, { content: 'lo' }]),
  nothing: answering([]),
  cut: answering([{ content: 'Hel' }], { finishReason: 'length' }),
  filtered: answering([{ content: 'Hel' }], { finishReason: 'content_filter' }),
  reasoning: answering([{ reasoning: 'hm, ' }, { reasoning: 'yes' }, { content: 'Hello' }]),
  logprobs: answering([
    { content: 'é', logprobs: [{ token: 'é', logprob: -0.5, top: [{ token: 'e', logprob: -2 }] }] },
    { content: '!', logprobs: [{ token: '!', logprob: -0.1 }] }
  ]),
  'tool calls': answering(
    [
      { reasoning: 'hm' },
      { content: 'I look.' },
      { toolCalls: [{ index: 0, id: 'call_a', name: 'weather' }] },
      { toolCalls: [{ index: 0, arguments: '{"city":' }] },
      { toolCalls: [{ index: 1, name: 'time', arguments: '{' }] },
      { toolCalls: [{ index: 0, arguments: '"Rome"}' }] },
      { toolCalls: [{ index: 1, arguments: '}' }] }
    ],
    { finishReason: 'tool_calls' }
  )
}

function vector(...values: number[]): string {
  const bytes = Buffer.alloc(values.length * 4)
  for (const [place, value] of values.entries()) bytes.writeFloatLE(value, place * 4)
  return bytes.toString('base64')
}
