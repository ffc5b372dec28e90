import type { ServerResponse } from 'node:http'
import { CancelledError } from '../../protocols/errors.ts'

/** The requests that are being answered, so that each can be stopped. */
export class Calls {
  readonly #open = new Set<AbortController>()

  /** A signal that aborts as soon as the client is gone, or with {@link Calls.abort}. */
  open(response: ServerResponse): AbortSignal {
    const controller = new AbortController()
    this.#open.add(controller)
    response.once('close', () => {
      this.#open.delete(controller)
      if (!response.writableEnded) controller.abort(new CancelledError('The client hung up'))
    })
    return controller.signal
  }

  abort(reason: Error): void {
    for (const controller of this.#open) controller.abort(reason)
  }
}
