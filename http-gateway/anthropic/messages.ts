import { documentAnswer, streamAnswer } from '../answer/deliver.ts'
import { SERVER_SENT_EVENTS } from '../answer/stream-kind.ts'
import { readDocuments } from '../documents/index.ts'
import { route } from '../route.ts'
import { MessageDocument } from './message-document.ts'
import { MessageEvents } from './message-events.ts'
import { countBody, messageBody, toChatRequest, toPrompt } from './message-request.ts'
import { estimateTokens } from './token-estimate.ts'

/** Anthropic's `POST /v1/messages`. */
export const messages = route({
  method: 'POST',
  path: '/v1/messages',
  summary: 'Create a message',
  body: messageBody,
  stream: SERVER_SENT_EVENTS.contentType,
  async handle(context, call) {
    await readDocuments(context, call)
    const { body, reply } = call
    const chat = toChatRequest(body)
    if (body.stream !== true) return documentAnswer(context, reply, [chat], new MessageDocument())
    return streamAnswer(context, reply, [chat], (model) => new MessageEvents(model, estimateTokens(chat)))
  }
})

/** Anthropic's `POST /v1/messages/count_tokens`, which is an estimate here. */
export const countTokens = route({
  method: 'POST',
  path: '/v1/messages/count_tokens',
  summary: 'Estimate the prompt tokens of a message',
  body: countBody,
  async handle(context, call) {
    await readDocuments(context, call)
    return { input_tokens: estimateTokens(toPrompt(call.body)) }
  }
})
