import type { FastifyInstance } from 'fastify'
import { documentAnswer, streamAnswer } from '../answer/deliver.ts'
import type { GatewayContext } from '../context.ts'
import { parse } from '../parse.ts'
import { MessageDocument } from './message-document.ts'
import { MessageEvents } from './message-events.ts'
import { countBody, messageBody, toChatRequest, toPrompt } from './message-request.ts'
import { estimateTokens } from './token-estimate.ts'

/** Anthropic's `POST /v1/messages`, and `POST /v1/messages/count_tokens`, which is an estimate here. */
export function messages(app: FastifyInstance, context: GatewayContext, done: () => void): void {
  app.addHook('onRequest', (request, reply, next) => {
    // What Anthropic's clients look for instead of x-request-id.
    reply.header('request-id', request.id)
    next()
  })
  app.post('/v1/messages', (request, reply) => {
    const body = parse(messageBody, request.body)
    const chat = toChatRequest(body)
    if (body.stream !== true) return documentAnswer(context, reply, [chat], new MessageDocument())
    return streamAnswer(context, reply, [chat], (model) => new MessageEvents(model, estimateTokens(chat)))
  })
  app.post('/v1/messages/count_tokens', (request) => ({
    input_tokens: estimateTokens(toPrompt(parse(countBody, request.body)))
  }))
  done()
}
