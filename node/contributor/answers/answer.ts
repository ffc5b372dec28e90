import { pipe } from 'it-pipe'
import {
  CancelledError,
  CreditExhaustedError,
  EngineFailedError,
  HEARTBEAT_MS,
  ShuttingDownError,
  UnacknowledgedError,
  encodeJson,
  type ChatSession,
  type FinishReason,
  type Usage
} from '../../../protocols/index.ts'
import type { EngineEvent } from '../../engines/engine.ts'
import type { Meter } from '../settling/meter.ts'
import type { Settlement } from '../settling/settlement.ts'
import { splitDelta } from './split-delta.ts'

interface End {
  finishReason: FinishReason
  usage: Usage
}

/** One answer on its way from the engine to its consumer. */
export interface AnswerInit {
  session: ChatSession
  meter: Meter
  settlement: Settlement
  /** Resolves when the order is known to be none that was placed before: nothing of the answer is sent until then. */
  isNew: Promise<void>
  /** Fires when the answer is to make room for a more urgent one; the reason goes to the consumer. */
  handover: AbortSignal
}

/**
 * Sends what the engine says: deltas as they come, receipts when they are due, then the final receipt and
 * `end`. Resolves to the engine's count when the consumer has countersigned. Throws LobstahErrors; of an answer that
 * the consumer broke off, what was delivered or read is claimed.
 */
export async function answer(events: () => AsyncIterable<EngineEvent>, init: AnswerInit): Promise<Usage> {
  const { session, meter, settlement, isNew, handover } = init
  const { signal } = session
  let end: End | undefined
  let generating = false

  async function* payloads(source: AsyncIterable<EngineEvent>): AsyncGenerator<Uint8Array> {
    for await (const event of source) {
      await isNew
      if (event.type === 'end') {
        end = { finishReason: event.finishReason, usage: event.usage }
        return
      }
      for (const delta of splitDelta(event.delta)) {
        if (meter.overrun) {
          end = { finishReason: 'length', usage: meter.usage }
          return
        }
        meter.reserve(delta)
        const payload = encodeJson({ type: 'delta', ...delta })
        meter.add(delta, payload)
        settlement.begin()
        generating = true
        yield payload
      }
    }
  }

  async function send(source: AsyncIterable<Uint8Array>): Promise<void> {
    for await (const payload of source) {
      // Where the order could not be kept, its consumer is better off with another contributor.
      settlement.check()
      await session.sendPayload(payload)
      if (meter.due) {
        await meter.bound()
        settlement.add(meter.receipt())
      }
      await settlement.room()
    }
  }

  const stopHeartbeat = heartbeat(session, () => (generating ? 'generating' : 'prefill'))
  meter.begin()
  try {
    await pipe(events, payloads, send)
    if (end === undefined) handover.throwIfAborted()
    end ??= signal.aborted ? undefined : failed()
  } catch (thrown) {
    const handedOver = handover.aborted && !signal.aborted
    const err: unknown = handedOver ? handover.reason : thrown
    if (!cancelled(session)) {
      // Where the consumer or its line ends the answer, it owes what it has. What this side ends is billed no further.
      // An answer that makes room is paid as far as it was delivered, and free before.
      const own = signal.reason instanceof ShuttingDownError
      const ends = (signal.aborted && !own) || err instanceof CreditExhaustedError
      if ((ends && meter.owed) || (handedOver && meter.delivered)) {
        await meter.bound()
        settlement.add(meter.finalReceipt(meter.usage, 'error'))
      }
      await settlement.sent().catch(() => undefined)
      // What is not acknowledged when the error leaves is forfeited.
      if (!signal.aborted && !(err instanceof UnacknowledgedError))
        await settlement.settled().catch(() => undefined)
      throw signal.aborted ? signal.reason : err
    }
  } finally {
    stopHeartbeat()
  }
  end ??= { finishReason: 'cancelled', usage: meter.usage }
  await meter.bound(end.usage)
  const receipt = meter.finalReceipt(end.usage, end.finishReason)
  const { promptTokens, completionTokens } = receipt
  settlement.add(receipt)
  await settlement.sent()
  // The consumer's user reads what is billed, also where the engine counted otherwise.
  await session.send({ type: 'end', ...end, usage: { ...end.usage, promptTokens, completionTokens } })
  await settlement.settled()
  return end.usage
}

/** Says that the contributor lives while it has nothing else to say; returns how to stop it. */
export function heartbeat(
  session: ChatSession,
  phase: () => 'queued' | 'prefill' | 'generating',
  place: () => { position?: number; waitMs?: number } = () => ({})
): () => void {
  const timer = setInterval(() => {
    if (session.signal.aborted || performance.now() - session.lastSent < HEARTBEAT_MS * 0.75) return
    const status = {
      type: 'status' as const,
      phase: phase(),
      ...place()
    }
    // The answer itself notices when the consumer is lost.
    session.send(status).catch(() => undefined)
  }, HEARTBEAT_MS / 4)
  return () => clearInterval(timer)
}

/** Whether the consumer asked to stop, and still listens. */
function cancelled(session: ChatSession): boolean {
  return session.signal.reason instanceof CancelledError && session.writable
}

function failed(): never {
  throw new EngineFailedError('The engine ended without saying why')
}
