import { contentText, FakeServer, list, record, sendJson, type Exchange } from './fake-server.ts'
import { vectorOf } from './ollama-server.ts'
import {
  countWords,
  defaultScript,
  play,
  type FakePrompt,
  type FakeReply,
  type FakeScript
} from './script.ts'

export interface OpenaiServerInit {
  /** Entries of `/v1/models`; each needs an `id`. */
  models?: Record<string, unknown>[]
  /** The answer of `/props`, as llama.cpp's server gives it; 404 if absent. */
  props?: Record<string, unknown>
  script?: FakeScript
  /** Required as a bearer token when given. */
  apiKey?: string
  port?: number
}

/** How a fake server leaves out what others send. */
export interface OpenaiQuirks {
  /** No `[DONE]` at the end. */
  withoutDone?: boolean
  /** The body goes on after the `[DONE]`, without a word. */
  withoutEnd?: boolean
  /** No finish_reason in any chunk. */
  withoutFinishReason?: boolean
  /** No usage, whatever was asked. */
  withoutUsage?: boolean
  /** Embeddings have no tokens. */
  uncountedEmbeddings?: boolean
  /** The name of the reasoning's field. */
  reasoningField?: 'reasoning_content' | 'reasoning'
}

/** The models of a fake server when nobody says otherwise: llama.cpp's entry, and one that embeds. */
export const DEFAULT_MODELS: Record<string, unknown>[] = [
  {
    id: 'tiny-server',
    object: 'model',
    owned_by: 'llamacpp',
    meta: { vocab_type: 1, n_vocab: 512, n_ctx_train: 131_072, n_embd: 128, n_params: 656_256, size: 700_000 }
  },
  { id: 'tiny-embed', object: 'model', owned_by: 'llamacpp', meta: { n_ctx_train: 512, n_params: 1000 } }
]

/** Starts a server that speaks the OpenAI API as llama.cpp's does, and answers by a script. */
export async function startOpenaiServer(init: OpenaiServerInit = {}): Promise<OpenaiServer> {
  return new OpenaiServer(init).listen(init.port)
}

export class OpenaiServer extends FakeServer {
  models: Record<string, unknown>[]
  props: Record<string, unknown> | undefined
  script: FakeScript
  quirks: OpenaiQuirks = {}
  /** Sent as it stands to whoever asks for an answer, in place of what the script says. */
  recorded: { body: string; contentType?: string; status?: number } | undefined
  /** Answered to whoever asks for vectors, in place of any. */
  embedded: unknown
  /** Which slots work, as `/slots` tells; 404 without, no answer at all where it is silent. */
  slots: boolean[] | 'silent' | undefined
  readonly #apiKey: string | undefined

  constructor(init: OpenaiServerInit) {
    super()
    this.models = init.models ?? DEFAULT_MODELS
    this.props = init.props
    this.script = init.script ?? defaultScript
    this.#apiKey = init.apiKey
  }

  protected override async answer(exchange: Exchange): Promise<void> {
    const { request, response } = exchange
    if (this.#apiKey !== undefined && request.headers.authorization !== `Bearer ${this.#apiKey}`) {
      return sendError(response, 401, 'Invalid API Key', 'authentication_error')
    }
    const body = record(request.body)
    switch (`${request.method} ${request.path}`) {
      case 'GET /health':
        return sendJson(response, 200, { status: 'ok' })
      case 'GET /v1/models':
        return sendJson(response, 200, { object: 'list', data: this.models })
      case 'GET /props':
        return this.props === undefined
          ? sendError(response, 404, 'File Not Found', 'not_found_error')
          : sendJson(response, 200, this.props)
      case 'GET /slots':
        if (this.slots === 'silent') return
        return this.slots === undefined
          ? sendError(response, 501, 'This server does not support slots endpoint.', 'not_supported_error')
          : sendJson(
              response,
              200,
              this.slots.map((is_processing, id) => ({ id, is_processing }))
            )
      case 'POST /v1/chat/completions':
      case 'POST /v1/completions':
        return this.#generate(exchange, body)
      case 'POST /v1/embeddings':
        return this.embedded === undefined
          ? embed(exchange, body, this.quirks)
          : sendJson(response, 200, this.embedded)
      default:
        return sendError(response, 404, 'File Not Found', 'not_found_error')
    }
  }

  async #generate(exchange: Exchange, body: Record<string, unknown>): Promise<void> {
    const { response, request } = exchange
    if (this.recorded !== undefined) {
      const { body, contentType = 'text/event-stream', status = 200 } = this.recorded
      response.writeHead(status, { 'content-type': contentType })
      response.end(body)
      return
    }
    const prompt = toPrompt(body)
    const size = Number(record(this.props?.default_generation_settings).n_ctx ?? 131_072)
    if (prompt.tokens >= size) {
      const message = `the request exceeds the available context size (${size} tokens), try increasing it`
      return sendError(response, 400, message, 'exceed_context_size_error')
    }
    const reply = await this.script(prompt)
    if (reply.status !== undefined) {
      return sendError(response, reply.status.code, reply.status.error, 'server_error')
    }
    const answer = new OpenaiAnswer(
      exchange,
      prompt,
      request.path === '/v1/chat/completions',
      this.quirks,
      body
    )
    await answer.send(reply)
  }
}

/** Sends one answer as server-sent events. */
class OpenaiAnswer {
  readonly #exchange: Exchange
  readonly #prompt: FakePrompt
  readonly #chat: boolean
  readonly #quirks: OpenaiQuirks
  readonly #logprobs: boolean
  readonly #usage: boolean

  constructor(
    exchange: Exchange,
    prompt: FakePrompt,
    chat: boolean,
    quirks: OpenaiQuirks,
    body: Record<string, unknown>
  ) {
    this.#exchange = exchange
    this.#prompt = prompt
    this.#chat = chat
    this.#quirks = quirks
    this.#logprobs = body.logprobs === true
    this.#usage = record(body.stream_options).include_usage === true && quirks.withoutUsage !== true
  }

  async send(reply: FakeReply): Promise<void> {
    const { response, signal } = this.#exchange
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(': ping\n\n')
    if (this.#chat) this.#choice({ delta: { role: 'assistant', content: null } })
    for await (const step of play(reply, this.#prompt)) {
      if (signal.aborted) return
      switch (step.type) {
        case 'break':
          this.#break(step.how)
          return
        case 'end':
          this.#end(reply, step)
          return
        case 'text':
          this.#choice(
            this.#chat
              ? {
                  delta: { content: step.piece },
                  ...(this.#logprobs ? { logprobs: probability(step.piece) } : {})
                }
              : { text: step.piece }
          )
          break
        case 'thinking':
          this.#choice({ delta: { [this.#quirks.reasoningField ?? 'reasoning_content']: step.piece } })
      }
    }
  }

  #end(reply: FakeReply, step: { reason: string; completionTokens: number }): void {
    const { response } = this.#exchange
    for (const [index, call] of (reply.toolCalls ?? []).entries()) {
      const id = `call_${String(index)}`
      const named = { index, id, type: 'function', function: { name: call.name, arguments: '' } }
      this.#choice({ delta: { tool_calls: [named] } })
      for (const piece of JSON.stringify(call.arguments).match(/.{1,8}/g) ?? []) {
        this.#choice({ delta: { tool_calls: [{ index, function: { arguments: piece } }] } })
      }
    }
    if (this.#quirks.withoutFinishReason !== true) {
      const reason = reply.toolCalls && step.reason === 'stop' ? 'tool_calls' : step.reason
      this.#choice({ ...(this.#chat ? { delta: {} } : { text: '' }), finish_reason: reason })
    }
    if (this.#usage) {
      const prompt_tokens = reply.promptTokens ?? this.#prompt.tokens
      const completion_tokens = step.completionTokens
      const total_tokens = prompt_tokens + completion_tokens
      this.#event({ choices: [], usage: { prompt_tokens, completion_tokens, total_tokens } })
    }
    response.write(': ping\n\n')
    if (this.#quirks.withoutDone !== true) response.write('data: [DONE]\n\n')
    if (this.#quirks.withoutEnd !== true) response.end()
  }

  #break(how: NonNullable<FakeReply['breakAt']>['how']): void {
    const { response } = this.#exchange
    switch (how) {
      case 'error':
        this.#event({ error: { code: 500, message: 'the slot is gone', type: 'server_error' } })
        response.end()
        return
      case 'end':
        response.end()
        return
      case 'garbage':
        response.end('data: {oops\n\n')
        return
      case 'reset':
        response.destroy()
    }
  }

  #choice(fields: Record<string, unknown>): void {
    this.#event({ choices: [{ index: 0, finish_reason: null, ...fields }] })
  }

  #event(fields: Record<string, unknown>): void {
    const object = this.#chat ? 'chat.completion.chunk' : 'text_completion'
    const event = { id: 'chatcmpl-1', object, created: 1_767_225_600, model: this.#prompt.model, ...fields }
    this.#exchange.response.write(`data: ${JSON.stringify(event)}\n\n`)
  }
}

function toPrompt(body: Record<string, unknown>): FakePrompt {
  const messages = list(body.messages).map(record)
  const texts =
    messages.length > 0 ? messages.map(({ content }) => contentText(content)) : [String(body.prompt)]
  return {
    model: String(body.model),
    text: texts.at(-1) ?? '',
    tokens: texts.reduce((sum, text) => sum + countWords(text), 0),
    maxTokens: typeof body.max_tokens === 'number' ? body.max_tokens : undefined,
    stop: list(body.stop).map(String),
    seed: typeof body.seed === 'number' ? body.seed : undefined,
    tools: list(body.tools).map((tool) => String(record(record(tool).function).name)),
    json: ['json_object', 'json_schema'].includes(String(record(body.response_format).type)),
    thinking: false
  }
}

function probability(token: string): Record<string, unknown> {
  return { content: [{ token, logprob: -0.25, bytes: null, top_logprobs: [{ token, logprob: -0.25 }] }] }
}

function embed({ response }: Exchange, body: Record<string, unknown>, quirks: OpenaiQuirks): void {
  const input = (Array.isArray(body.input) ? body.input : [body.input]).map(String)
  const dimensions = Number(body.dimensions ?? 8)
  const counted = input.reduce((sum, text) => sum + countWords(text), 0)
  const prompt_tokens = quirks.uncountedEmbeddings === true ? 0 : counted
  sendJson(response, 200, {
    object: 'list',
    model: body.model,
    // Out of order, as the API allows.
    data: input
      .map((text, index) => ({ object: 'embedding', index, embedding: vectorOf(text, dimensions) }))
      .reverse(),
    usage: { prompt_tokens, total_tokens: prompt_tokens }
  })
}

function sendError(response: Exchange['response'], code: number, message: string, type: string): void {
  sendJson(response, code, { error: { code, message, type } })
}
