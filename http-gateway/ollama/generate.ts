import type { FastifyReply } from 'fastify'
import { z } from 'zod'
import { BadRequestError } from '../../protocols/errors.ts'
import type { ChatRequest, CompletionRequest, GenerateRequest } from '../../protocols/inference/index.ts'
import { documentAnswer, streamAnswer } from '../answer/deliver.ts'
import type { GatewayContext } from '../context.ts'
import { calledAs, servedBy } from '../model-names.ts'
import { functionFields, onlyOfTypes, toTool, withTools } from '../openai/tools.ts'
import { route } from '../route.ts'
import { ollamaMessage, toChatMessages, toUserContent } from './chat-messages.ts'
import { generation, image, toChatFields, toSampling } from './fields.ts'
import { JSON_LINES } from '../answer/stream-kind.ts'
import { AnswerLines, chatFields, generateFields, loadDocument, type PieceFields } from './lines.ts'

const tool = onlyOfTypes(['function'], z.object({ type: z.literal('function'), function: functionFields }))

const chatBody = z.object({
  ...generation,
  messages: z
    .array(ollamaMessage)
    .nullish()
    .transform((messages) => messages ?? []),
  tools: z.array(tool).nullish()
})

const generateBody = z.object({
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

/** Ollama's `POST /api/chat`. */
export const chat = route({
  method: 'POST',
  path: '/api/chat',
  summary: 'Chat; streamed by default',
  body: chatBody,
  stream: JSON_LINES.contentType,
  handle(context, { body, reply }) {
    // How Ollama's clients have a model loaded, or let go: no work for anybody.
    if (body.messages.length === 0) return load(context, body, chatFields)
    return answer(context, reply, body, toChat(body), chatFields)
  }
})

/** Ollama's `POST /api/generate`. */
export const generate = route({
  method: 'POST',
  path: '/api/generate',
  summary: 'Complete a prompt; streamed by default',
  body: generateBody,
  stream: JSON_LINES.contentType,
  handle(context, { body, reply }) {
    if (body.prompt === '' && !body.suffix) return load(context, body, generateFields)
    return answer(context, reply, body, toGenerate(body), generateFields)
  }
})

function answer(
  context: GatewayContext,
  reply: FastifyReply,
  { model, stream }: { model: string; stream?: boolean | null | undefined },
  request: GenerateRequest,
  fields: PieceFields
): Promise<FastifyReply> {
  if (stream === false) return documentAnswer(context, reply, [request], new AnswerLines(model, fields))
  return streamAnswer(context, reply, [request], (served) => new AnswerLines(calledAs(model, served), fields))
}

function load(
  { components }: GatewayContext,
  { model, keep_alive: keepAlive }: LoadBody,
  fields: PieceFields
): object {
  servedBy(components.consumer, model)
  return loadDocument(model, keepAlive, fields)
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
    if (toChatFields(body).response_format !== undefined) {
      const param = 'format'
      throw new BadRequestError('format goes with neither raw nor suffix: leave them out', { param })
    }
    const completion: CompletionRequest = { kind: 'completion', model, prompt, ...toSampling(body) }
    return suffix ? { ...completion, suffix } : completion
  }
  const messages: ChatRequest['messages'] = [{ role: 'user', content: toUserContent(prompt, images ?? []) }]
  if (system) messages.unshift({ role: 'system', content: system })
  return { kind: 'chat', model, messages, ...toChatFields(body), ...toSampling(body) }
}
