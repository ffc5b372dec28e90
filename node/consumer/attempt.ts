import {
  InvalidFrameError,
  PeerLostError,
  canonicalModelName,
  textBytes,
  toLobstahError,
  type AnswerEvent,
  type InferOptions,
  type InferenceRequest,
  type Provider
} from '../../protocols/index.ts'
import type { ConsumerObserver } from './index.ts'
import { findModel } from './choice/fitness.ts'
import { Stopwatch } from './peers/stopwatch.ts'
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

export interface AttemptOptions extends InferOptions {
  /** Longest wait for the first token, in milliseconds. @default any */
  patienceMs?: number | undefined
  /** Tokens of the prompt that the provider holds already. @default 0 */
  warmTokens?: number | undefined
}

/**
 * Asks one provider, and notes how it does. Throws a PeerLostError where its first token has not come in `patienceMs`,
 * where that is set.
 */
export async function* attempt(
  provider: Provider,
  request: InferenceRequest,
  { patienceMs, warmTokens = 0, ...options }: AttemptOptions,
  { peers, counts, observer, now }: AttemptComponents
): AsyncGenerator<AnswerEvent> {
  const health = peers.health(provider.peer)
  const over = peers.asks(provider.peer)
  const asked = performance.now()
  const model = findModel(provider.models(), request.model)
  const digest = model?.digest ?? null
  const pace = health.pace(canonicalModelName(request.model))
  const stopwatch = new Stopwatch(asked, model?.loaded === false)
  let bytes = 0
  const patience = new AbortController()
  const lost = new PeerLostError('The first token took too long for a peer that never answered before')
  const timer = patienceMs === undefined ? undefined : setTimeout(() => patience.abort(lost), patienceMs)
  const signal = AbortSignal.any([patience.signal, ...(options.signal === undefined ? [] : [options.signal])])
  observer?.attempted(provider.route)
  try {
    for await (const event of provider.infer(request, { ...options, signal })) {
      const before = stopwatch.firstTokenMs
      stopwatch.took(event, performance.now())
      if (before === undefined && stopwatch.firstTokenMs !== undefined) {
        clearTimeout(timer)
        health.firstToken(stopwatch.firstTokenMs)
      }
      if (event.type === 'delta') bytes += textBytes(event.delta)
      if (event.type === 'end') {
        health.success(canonicalModelName(request.model), now())
        const { promptTokens, completionTokens, cachedTokens = warmTokens } = event.usage
        const seen = stopwatch.observed(Math.max(0, promptTokens - cachedTokens), completionTokens)
        if (seen !== undefined) pace.observe(seen, now())
        counts.add(provider.peer, request.model, { tokens: event.usage.completionTokens, bytes, digest })
      }
      yield event
      stopwatch.resumed(performance.now())
      if (event.type === 'end') return
    }
    throw new InvalidFrameError('The answer has no end')
  } catch (thrown) {
    const err: unknown = patience.signal.aborted && options.signal?.aborted !== true ? lost : thrown
    if (options.signal?.aborted !== true) {
      const { code } = toLobstahError(err)
      observer?.failed(code)
      if (NO_FAULT.has(code)) health.refusal(code, now())
      // A peer that is slow has a connection.
      else health.failure(now(), err === lost ? undefined : code)
    }
    throw err
  } finally {
    clearTimeout(timer)
    over()
  }
}
