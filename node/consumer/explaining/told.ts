import type { AnswerEvent } from '../../../protocols/index.ts'
import type { Explanation } from './explanation.ts'

/** Passes events on, and notes in the explanation who accepted. */
export async function* told<T>(
  events: AsyncGenerator<AnswerEvent, T>,
  explanation: Explanation
): AsyncGenerator<AnswerEvent, T> {
  try {
    for (;;) {
      const { value, done } = await events.next()
      if (done === true) return value
      if (value.type === 'accepted' && explanation.served !== undefined) {
        const { peer, route, model } = value
        Object.assign(explanation.served, { peer, route, model })
      }
      yield value
    }
  } finally {
    await events.return(undefined as T)
  }
}
