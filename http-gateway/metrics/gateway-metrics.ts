import type { ServerResponse } from 'node:http'
import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { AnswerEvent } from '../../protocols/inference/index.ts'

/** Seconds; a direct peer's first token takes milliseconds, a queued one's minutes. */
const FIRST_TOKEN_BUCKETS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]
const ANSWER_BUCKETS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600]

/** What the gateway counts, on a registry that it may share with the rest of the node. */
export class GatewayMetrics {
  readonly registry: Registry
  readonly #requests: Counter
  readonly #firstToken: Histogram
  readonly #answers: Histogram
  readonly #inFlight: Gauge
  /** Counters that were looked up, by route and status. */
  readonly #counters = new Map<string, { inc(): void }>()

  constructor(registry: Registry) {
    this.registry = registry
    const registers = [registry]
    this.#requests = new Counter({
      name: 'lobstah_gateway_requests_total',
      help: 'Requests, by route and status: of an answer that broke off its failure, 499 where the client was gone.',
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
      help: 'Answers being given.',
      registers
    })
  }

  /** Counts a request. `route` is its pattern, undefined where there is none: paths are callers' own. */
  answered(method: string, route: string | undefined, status: number): void {
    // A method that no route has could be any word.
    const labels = route === undefined ? { method: '', route: '' } : { method, route }
    const key = `${labels.method} ${labels.route} ${status}`
    let counter = this.#counters.get(key)
    if (counter === undefined) {
      counter = this.#requests.labels({ ...labels, status: String(status) })
      this.#counters.set(key, counter)
    }
    counter.inc()
  }

  /** Counts an answer that begins, until its connection is done with it. */
  opened(response: ServerResponse): void {
    const end = this.#answers.startTimer()
    this.#inFlight.inc()
    response.once('close', () => {
      this.#inFlight.dec()
      end()
    })
  }

  /** The events as they are; the first token is timed, and nothing is in the way of those after it. */
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
