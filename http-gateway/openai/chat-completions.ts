import { documentAnswer, streamAnswer } from '../answer/deliver.ts'
import { SERVER_SENT_EVENTS } from '../answer/stream-kind.ts'
import { readDocuments } from '../documents/index.ts'
import { chatAnswer } from '../openapi/answers.ts'
import { route } from '../route.ts'
import { ChatChunks } from './chat-chunks.ts'
import { ChatCompletion } from './chat-completion.ts'
import { chatBody, freeFormTools, toChatRequest } from './chat-request.ts'
import { inChoices } from './choices.ts'

/** `POST /v1/chat/completions`. */
export const chatCompletions = route({
  method: 'POST',
  path: '/v1/chat/completions',
  summary: 'Create a chat completion',
  body: chatBody,
  answer: chatAnswer,
  stream: SERVER_SENT_EVENTS.contentType,
  async handle(context, call) {
    await readDocuments(context, call)
    const { body, reply } = call
    const requests = inChoices([toChatRequest(body)], body.n ?? 1)
    const choices = requests.length
    const legacyFunctions = body.functions != null && body.functions.length > 0
    const freeForm = freeFormTools(body)
    if (body.stream !== true) {
      return documentAnswer(
        context,
        reply,
        requests,
        new ChatCompletion({ choices, legacyFunctions, freeForm })
      )
    }
    const includeUsage = body.stream_options?.include_usage === true
    return streamAnswer(
      context,
      reply,
      requests,
      (model) => new ChatChunks(model, { includeUsage, legacyFunctions, freeForm, choices })
    )
  }
})
