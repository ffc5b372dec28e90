import { setTimeout as delay } from 'node:timers/promises'
import {
  BusyError,
  ModelNotFoundError,
  NoProviderError,
  textBytes,
  toLobstahError,
  type AnswerEvent,
  type InferenceRequest,
  type LobstahError,
  type OfferedModel
} from '../../../protocols/index.ts'
import type { ChosenOptions } from '../consumer.ts'
import type { ConsumerInferOptions } from '../index.ts'
import type { Watch } from '../explaining/watch.ts'
import { short } from '../explaining/explanation.ts'
import { hasDigest } from './model-name.ts'
import type { Confinement, Target } from './names.ts'
import { Patience } from './patience.ts'

/** Failures that another model would not mend. */
const FINAL = new Set(['bad_request', 'cancelled', 'ledger_failed'])

export interface AskOptions {
  /** Asks for one model by its own name. */
  infer: (request: InferenceRequest, options: ChosenOptions) => AsyncIterable<AnswerEvent>
  options: ConsumerInferOptions
  watch: Watch
  /** Milliseconds that a busy model is waited for; undefined where nothing else is left to be asked. */
  patienceMs: number | undefined
  /** Whether this node's own engine has more to do than it has slots. */
  ownQueue: () => boolean
}

/**
 * Asks for one model of a chain. Returns the failure after which the next may be asked; throws what ends the chain, and
 * everything once the client has a part of the answer or knows which model answers.
 */
export async function* askTarget(
  request: InferenceRequest,
  target: Target,
  { infer, options, watch, patienceMs, ownQueue }: AskOptions
): AsyncGenerator<AnswerEvent, LobstahError | undefined> {
  const until = performance.now() + (patienceMs ?? 0)
  for (;;) {
    let accepted: AnswerEvent | undefined
    let shown = false
    const left = Math.max(0, until - performance.now())
    const patience =
      patienceMs === undefined
        ? undefined
        : new Patience(left, {
            reason: () => tooLong(target, accepted !== undefined, patienceMs),
            waits: () => accepted?.type !== 'accepted' || accepted.route !== 'local' || ownQueue()
          })
    const signals = [options.signal, patience?.signal].filter((signal) => signal !== undefined)
    const held: AnswerEvent[] = []
    try {
      const events = infer(
        { ...request, model: target.model },
        { ...options, signal: AbortSignal.any(signals), watch, among: amongOf(target.confined) }
      )
      for await (const event of events) {
        if (event.type === 'accepted') accepted = event
        patience?.sees(event)
        // Until somebody works on the request the client is told of nobody: another model may answer yet.
        if (patience?.begun === false) {
          held.push(event)
          continue
        }
        yield* held.splice(0)
        shown ||=
          event.type === 'delta' && (textBytes(event.delta) > 0 || event.delta.embeddings !== undefined)
        yield event
      }
      return undefined
    } catch (thrown) {
      options.signal?.throwIfAborted()
      const err = toLobstahError(thrown)
      if (shown || options.committed?.() === true || FINAL.has(err.code)) throw thrown
      const back = err instanceof BusyError ? (err.retryAfterMs ?? Infinity) : Infinity
      if (performance.now() + back > until) return err
      await delay(back, undefined, { signal: options.signal })
    } finally {
      patience?.end()
    }
  }
}

/** Whom a confined request may go to; everybody where it is not. */
export function amongOf({ peer, digest }: Confinement): (peer: string, model: OfferedModel) => boolean {
  return (other, model) =>
    (peer === undefined || other === peer) && (digest === undefined || hasDigest(model.digest, digest))
}

function tooLong({ model }: Target, accepted: boolean, ms: number): LobstahError {
  const seconds = (ms / 1000).toLocaleString('en-US', { maximumFractionDigits: 1 })
  return accepted
    ? new BusyError(`${model} is still busy after ${seconds} s`)
    : new NoProviderError(`No contributor has taken the request for ${model} in ${seconds} s`)
}

/** The failure of a chain: one that a retry can mend, else the first. The names that failed after it are told with it. */
export function failureOf(failures: LobstahError[], names: readonly string[]): LobstahError {
  const told = failures.find(({ code }) => code === 'busy') ?? failures[0] ?? new ModelNotFoundError()
  if (names.length > 1) {
    const others = names.slice(1).join(', ')
    told.message = `${told.message.replace(/[.\s]*$/, '.')} Nothing else of its chain can be served either: ${short(others)}.`
  }
  return told
}
