import type { AnswerEvent } from '../../../protocols/index.ts'

export interface PatienceInit {
  /** What is thrown when it is over. */
  reason: () => Error
  /** Whether the request really waits still: this node's own engine does not tell. */
  waits: () => boolean
}

/**
 * How long one model of several is waited for: until a deadline, unless its contributor has begun by then. A request
 * that waits in a queue has not begun.
 */
export class Patience {
  readonly #controller = new AbortController()
  readonly #timer: NodeJS.Timeout
  #begun = false

  constructor(ms: number, { reason, waits }: PatienceInit) {
    this.#timer = setTimeout(() => {
      if (waits()) this.#controller.abort(reason())
    }, ms)
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Whether a contributor works on the request. */
  get begun(): boolean {
    return this.#begun
  }

  /** Takes what a contributor says; one that works on the request is not given up any more. */
  sees(event: AnswerEvent): void {
    if (event.type === 'accepted' || (event.type === 'status' && event.phase === 'queued')) return
    this.#begun = true
    this.end()
  }

  end(): void {
    clearTimeout(this.#timer)
  }
}
