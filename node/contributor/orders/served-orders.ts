import { ShuttingDownError, type ChatSession, type Order } from '../../../protocols/index.ts'
import type { EngineEvent } from '../../engines/engine.ts'
import type { EndedOrder, ServedOrder } from '../index.ts'
import type { Meter } from '../settling/meter.ts'

/** One order while it is being answered. */
class Serving {
  readonly #order: Order
  readonly #session: ChatSession
  readonly #startedAt: number
  /** Milliseconds of the monotonic clock. */
  readonly #begun = performance.now()
  #firstTokenAt: number | undefined
  #meter: Meter | undefined
  #ok = false

  constructor(order: Order, session: ChatSession, startedAt: number) {
    this.#order = order
    this.#session = session
    this.#startedAt = startedAt
  }

  /** It has left the queue. */
  runs(meter: Meter): void {
    this.#meter = meter
  }

  /** Passes the engine's events through, and notes the first token. */
  async *follow(events: AsyncIterable<EngineEvent>): AsyncGenerator<EngineEvent> {
    for await (const event of events) {
      if (event.type === 'delta') this.#firstTokenAt ??= performance.now()
      yield event
    }
  }

  /** The whole answer was delivered and settled. */
  succeeds(): void {
    this.#ok = true
  }

  get status(): ServedOrder {
    const { id, consumer, model } = this.#order
    return {
      id,
      consumer,
      model,
      phase:
        this.#meter === undefined ? 'queued' : this.#firstTokenAt === undefined ? 'prefill' : 'generating',
      startedAt: this.#startedAt,
      tokens: this.#meter?.tokens ?? 0,
      decodeMs: this.#decodeMs
    }
  }

  get end(): EndedOrder {
    const { consumer, model, price } = this.#order
    const { promptTokens = 0, completionTokens = 0 } = this.#meter?.usage ?? {}
    const answered = this.#firstTokenAt !== undefined
    return {
      consumer,
      model,
      ok: this.#ok,
      promptTokens,
      completionTokens,
      credits: answered ? promptTokens * price.prompt + completionTokens * price.completion : 0,
      firstTokenMs: this.#firstTokenAt === undefined ? null : this.#firstTokenAt - this.#begun,
      decodeMs: this.#decodeMs
    }
  }

  stop(): void {
    this.#session.stop(new ShuttingDownError("The contributor's owner stopped this answer"))
  }

  get #decodeMs(): number {
    return this.#firstTokenAt === undefined ? 0 : performance.now() - this.#firstTokenAt
  }
}

/** The orders that are being answered, for the node's owner to see and to stop. */
export class ServedOrders {
  readonly #running = new Map<string, Serving>()

  begin(order: Order, session: ChatSession, startedAt: number): Serving {
    const serving = new Serving(order, session, startedAt)
    this.#running.set(order.id, serving)
    return serving
  }

  /** Forgets an order, and says how it went; undefined where its answer never began. */
  end(id: string): EndedOrder | undefined {
    const ended = this.#running.get(id)?.end
    this.#running.delete(id)
    return ended
  }

  list(): ServedOrder[] {
    return Array.from(this.#running.values(), ({ status }) => status)
  }

  /** Stops an answer; its consumer may go on elsewhere. False where there is none of this id. */
  stop(id: string): boolean {
    const serving = this.#running.get(id)
    serving?.stop()
    return serving !== undefined
  }
}
