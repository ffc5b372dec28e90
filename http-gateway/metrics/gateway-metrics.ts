import type { ServerResponse } from 'node:http'
import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { AnswerEvent } from '../../protocols/inference/index.ts'

/** Seconds: a direct peer's first token takes milliseconds, a queued one minutes. */
const FIRST_TOKEN_BUCKETS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]
const ANSWER_BUCKETS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600]

/** The gateway's metrics, on a registry that the rest of the node may share. */
export class GatewayMetrics {
  readonly registry: Registry
  readonly #requests: Counter
  readonly #firstToken: Histogram
  readonly #answers: Histogram
  readonly #inFlight: Gauge
  /** Cache of labelled counters, by route and status. */
  readonly #counters = new Map<string, { inc(): void }>()

  constructor(registry: Registry) {
    this.registry = registry
    const registers = [registry]
    this.#requests = new Counter({
      name: 'lobstah_gateway_requests_total',
      help: 'Requests by route and status. A stream that breaks off counts under the status of its failure, one whose client hung up under 499.',
      labelNames: ['method', 'route', 'status'],
      registers
    })
    this.#firstToken = new Histogram({
      name: 'lobstah_gateway_first_token_seconds',
      help: 'Time from the request to its first token.',
      buckets: FIRST_TOKEN_BUCKETS,
      registers
    })
    this.#answers = new Histogram({
      name: 'lobstah_gateway_answer_seconds',
      help: 'Time from the request to the end of its answer.',
      buckets: ANSWER_BUCKETS,
      registers
    })
    this.#inFlight = new Gauge({
      name: 'lobstah_gateway_answers_in_flight',
      help: 'Answers in flight.',
      registers
    })
  }

  /** Counts a request. `route` is the route's pattern, not the path, which callers choose; undefined if none matched. */
  answered(method: string, route: string | undefined, status: number): void {
    // Callers choose the method too, so an unmatched one must not become a label.
    const labels = route === undefined ? { method: '', route: '' } : { method, route }
    const key = `${labels.method} ${labels.route} ${status}`
    let counter = this.#counters.get(key)
    if (counter === undefined) {
      counter = this.#requests.labels({ ...labels, status: String(status) })
      this.#counters.set(key, counter)
    }
    counter.inc()
  }

  /** Counts an answer in flight until its connection closes. */
  opened(response: ServerResponse): void {
    const end = this.#answers.startTimer()
    this.#inFlight.inc()
    response.once('close', () => {
      this.#inFlight.dec()
      end()
    })
  }

  /** Passes the events through and times the first token, adding no overhead after it. */
  follow(events: AsyncIterable<AnswerEvent>): AsyncIterable<AnswerEvent> {
    const inner = events[Symbol.asyncIterator]()
    const end = this.#firstToken.startTimer()
    let timed = false
    const first = async (): Promise<IteratorResult<AnswerEvent>> => {
      const result = await inner.next()
      if (result.done !== true && result.value.type === 'delta') {
        timed = true
        end()
      }
      return result
    }
    const iterator: AsyncIterator<AnswerEvent> = {
      next: () => (timed ? inner.next() : first()),
      return: async () => (await inner.return?.()) ?? { done: true, value: undefined }
    }
    return { [Symbol.asyncIterator]: () => iterator }
  }
}
