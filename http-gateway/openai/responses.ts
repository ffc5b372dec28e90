import type { Delta, Usage } from '../../protocols/inference/index.ts'
import type { EndEvent } from '../answer/answer.ts'
import type { Ends } from '../answer/answers.ts'
import { documentAnswer, streamAnswer, type DocumentFormat, type StreamFormat } from '../answer/deliver.ts'
import { receiptComments } from '../answer/headers.ts'
import type { SseWriter } from '../answer/sse-writer.ts'
import { SERVER_SENT_EVENTS } from '../answer/stream-kind.ts'
import { readDocuments } from '../documents/index.ts'
import type { Failure } from '../failures.ts'
import { route } from '../route.ts'
import { ResponseItems } from './response-items.ts'
import { ResponseObject, type ResponseState } from './response-object.ts'
import { withReferred } from './responses-input.ts'
import { calledTools, responsesBody, toChatRequest, type ResponsesBody } from './responses-request.ts'

/** `POST /v1/responses`: nothing is stored but the latest items, for clients that refer to them. */
export const responses = route({
  method: 'POST',
  path: '/v1/responses',
  summary: 'Create a response (stateless)',
  body: responsesBody,
  stream: SERVER_SENT_EVENTS.contentType,
  async handle(context, call) {
    await readDocuments(context, call)
    const { reply, request } = call
    const input = withReferred(call.body.input, (id) => context.recentItems.find(request.caller, id))
    const body = { ...call.body, input }
    const keep = (items: object[]): void => {
      if (body.store !== false) context.recentItems.keep(request.caller, items)
    }
    const chat = toChatRequest(body)
    if (body.stream !== true) return documentAnswer(context, reply, [chat], new ResponseDocument(body, keep))
    return streamAnswer(context, reply, [chat], (model) => new ResponseEvents(body, model, keep))
  }
})

/** Takes the items of an answer, which later requests may refer to. */
type Keep = (items: object[]) => void

/** A response as one document. */
class ResponseDocument implements DocumentFormat {
  readonly #body: ResponsesBody
  readonly #items: ResponseItems
  readonly #keep: Keep

  constructor(body: ResponsesBody, keep: Keep) {
    this.#body = body
    this.#keep = keep
    this.#items = new ResponseItems(() => undefined, body.reasoning?.summary != null, calledTools(body))
  }

  delta(delta: Delta): void {
    this.#items.add(delta)
  }

  end([end]: Ends, model: string): object {
    const state = finalState(end, this.#items)
    this.#keep(state.output)
    return new ResponseObject(this.#body, model).at(state)
  }
}

/** Usage is null in OpenAI's own first events, which its schema does not allow. */
const NOTHING_USED: Usage = { promptTokens: 0, completionTokens: 0 }

/** A response as OpenAI's typed events, numbered from 0. */
class ResponseEvents implements StreamFormat {
  readonly #object: ResponseObject
  readonly #items: ResponseItems
  /** Events that are not sent yet. */
  readonly #events: string[] = []
  readonly #keep: Keep
  #number = 0

  constructor(body: ResponsesBody, model: string, keep: Keep) {
    this.#keep = keep
    this.#object = new ResponseObject(body, model)
    this.#items = new ResponseItems(
      (type, fields) => this.#events.push(this.#event(type, fields)),
      body.reasoning?.summary != null,
      calledTools(body)
    )
  }

  start(out: SseWriter): void {
    const response = this.#object.at({ status: 'in_progress', output: [], usage: NOTHING_USED })
    out.write(this.#event('response.created', { response }))
    out.write(this.#event('response.in_progress', { response }))
  }

  delta(delta: Delta, out: SseWriter): void {
    this.#items.add(delta)
    this.#flush(out)
  }

  end([end]: Ends, out: SseWriter): void {
    const state = finalState(end, this.#items)
    this.#keep(state.output)
    this.#flush(out)
    for (const comment of receiptComments([end])) out.write(comment)
    out.write(this.#event(`response.${state.status}`, { response: this.#object.at(state) }))
  }

  /** Two events, one write: some clients look for the one, some for the other. */
  failure({ type, code, message, param }: Failure): string {
    const response = this.#object.at({
      status: 'failed',
      output: this.#items.output(),
      error: { code: 'server_error', message }
    })
    const error = { code, message, param, error: { type, code, message, param } }
    return this.#event('error', error) + this.#event('response.failed', { response })
  }

  #flush(out: SseWriter): void {
    for (const event of this.#events.splice(0)) out.write(event)
  }

  #event(type: string, fields: object): string {
    const data = JSON.stringify({ type, sequence_number: this.#number++, ...fields })
    return `event: ${type}\ndata: ${data}\n\n`
  }
}

/** `length` and `content_filter` leave a response incomplete. */
function finalState({ finishReason, usage }: EndEvent, items: ResponseItems): ResponseState {
  const reasons = { length: 'max_output_tokens', content_filter: 'content_filter' } as const
  const incompleteReason =
    finishReason === 'length' || finishReason === 'content_filter' ? reasons[finishReason] : undefined
  const output = items.finish(incompleteReason !== undefined)
  if (incompleteReason === undefined) return { status: 'completed', output, usage }
  return { status: 'incomplete', output, usage, incompleteReason }
}
