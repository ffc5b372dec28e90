import {
  InvalidFrameError,
  textBytes,
  toLobstahError,
  type AnswerEvent,
  type Delta,
  type InferOptions,
  type InferenceRequest,
  type Provider
} from '../../protocols/index.ts'
import type { ConsumerObserver } from './index.ts'
import { findModel } from './choice/ranking.ts'
import { NO_FAULT } from './peers/peer-health.ts'
import type { Peers } from './peers/peers.ts'
import type { TokenCounts } from './peers/token-drift.ts'

export interface AttemptComponents {
  peers: Peers
  counts: TokenCounts
  observer?: ConsumerObserver
  /** Milliseconds since 1970. */
  now: () => number
}

/** Asks one provider, and notes how it does. */
export async function* attempt(
  provider: Provider,
  request: InferenceRequest,
  options: InferOptions,
  { peers, counts, observer, now }: AttemptComponents
): AsyncGenerator<AnswerEvent> {
  const health = peers.health(provider.peer)
  const over = peers.asks(provider.peer)
  const asked = performance.now()
  const digest = findModel(provider.models(), request.model)?.digest ?? null
  let bytes = 0
  let started = false
  observer?.attempted(provider.route)
  try {
    for await (const event of provider.infer(request, options)) {
      if (event.type === 'delta' && !started && carriesSomething(event.delta)) {
        started = true
        health.firstToken(performance.now() - asked)
      }
      if (event.type === 'delta') bytes += textBytes(event.delta)
      if (event.type === 'end') {
        health.success()
        counts.add(provider.peer, request.model, { tokens: event.usage.completionTokens, bytes, digest })
      }
      yield event
      if (event.type === 'end') return
    }
    throw new InvalidFrameError('The answer has no end')
  } catch (err) {
    if (options.signal?.aborted !== true) {
      const { code } = toLobstahError(err)
      observer?.failed(code)
      if (!NO_FAULT.has(code)) health.failure(now())
    }
    throw err
  } finally {
    over()
  }
}

/** Whether a client is shown anything of a delta: before that, another may be asked. */
function carriesSomething(delta: Delta): boolean {
  return textBytes(delta) > 0 || delta.embeddings !== undefined
}
