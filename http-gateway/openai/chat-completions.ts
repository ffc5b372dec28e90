import type { FastifyInstance } from 'fastify'
import { documentAnswer, streamAnswer } from '../answer/deliver.ts'
import type { GatewayContext } from '../context.ts'
import { parse } from '../parse.ts'
import { ChatChunks } from './chat-chunks.ts'
import { ChatCompletion } from './chat-completion.ts'
import { chatBody, toChatRequest } from './chat-request.ts'
import { inChoices } from './choices.ts'

/** `POST /v1/chat/completions`. */
export function chatCompletions(app: FastifyInstance, context: GatewayContext, done: () => void): void {
  app.post('/v1/chat/completions', (request, reply) => {
    const body = parse(chatBody, request.body)
    const requests = inChoices([toChatRequest(body)], body.n ?? 1)
    const choices = requests.length
    const legacyFunctions = body.functions != null && body.functions.length > 0
    if (body.stream !== true) {
      return documentAnswer(context, reply, requests, new ChatCompletion({ choices, legacyFunctions }))
    }
    const includeUsage = body.stream_options?.include_usage === true
    return streamAnswer(
      context,
      reply,
      requests,
      (model) => new ChatChunks(model, { includeUsage, legacyFunctions, choices })
    )
  })
  done()
}
