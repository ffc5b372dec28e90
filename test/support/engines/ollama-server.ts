import { createHash } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import { contentText, FakeServer, list, record, sendJson, type Exchange } from './fake-server.ts'
import {
  countWords,
  defaultScript,
  pieces,
  play,
  type FakePrompt,
  type FakeReply,
  type FakeScript
} from './script.ts'

/** A model as the fake Ollama lists and shows it. */
export interface FakeOllamaModel {
  name: string
  digest?: string
  contextLength?: number
  parameters?: number
  quantization?: string
  /** Ollama's words: completion, tools, insert, vision, embedding, thinking. */
  capabilities?: string[]
  /** Size of the weights, in bytes. */
  size?: number
  /**
   * How the template treats a last message of the assistant: it leaves it open, which is the default, or closes it; or
   * it is of Jinja, and llama.cpp's server goes on, and repeats the message first.
   */
  template?: 'opens' | 'closes' | 'echoes'
  /** Makes it one that Ollama passes on to its cloud. */
  remote?: { model: string; host: string }
  /** Its file is damaged: it is listed, and cannot be shown. */
  damaged?: boolean
}

export interface OllamaServerInit {
  models?: FakeOllamaModel[]
  script?: FakeScript
  port?: number
  version?: string
}

/** The models of a fake Ollama when nobody says otherwise. */
export const DEFAULT_MODELS: FakeOllamaModel[] = [
  { name: 'llama3.2:3b', parameters: 3_212_749_888, capabilities: ['completion', 'tools'] },
  { name: 'qwen3:8b', parameters: 8_190_735_360, capabilities: ['completion', 'tools', 'thinking'] },
  { name: 'codellama:code', parameters: 6_738_546_688, capabilities: ['completion', 'insert'] },
  { name: 'llava:7b', parameters: 7_241_732_096, capabilities: ['completion', 'vision'] },
  {
    name: 'nomic-embed-text:latest',
    contextLength: 2048,
    parameters: 136_727_040,
    capabilities: ['embedding']
  },
  {
    name: 'gpt-oss:120b-cloud',
    capabilities: ['completion', 'tools', 'thinking'],
    remote: { model: 'gpt-oss:120b', host: 'https://ollama.com:443' }
  }
]

/** Starts a server that speaks Ollama's API to the letter, its stumbles included, and answers by a script. */
export async function startOllamaServer(init: OllamaServerInit = {}): Promise<OllamaServer> {
  return new OllamaServer(init).listen(init.port)
}

export class OllamaServer extends FakeServer {
  models: FakeOllamaModel[]
  script: FakeScript
  /** Embeddings come without a count. */
  uncountedEmbeddings = false
  /** How much to think is taken, not only whether to: some versions take it from gpt-oss alone. */
  thinksByLevel = true
  readonly #version: string
  /** Times that a model was loaded, counting again after a change of its context or of `shift`, as since Ollama 0.30. */
  loads = 0
  /** Models that are loaded without shifting, which is not the default. */
  readonly #unshifted = new Set<string>()
  /** The answer of `ps`: the context that each model is loaded with. */
  readonly loaded = new Map<string, number>()

  constructor(init: OllamaServerInit) {
    super()
    this.models = init.models ?? DEFAULT_MODELS
    this.script = init.script ?? defaultScript
    this.#version = init.version ?? '0.12.10'
  }

  protected override async answer(exchange: Exchange): Promise<void> {
    const { request, response } = exchange
    const body = record(request.body)
    switch (`${request.method} ${request.path}`) {
      case 'GET /':
      case 'HEAD /':
        response.end('Ollama is running')
        return
      case 'GET /api/version':
        return sendJson(response, 200, { version: this.#version })
      case 'GET /api/tags':
        return sendJson(response, 200, { models: this.models.map(listed) })
      case 'GET /api/ps':
        return sendJson(response, 200, { models: this.#resident() })
      case 'POST /api/show':
        return this.#withModel(exchange, body, (model) =>
          model.damaged
            ? sendJson(response, 500, { error: 'invalid file magic' })
            : sendJson(response, 200, shown(model))
        )
      case 'POST /api/chat':
      case 'POST /api/generate':
        return this.#withModel(exchange, body, (model) => this.#generate(exchange, model, body))
      case 'POST /api/embed':
        return this.#withModel(exchange, body, (model) => this.#embed(response, model, body))
      default:
        response.writeHead(404, { 'content-type': 'text/plain' }).end('404 page not found')
    }
  }

  #embed(response: ServerResponse, model: FakeOllamaModel, body: Record<string, unknown>): void {
    const input = (Array.isArray(body.input) ? body.input : [body.input]).map(String)
    const size = model.contextLength ?? 4096
    if (body.truncate === false && input.some((text) => countWords(text) > size)) {
      return sendJson(response, 400, { error: 'the input length exceeds the context length' })
    }
    const dimensions = Number(body.dimensions ?? 8)
    const prompt_eval_count = input.reduce((sum, text) => sum + countWords(text), 0)
    sendJson(response, 200, {
      model: body.model,
      embeddings: input.map((text) => vectorOf(text, dimensions)),
      total_duration: 1_000_000,
      load_duration: 500_000,
      ...(this.uncountedEmbeddings ? {} : { prompt_eval_count })
    })
  }

  async #withModel(
    { response }: Exchange,
    body: Record<string, unknown>,
    work: (model: FakeOllamaModel) => Promise<void> | void
  ): Promise<void> {
    const name = String(body.model)
    const bare = name.toLowerCase().replace(/^(registry\.ollama\.ai\/)?(library\/)?/, '')
    const model = this.models.find(({ name: known }) =>
      [bare, `${bare}:latest`].includes(known.toLowerCase())
    )
    if (model === undefined) return sendJson(response, 404, { error: `model '${name}' not found` })
    await work(model)
  }

  async #generate(exchange: Exchange, model: FakeOllamaModel, body: Record<string, unknown>): Promise<void> {
    const { response, request } = exchange
    const chat = request.path === '/api/chat'
    const refused = refusal(model, body)
    if (refused !== undefined) return sendJson(response, 400, { error: refused })
    if (typeof body.think === 'string' && !this.thinksByLevel) {
      const error = `think value ${JSON.stringify(body.think)} is not supported for this model`
      return sendJson(response, 400, { error })
    }
    const options = record(body.options)
    // Never more than the model was trained for.
    const size = Math.min(Number(options.num_ctx ?? 4096), model.contextLength ?? 131_072)
    const unshifted = body.shift === false
    if (this.loaded.get(model.name) !== size || this.#unshifted.has(model.name) !== unshifted) this.loads++
    this.loaded.set(model.name, size)
    if (unshifted) this.#unshifted.add(model.name)
    else this.#unshifted.delete(model.name)
    const prompt = toPrompt(model, body, options, size)
    if (prompt.tokens >= size && body.truncate === false) {
      const error = `the request exceeds the available context size (${size} tokens), try increasing it`
      return sendJson(response, 400, { error })
    }
    const reply = continued(await this.script(prompt), model, body)
    if (reply.status !== undefined)
      return sendJson(response, reply.status.code, { error: reply.status.error })
    const answer = new OllamaAnswer(exchange, model.name, chat, body.stream !== false)
    await answer.send(reply, prompt, body.logprobs === true)
  }

  #resident(): unknown[] {
    return this.models
      .filter((model) => this.loaded.has(model.name))
      .map((model) => ({
        ...listed(model),
        expires_at: '2026-01-01T00:05:00Z',
        size_vram: 0,
        context_length: this.loaded.get(model.name)
      }))
  }
}

/** Sends one answer: as lines, the headers with the first, or whole. */
class OllamaAnswer {
  readonly #exchange: Exchange
  readonly #model: string
  readonly #chat: boolean
  readonly #stream: boolean
  #whole = { text: '', thinking: '' }

  constructor(exchange: Exchange, model: string, chat: boolean, stream: boolean) {
    this.#exchange = exchange
    this.#model = model
    this.#chat = chat
    this.#stream = stream
  }

  async send(reply: FakeReply, prompt: FakePrompt, logprobs: boolean): Promise<void> {
    const { response, signal } = this.#exchange
    for await (const step of play(reply, prompt)) {
      if (signal.aborted) return
      if (step.type === 'break') {
        this.#break(step.how)
        return
      }
      if (step.type === 'end') {
        this.#end(reply, prompt, step)
        return
      }
      this.#whole[step.type] += step.piece
      if (this.#stream) {
        const probability = { logprobs: [{ token: step.piece, logprob: -0.25, top_logprobs: [] }] }
        this.#line({ ...this.#part(step.type, step.piece), ...(logprobs ? probability : {}), done: false })
      }
    }
    response.end()
  }

  #end(reply: FakeReply, prompt: FakePrompt, step: { reason: string; completionTokens: number }): void {
    const calls = reply.toolCalls?.map((call, index) => ({
      id: `call_${String(index).padStart(8, '0')}`,
      function: { index, name: call.name, arguments: call.arguments }
    }))
    const text = this.#stream ? '' : this.#whole.text
    const thinking = this.#stream || this.#whole.thinking === '' ? {} : { thinking: this.#whole.thinking }
    this.#line({
      ...(this.#chat
        ? {
            message: {
              role: 'assistant',
              content: text,
              ...thinking,
              ...(calls ? { tool_calls: calls } : {})
            }
          }
        : { response: text, ...thinking }),
      done: true,
      done_reason: step.reason,
      total_duration: 2_000_000,
      load_duration: 1_000_000,
      // Counts of zero are left out.
      ...nonZero('prompt_eval_count', reply.promptTokens ?? prompt.tokens),
      prompt_eval_duration: 500_000,
      ...nonZero('eval_count', step.completionTokens),
      eval_duration: 500_000
    })
    this.#exchange.response.end()
  }

  #break(how: NonNullable<FakeReply['breakAt']>['how']): void {
    const { response } = this.#exchange
    const error = 'an error was encountered while running the model: CUDA error'
    switch (how) {
      case 'error':
        if (!response.headersSent) return sendJson(response, 500, { error })
        response.write(`${JSON.stringify({ error })}\n`)
        response.end()
        return
      case 'end':
        this.#headers()
        response.end()
        return
      case 'garbage':
        this.#headers()
        response.end('{"model": oops\n')
        return
      case 'reset':
        response.destroy()
    }
  }

  #part(type: 'text' | 'thinking', piece: string): Record<string, unknown> {
    const content = type === 'text' ? piece : ''
    const thinking = type === 'thinking' ? { thinking: piece } : {}
    return this.#chat
      ? { message: { role: 'assistant', content, ...thinking } }
      : { response: content, ...thinking }
  }

  #line(fields: Record<string, unknown>): void {
    this.#headers()
    const line = { model: this.#model, created_at: new Date().toISOString(), ...fields }
    this.#exchange.response.write(`${JSON.stringify(line)}\n`)
  }

  #headers(): void {
    const { response } = this.#exchange
    if (response.headersSent) return
    response.writeHead(200, {
      'content-type': this.#stream ? 'application/x-ndjson' : 'application/json; charset=utf-8'
    })
  }
}

function toPrompt(
  model: FakeOllamaModel,
  body: Record<string, unknown>,
  options: Record<string, unknown>,
  size: number
): FakePrompt {
  const messages = list(body.messages).map(record)
  const count = (): number =>
    messages.reduce((sum, message) => sum + countWords(contentText(message.content)), 0)
  // Without being told not to, Ollama drops the oldest messages but the system's without a word.
  while (body.truncate !== false && messages.length > 1 && count() >= size) {
    const oldest = messages.findIndex(({ role }) => role !== 'system')
    if (oldest < 0 || oldest === messages.length - 1) break
    messages.splice(oldest, 1)
  }
  const texts =
    messages.length > 0 ? messages.map(({ content }) => contentText(content)) : [String(body.prompt)]
  const limit = Number(options.num_predict ?? -1)
  // A script answers a question, and not what has been answered of it.
  const question = messages.at(-1)?.role === 'assistant' ? texts.slice(0, -1) : texts
  return {
    model: model.name,
    text: question.at(-1) ?? '',
    tokens: texts.reduce((sum, text) => sum + countWords(text), 0),
    maxTokens: limit < 0 ? undefined : limit,
    stop: list(options.stop).map(String),
    seed: typeof options.seed === 'number' ? options.seed : undefined,
    tools: list(body.tools).map((tool) => String(record(record(tool).function).name)),
    json: body.format !== undefined,
    thinking: model.capabilities?.includes('thinking') === true && body.think !== false
  }
}

/** Why Ollama would not run this request with this model, in its words. */
function refusal(model: FakeOllamaModel, body: Record<string, unknown>): string | undefined {
  const can = (capability: string): boolean => (model.capabilities ?? ['completion']).includes(capability)
  const full = `registry.ollama.ai/library/${model.name}`
  if (!can('completion')) return `"${model.name}" does not support ${body.messages ? 'chat' : 'generate'}`
  if (list(body.tools).length > 0 && !can('tools')) return `${full} does not support tools`
  if (Boolean(body.suffix) && !can('insert')) return `${full} does not support insert`
  if (body.think !== undefined && body.think !== false && !can('thinking')) {
    return `"${model.name}" does not support thinking`
  }
  if (body.raw === true && (body.system || body.template)) {
    return 'raw mode does not support template, system, or context'
  }
  return undefined
}

/** A vector of length 1 that depends on the text alone. */
export function vectorOf(text: string, dimensions: number): number[] {
  const bytes = createHash('sha512').update(text).digest()
  const raw = Array.from({ length: dimensions }, (_, n) => (bytes[n % bytes.length] ?? 0) - 127.5)
  const length = Math.hypot(...raw)
  return raw.map((value) => value / length)
}

function listed(model: FakeOllamaModel): Record<string, unknown> {
  return {
    name: model.name,
    model: model.name,
    ...(model.remote ? { remote_model: model.remote.model, remote_host: model.remote.host } : {}),
    modified_at: '2026-01-01T00:00:00Z',
    size: model.remote ? 384 : (model.size ?? 2_019_393_189),
    digest: digestOf(model),
    details: details(model)
  }
}

function shown(model: FakeOllamaModel): Record<string, unknown> {
  return {
    license: '',
    modelfile: `FROM ${model.name}`,
    template: TEMPLATES[model.template ?? 'opens'],
    details: details(model),
    ...(model.remote ? { remote_model: model.remote.model, remote_host: model.remote.host } : {}),
    model_info: {
      'general.architecture': 'llama',
      ...(model.parameters === undefined ? {} : { 'general.parameter_count': model.parameters }),
      'llama.context_length': model.contextLength ?? 131_072,
      'llama.embedding_length': 3072,
      'llama.block_count': 28,
      'llama.attention.head_count': 24,
      'llama.attention.head_count_kv': 8
    },
    capabilities: model.capabilities ?? ['completion'],
    modified_at: '2026-01-01T00:00:00Z'
  }
}

/** Templates in the manner of Llama 3.1's and ChatML's, and one of Jinja. */
const TEMPLATES = {
  opens: `{{- if .System }}<|start_header_id|>system<|end_header_id|>

{{ .System }}<|eot_id|>
{{- end }}
{{- range $i, $_ := .Messages }}
{{- $last := eq (len (slice $.Messages $i)) 1 }}
{{- if eq .Role "user" }}<|start_header_id|>user<|end_header_id|>

{{ .Content }}<|eot_id|>{{ if $last }}<|start_header_id|>assistant<|end_header_id|>

{{ end }}
{{- else if eq .Role "assistant" }}<|start_header_id|>assistant<|end_header_id|>

{{ .Content }}{{ if not $last }}<|eot_id|>{{ end }}
{{- end }}
{{- end }}`,
  closes: `{{- range .Messages }}<|im_start|>{{ .Role }}
{{ .Content }}<|im_end|>
{{ end }}<|im_start|>assistant
`,
  echoes: `{% for message in messages %}<|im_start|>{{ message.role }}
{{ message.content }}<|im_end|>
{% endfor %}`
}

/** The rest of an answer whose beginning is the last message; all of it if the template closes messages. */
function continued(reply: FakeReply, model: FakeOllamaModel, body: Record<string, unknown>): FakeReply {
  const last = record(list(body.messages).at(-1))
  const begun = contentText(last.content)
  if (last.role !== 'assistant' || model.template === 'closes' || reply.status !== undefined) return reply
  const text = [...pieces(reply.text)].join('')
  const rest = text.startsWith(begun) ? text.slice(begun.length) : text
  return { ...reply, thinking: [], text: model.template === 'echoes' ? [begun, ...pieces(rest)] : rest }
}

function details(model: FakeOllamaModel): Record<string, unknown> {
  return {
    parent_model: '',
    format: model.remote ? '' : 'gguf',
    family: 'llama',
    families: ['llama'],
    parameter_size: model.parameters === undefined ? '' : `${(model.parameters / 1e9).toFixed(1)}B`,
    quantization_level: model.remote ? '' : (model.quantization ?? 'Q4_K_M')
  }
}

function digestOf(model: FakeOllamaModel): string {
  return model.digest ?? createHash('sha256').update(model.name).digest('hex')
}

function nonZero(name: string, value: number): Record<string, number> {
  return value === 0 ? {} : { [name]: value }
}
