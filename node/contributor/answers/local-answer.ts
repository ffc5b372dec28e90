import { EngineFailedError, type AnswerEvent, type InferenceRequest } from '../../../protocols/index.ts'
import type { EngineEvent } from '../../engines/engine.ts'
import { workOf } from '../orders/service-times.ts'
import type { Ticket, Used } from '../orders/ticket.ts'

/** One request of this node's own user. */
export interface LocalAnswerInit {
  ticket: Ticket
  /** This node. */
  peer: string
  request: InferenceRequest
  /** What it is expected to take, in tokens. */
  expectedWork: number
  signal: AbortSignal
}

/**
 * This node's own engine answering its own user: no order, no receipt, the same queue. Gives the slot back, and says what
 * the answer took. An answer that makes room throws the BusyError of its handover.
 */
export async function* localAnswer(
  { ticket, peer, request, expectedWork, signal }: LocalAnswerInit,
  events: (signal: AbortSignal) => AsyncIterable<EngineEvent>
): AsyncGenerator<AnswerEvent> {
  const { handover } = ticket
  let used: Used | undefined
  let tokens = 0
  try {
    const turn = ticket.turn(signal, expectedWork)
    turn.catch(() => undefined)
    yield { type: 'accepted', peer, route: 'local', model: request.model }
    const position = ticket.position()
    const waitMs = ticket.waitMs()
    if (position > 0)
      yield { type: 'status', phase: 'queued', position, ...(waitMs === undefined ? {} : { waitMs }) }
    await turn
    for await (const event of events(AbortSignal.any([signal, handover]))) {
      if (event.type === 'delta') {
        tokens += event.delta.tokens ?? 1
        yield event
        continue
      }
      used = { work: workOf(event.usage), completionTokens: event.usage.completionTokens }
      yield { ...event }
      return
    }
    signal.throwIfAborted()
    handover.throwIfAborted()
    throw new EngineFailedError('The engine ended without saying why')
  } catch (err) {
    throw handover.aborted && !signal.aborted ? handover.reason : err
  } finally {
    ticket.leave(used ?? { work: tokens, completionTokens: tokens })
  }
}
