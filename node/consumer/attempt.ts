import {
  InvalidFrameError,
  PeerLostError,
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

/**
 * Asks one provider, and notes how it does. Throws a PeerLostError where its first token has not come in `patienceMs`,
 * where that is set.
 */
export async function* attempt(
  provider: Provider,
  request: InferenceRequest,
  { patienceMs, ...options }: InferOptions & { patienceMs?: number | undefined },
  { peers, counts, observer, now }: AttemptComponents
): AsyncGenerator<AnswerEvent> {
  const health = peers.health(provider.peer)
  const over = peers.asks(provider.peer)
  const asked = performance.now()
  const digest = findModel(provider.models(), request.model)?.digest ?? null
  let bytes = 0
  let started = false
  const patience = new AbortController()
  const lost = new PeerLostError('The first token took too long for a peer that never answered before')
  const timer = patienceMs === undefined ? undefined : setTimeout(() => patience.abort(lost), patienceMs)
  const signal = AbortSignal.any([patience.signal, ...(options.signal === undefined ? [] : [options.signal])])
  observer?.attempted(provider.route)
  try {
    for await (const event of provider.infer(request, { ...options, signal })) {
      if (event.type === 'delta' && !started && carriesSomething(event.delta)) {
        started = true
        clearTimeout(timer)
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
  } catch (thrown) {
    const err: unknown = patience.signal.aborted && options.signal?.aborted !== true ? lost : thrown
    if (options.signal?.aborted !== true) {
      const { code } = toLobstahError(err)
      observer?.failed(code)
      if (NO_FAULT.has(code)) health.refusal(code, now())
      else health.failure(now())
    }
    throw err
  } finally {
    clearTimeout(timer)
    over()
  }
}

/** Whether a client is shown anything of a delta: before that, another may be asked. */
function carriesSomething(delta: Delta): boolean {
  return textBytes(delta) > 0 || delta.embeddings !== undefined
}
