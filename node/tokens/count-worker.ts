/** The thread that holds the vocabulary: loading it takes a third of a second, and a long text takes as long. */
import { parentPort } from 'node:worker_threads'
import { COUNT_BUDGET_MS } from './constants.ts'
import { mostTokens } from './vocabulary.ts'

/** Chunks of text to count. */
export interface CountCall {
  id: number
  chunks: string[]
}

/** The most tokens of each chunk; fewer figures than chunks where the time was over. */
export interface CountReply {
  id: number
  counts: number[]
}

parentPort?.on('message', ({ id, chunks }: CountCall) => {
  const end = performance.now() + COUNT_BUDGET_MS
  const counts: number[] = []
  for (const chunk of chunks) {
    if (performance.now() > end) break
    counts.push(mostTokens(chunk))
  }
  parentPort?.postMessage({ id, counts } satisfies CountReply)
})
