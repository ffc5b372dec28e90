import type {
  ChatRequest as OllamaChat,
  GenerateRequest as OllamaGenerate,
  Message,
  Options
} from 'ollama/browser'
import { BadRequestError, UnsupportedParameterError } from '../../../protocols/errors.ts'
import type {
  Capability,
  ChatMessage,
  ChatRequest,
  CompletionRequest,
  GenerateRequest
} from '../../../protocols/inference/index.ts'
import { estimateTokens, imageData, imagesOf, textOf } from '../prompt.ts'
import { argumentsObject } from '../tool-arguments.ts'
import type { OllamaModel } from './models.ts'

/**
 * The same for every request: otherwise Ollama silently drops old messages. `shift` is never sent: since Ollama 0.30 a
 * model is loaded with it or without it, and a request that differs from the owner's would load the model again.
 */
const PINNED = { stream: true, truncate: false } as const

type WireMessage = Message & { tool_call_id?: string }

/** A chat that is answered as a stream. */
export type OllamaStreamedChat = OllamaChat & { stream: true }

/** A chat in the terms of `/api/chat`. Throws UnsupportedParameterError for what the API or the model lacks. */
export function toOllamaChat(request: ChatRequest, model: OllamaModel): OllamaStreamedChat {
  refuseUnsupported(request)
  const tools = request.tool_choice === 'none' ? undefined : request.tools
  if (tools !== undefined) require(model, 'tools', 'tools')
  if (request.continue_final_message === true) {
    require(model, 'continue', 'continue_final_message')
    checkFinalMessage(request)
  }
  if (request.messages.some((message) => imagesOf(message).length > 0)) require(model, 'vision', 'messages')
  return {
    ...PINNED,
    model: model.id,
    messages: toMessages(request.messages),
    ...(tools === undefined ? {} : { tools: tools.map(toTool) }),
    ...thinking(request.reasoning_effort, model),
    ...format(request.response_format),
    ...logprobs(request),
    options: toOptions(request, model)
  }
}

/** A completion in the terms of `/api/generate`: raw, but where a suffix needs the model's template. */
export function toOllamaGenerate(
  request: CompletionRequest,
  model: OllamaModel
): OllamaGenerate & { stream: true } {
  refuseUnsupported(request)
  // Ollama takes an empty prompt as an order to load the model, and answers nothing.
  if (request.prompt === '') throw new BadRequestError('The prompt is empty', { param: 'prompt' })
  if (request.suffix) require(model, 'suffix', 'suffix')
  return {
    ...PINNED,
    model: model.id,
    prompt: request.prompt,
    // Ollama drops the suffix of a raw prompt.
    ...(request.suffix ? { suffix: request.suffix } : { raw: true }),
    think: false,
    ...logprobs(request),
    options: toOptions(request, model)
  }
}

function require(model: OllamaModel, capability: Capability, param: string): void {
  if (!model.capabilities.includes(capability)) {
    throw new UnsupportedParameterError(`The model ${model.id} does not support ${capability}`, { param })
  }
}

/** A message without text, or with calls of tools, is closed by every template. */
function checkFinalMessage({ messages }: ChatRequest): void {
  const last = messages.at(-1)
  if (last?.role === 'assistant' && textOf(last) !== '' && !last.tool_calls?.length) return
  throw new BadRequestError(
    'continue_final_message needs a last message of the assistant that has text and calls no tool',
    { param: 'messages' }
  )
}

function refuseUnsupported(request: GenerateRequest): void {
  if (request.logit_bias !== undefined && Object.keys(request.logit_bias).length > 0) refuse('logit_bias')
  if (request.kind === 'completion') return
  const choice = request.tool_choice ?? 'auto'
  if (choice !== 'auto' && choice !== 'none') refuse('tool_choice')
}

function refuse(param: string): never {
  throw new UnsupportedParameterError(`Ollama does not support ${param}`, { param })
}

function toMessages(messages: ChatMessage[]): WireMessage[] {
  const names = new Map<string, string>()
  return messages.map((message): WireMessage => {
    const content = textOf(message)
    switch (message.role) {
      case 'system':
        return { role: 'system', content }
      case 'user': {
        const images = imagesOf(message).map(imageData)
        return { role: 'user', content, ...(images.length > 0 ? { images } : {}) }
      }
      case 'tool': {
        const name = names.get(message.tool_call_id)
        return {
          role: 'tool',
          content,
          tool_call_id: message.tool_call_id,
          ...(name === undefined ? {} : { tool_name: name })
        }
      }
      case 'assistant': {
        const calls = message.tool_calls?.map((call) => {
          names.set(call.id, call.function.name)
          return {
            id: call.id,
            function: { name: call.function.name, arguments: argumentsObject(call.function.arguments) }
          }
        })
        return {
          role: 'assistant',
          content,
          ...(message.reasoning_content ? { thinking: message.reasoning_content } : {}),
          ...(calls === undefined ? {} : { tool_calls: calls })
        }
      }
    }
  })
}

function toTool(tool: NonNullable<ChatRequest['tools']>[number]): NonNullable<OllamaChat['tools']>[number] {
  const { name, description, parameters } = tool.function
  return {
    type: 'function',
    function: {
      name,
      ...(description === undefined ? {} : { description }),
      parameters: { type: 'object', properties: {}, ...parameters }
    }
  }
}

/** Models that think do so unless told otherwise; for the others the wish has no meaning. */
function thinking(effort: ChatRequest['reasoning_effort'], model: OllamaModel): Pick<OllamaChat, 'think'> {
  if (effort === undefined || !model.capabilities.includes('thinking')) return {}
  switch (effort) {
    case 'none':
      return { think: false }
    case 'minimal':
      return { think: 'low' }
    case 'xhigh':
      return { think: 'high' }
    default:
      return { think: effort }
  }
}

function format(wanted: ChatRequest['response_format']): Pick<OllamaChat, 'format'> {
  if (wanted === undefined || wanted.type === 'text') return {}
  return { format: wanted.type === 'json_object' ? 'json' : wanted.json_schema.schema }
}

function logprobs(request: GenerateRequest): Pick<OllamaChat, 'logprobs' | 'top_logprobs'> {
  return request.top_logprobs === undefined ? {} : { logprobs: true, top_logprobs: request.top_logprobs }
}

/** Tokens that an answer may have. A context that overflows is shifted: its beginning would be dropped silently. */
function roomFor(request: GenerateRequest, { contextLength }: OllamaModel): number {
  const room = Math.max(1, contextLength - estimateTokens(request))
  return Math.min(request.max_tokens ?? room, room)
}

function toOptions(request: GenerateRequest, model: OllamaModel): Partial<Options> {
  const { temperature, top_p, top_k, min_p, seed, stop, presence_penalty, frequency_penalty } = request
  const wanted = {
    temperature,
    top_p,
    top_k,
    min_p,
    seed,
    stop,
    presence_penalty,
    frequency_penalty
  }
  const given = Object.entries(wanted).filter(([, value]) => value !== undefined)
  return {
    num_ctx: model.contextLength,
    num_predict: roomFor(request, model),
    ...Object.fromEntries(given)
  }
}
