import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { BadRequestError } from '../../protocols/errors.ts'
import type { ChatRequest, CompletionRequest, GenerateRequest } from '../../protocols/inference/index.ts'
import { documentAnswer, streamAnswer, type Requests } from '../answer/deliver.ts'
import type { GatewayContext } from '../context.ts'
import { findServed } from '../model-names.ts'
import { functionFields, onlyOfType, toTool, withTools } from '../openai/tools.ts'
import { parse } from '../parse.ts'
import { ollamaMessage, toChatMessages, toUserContent } from './chat-messages.ts'
import { generation, image, toChatFields, toSampling } from './fields.ts'
import { AnswerLines, chatFields, generateFields, loadDocument, type PieceFields } from './lines.ts'

const tool = onlyOfType('function', z.object({ type: z.literal('function'), function: functionFields }))

export const chatBody = z.object({
  ...generation,
  messages: z
    .array(ollamaMessage)
    .nullish()
    .transform((messages) => messages ?? []),
  tools: z.array(tool).nullish()
})

export const generateBody = z.object({
  ...generation,
  prompt: z
    .string()
    .nullish()
    .transform((prompt) => prompt ?? ''),
  suffix: z.string().nullish(),
  system: z.string().nullish(),
  images: z.array(image).nullish(),
  raw: z.boolean().nullish(),
  template: z.string().nullish(),
  context: z.array(z.number()).nullish()
})

type LoadBody = Pick<z.infer<typeof chatBody>, 'model' | 'keep_alive'>

/** Ollama's `POST /api/chat` and `POST /api/generate`; both stream unless told otherwise. */
export function generate(app: FastifyInstance, context: GatewayContext, done: () => void): void {
  app.post('/api/chat', (request, reply) => {
    const body = parse(chatBody, request.body)
    // How Ollama's clients have a model loaded, or let go: no work for anybody.
    if (body.messages.length === 0) return load(body, chatFields)
    const requests: Requests = [toChat(body)]
    if (body.stream === false) {
      return documentAnswer(context, reply, requests, new AnswerLines(body.model, chatFields))
    }
    return streamAnswer(context, reply, requests, () => new AnswerLines(body.model, chatFields))
  })
  app.post('/api/generate', (request, reply) => {
    const body = parse(generateBody, request.body)
    if (body.prompt === '' && !body.suffix) return load(body, generateFields)
    const requests: Requests = [toGenerate(body)]
    if (body.stream === false) {
      return documentAnswer(context, reply, requests, new AnswerLines(body.model, generateFields))
    }
    return streamAnswer(context, reply, requests, () => new AnswerLines(body.model, generateFields))
  })
  done()

  function load({ model, keep_alive: keepAlive }: LoadBody, fields: PieceFields): object {
    findServed(context.components.consumer.models(), model)
    return loadDocument(model, keepAlive, fields)
  }
}

function toChat(body: z.infer<typeof chatBody>): ChatRequest {
  const tools = (body.tools ?? []).filter((tool) => tool !== undefined).map((tool) => toTool(tool.function))
  return {
    kind: 'chat',
    model: body.model,
    messages: toChatMessages(body.messages),
    ...withTools(tools, undefined, undefined),
    ...toChatFields(body),
    ...toSampling(body)
  }
}

/** A prompt is answered in the model's template; only a raw one, or one with a suffix, is continued as it is. */
function toGenerate(body: z.infer<typeof generateBody>): GenerateRequest {
  for (const param of ['template', 'context'] as const) {
    if ((body[param]?.length ?? 0) === 0) continue
    throw new BadRequestError(`${param} is not supported: send messages to /api/chat`, { param })
  }
  const { model, prompt, suffix, system, images } = body
  if (body.raw === true || suffix) {
    const completion: CompletionRequest = { kind: 'completion', model, prompt, ...toSampling(body) }
    return suffix ? { ...completion, suffix } : completion
  }
  const messages: ChatRequest['messages'] = [{ role: 'user', content: toUserContent(prompt, images ?? []) }]
  if (system) messages.unshift({ role: 'system', content: system })
  return { kind: 'chat', model, messages, ...toChatFields(body), ...toSampling(body) }
}
