import { AsyncLocalStorage } from 'node:async_hooks'
import type { AnswerEvent, Delta, InferOptions } from '../../protocols/inference/index.ts'
import type { Caller } from '../keys/key-ring.ts'

type Accepted = Extract<AnswerEvent, { type: 'accepted' }>
type End = Extract<AnswerEvent, { type: 'end' }>

/** A whole answer that was kept before it was paid for. */
export interface KeptAnswer {
  accepted: Accepted | undefined
  deltas: Delta[]
  finishReason: End['finishReason']
  usage: End['usage']
}

/** Work that a request does for no client: a line of a batch. */
export interface RunningJob {
  /** For whom. */
  caller: Caller | undefined
  /** Ends the request, with what it fails with as the reason. */
  signal: AbortSignal
  /** Answers that an earlier start kept, by choice: they are paid for, and not asked again. */
  kept: ReadonlyMap<number, KeptAnswer>
  /** Keeps an answer on disk. */
  keep: (choice: number, answer: KeptAnswer) => Promise<void>
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Set where the request is the gateway's own, for a job: nothing from outside can set it. */
    job: RunningJob | undefined
  }
}

/** Carries a job to the request that is made for it, within this process. */
export const currentJob = new AsyncLocalStorage<RunningJob>()

/** Parts of the options of an answer that is kept. */
type KeepOptions = Pick<InferOptions, 'beforeReceipt'>

/** The answer to one choice of a job's request: what was kept, or one that is kept before it is paid for. */
export async function* keptAnswer(
  job: RunningJob | undefined,
  choice: number,
  infer: (options: KeepOptions) => AsyncIterable<AnswerEvent>
): AsyncGenerator<AnswerEvent> {
  if (job === undefined) {
    yield* infer({})
    return
  }
  const kept = job.kept.get(choice)
  if (kept !== undefined) {
    yield* replay(kept)
    return
  }
  let accepted: Accepted | undefined
  const deltas: Delta[] = []
  const events = infer({
    beforeReceipt: async ({ final, finishReason, promptTokens, completionTokens }, undelivered) => {
      // An answer that broke off is no answer to keep.
      if (!final || finishReason === null || finishReason === 'error' || finishReason === 'cancelled') return
      const usage = { promptTokens, completionTokens }
      await job.keep(choice, { accepted, deltas: [...deltas, ...undelivered], finishReason, usage })
    }
  })
  for await (const event of events) {
    if (event.type === 'accepted') accepted = event
    if (event.type === 'delta') deltas.push(event.delta)
    yield event
  }
}

function* replay({ accepted, deltas, finishReason, usage }: KeptAnswer): Generator<AnswerEvent> {
  if (accepted !== undefined) yield accepted
  for (const delta of deltas) yield { type: 'delta', delta }
  yield { type: 'end', finishReason, usage }
}
