import { EngineFailedError, type AnswerEvent, type InferenceRequest } from '../../../protocols/index.ts'
import type { EngineEvent } from '../../engines/engine.ts'
import type { Ticket } from '../orders/admission.ts'

/** This node's own engine answering its own user: no order, no receipt, the same queue. */
export async function* localAnswer(
  ticket: Ticket,
  peer: string,
  request: InferenceRequest,
  events: () => AsyncIterable<EngineEvent>,
  signal: AbortSignal
): AsyncGenerator<AnswerEvent> {
  const turn = ticket.turn(signal)
  turn.catch(() => undefined)
  yield { type: 'accepted', peer, route: 'local', model: request.model }
  await turn
  for await (const event of events()) {
    if (event.type === 'delta') {
      yield event
      continue
    }
    yield { ...event }
    return
  }
  signal.throwIfAborted()
  throw new EngineFailedError('The engine ended without saying why')
}
