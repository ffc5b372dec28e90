import type { Explanation, ListedModel, PeerStatus } from '../../../node/consumer/index.ts'
import { CancelledError } from '../../../protocols/errors.ts'
import type { AnswerEvent, InferOptions, InferenceRequest } from '../../../protocols/inference/index.ts'

/** A stub's answer: the events of one request, at a pace that the test sets. */
export type Script = (
  request: InferenceRequest,
  signal: AbortSignal,
  /** A receipt adds to what is spent, in micro-credits. */
  spent: (microCredits: number) => void
) => AsyncIterable<AnswerEvent>

export const PEER = '12D3KooWStubContributor'

export const ACCEPTED: AnswerEvent = { type: 'accepted', peer: PEER, route: 'direct', model: 'tiny:latest' }

const EXPLAINED: Explanation['links'][number]['candidates'][number] = {
  peer: PEER,
  route: 'direct',
  relation: 'stranger',
  model: 'tiny:latest',
  exclusions: [],
  terms: { path: 30, queue: 0, load: 0, prefill: 100, decode: 900, risk: 3, price: 0, relation: 103 },
  finishMs: 1030,
  score: 1136,
  lacks: [],
  known: true
}

export const RECEIPT = { payload: '{"credits":12,"text":"é"}', signature: 'A'.repeat(86) }

export const END: AnswerEvent = {
  type: 'end',
  finishReason: 'stop',
  usage: { promptTokens: 7, completionTokens: 3, cachedTokens: 2, reasoningTokens: 1 },
  receipt: RECEIPT
}

export function content(text: string): AnswerEvent {
  return { type: 'delta', delta: { content: text } }
}

export function listed(id: string, fields: Partial<ListedModel> = {}): ListedModel {
  return {
    id,
    digest: 'sha256:00',
    contextLength: 8192,
    parameters: 1_000_000_000,
    capabilities: ['chat'],
    price: { prompt: 1, completion: 4 },
    peers: [PEER],
    ...fields
  }
}

/** Rejects when the signal aborts, as the real consumer does while it waits for a peer. */
export function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const fail = (): void => reject(new CancelledError())
    if (signal.aborted) fail()
    else signal.addEventListener('abort', fail, { once: true })
  })
}

/** A consumer that plays a script and records what it was asked. */
export class StubConsumer {
  script: Script = async function* () {
    yield ACCEPTED
    yield content('Hel')
    yield content('lo')
    yield END
  }
  listed: ListedModel[] = [listed('tiny:latest')]
  status: PeerStatus[] = []
  /** The trace context of each request. */
  readonly traces: (string | undefined)[] = []
  readonly requests: InferenceRequest[] = []
  /** The `resume` option of each request. */
  readonly resumes: (boolean | undefined)[] = []
  readonly #aborted = Promise.withResolvers<unknown>()
  /** Resolves with the reason why a call was aborted, the first time that one is. */
  readonly aborted = this.#aborted.promise
  /** Calls whose generator has come to its end, in whatever way. */
  finished = 0
  /** Events taken from scripts. */
  pulled = 0

  models(): ListedModel[] {
    return this.listed
  }

  peers(): PeerStatus[] {
    return this.status
  }

  explain(name: string): Explanation {
    const { peer, route, model } = EXPLAINED
    const link = { name, model, candidates: [EXPLAINED], more: 0, attempts: [] }
    const reason = { why: 'only' as const, of: 1, tried: 0, link: 1 }
    return { request: '', at: 0, asked: name, links: [link], served: { peer, route, model, reason } }
  }

  async *infer(
    request: InferenceRequest,
    {
      signal = new AbortController().signal,
      traceparent,
      resume,
      onSpent = () => undefined
    }: InferOptions = {}
  ): AsyncIterable<AnswerEvent> {
    this.requests.push(request)
    this.traces.push(traceparent)
    this.resumes.push(resume)
    signal.addEventListener('abort', () => this.#aborted.resolve(signal.reason))
    try {
      for await (const event of this.script(request, signal, onSpent)) {
        this.pulled++
        yield event
      }
    } finally {
      this.finished++
    }
  }
}
