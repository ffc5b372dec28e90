import assert from 'node:assert/strict'
import type { EngineEvent } from '../../node/engines/engine.ts'
import { RECEIPT, open, type InferenceRequest } from '../../protocols/index.ts'
import { MeshGateway } from '../support/gateway/mesh-gateway.ts'
import { collect, textOf } from '../support/mesh.ts'
import { SCRIPTED_MODEL, ScriptedEngine } from '../support/scripted-engine.ts'

const LENGTH = 3 * 1024 * 1024
const TOKENS = 700

/** More than three frames hold, with characters of one, two and three bytes and of two halves, and escapes. */
const TEXT = 'lobster é 龍 🦞 "quoted" \\ \n\u0001'.repeat(LENGTH / 32)
const ARGUMENTS = { text: TEXT }
const PARAMETERS = { type: 'object', properties: { text: { type: 'string' } } }

/** Everything in one piece, as engines give what they do not stream. */
async function* whole(): AsyncGenerator<EngineEvent> {
  const call = { index: 0, id: 'call_1', name: 'write', arguments: JSON.stringify(ARGUMENTS) }
  yield { type: 'delta', delta: { content: TEXT, reasoning: TEXT, toolCalls: [call], tokens: TOKENS } }
  yield { type: 'end', finishReason: 'tool_calls', usage: { promptTokens: 7, completionTokens: TOKENS } }
}

interface Answer {
  text: string
  reasoning: string
  arguments: unknown
}

const parse = (text: string): unknown => JSON.parse(text) as unknown
const user = [{ role: 'user', content: 'Hi' }]
const chatTool = { type: 'function', function: { name: 'write', parameters: PARAMETERS } }
const model = SCRIPTED_MODEL.id

/* eslint-disable @typescript-eslint/no-explicit-any, @typescript-eslint/no-unsafe-argument -- documents of four vendors */
/* eslint-disable @typescript-eslint/no-unsafe-assignment, @typescript-eslint/no-unsafe-call, @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-return */

/** How each surface is asked, and where its answers have their parts. */
const SURFACES: Record<
  string,
  { path: string; body: object; read: (whole: any) => Answer; put: (events: any[]) => Answer }
> = {
  'chat completions': {
    path: '/v1/chat/completions',
    body: { model, messages: user, tools: [chatTool] },
    read: ({ choices: [{ message }] }) => ({
      text: message.content,
      reasoning: message.reasoning_content,
      arguments: parse(message.tool_calls[0].function.arguments)
    }),
    put: (events) => {
      const deltas = events.flatMap(({ choices }) => choices).map(({ delta }) => delta)
      return {
        text: deltas.map(({ content }) => content ?? '').join(''),
        reasoning: deltas.map(({ reasoning_content: text }) => text ?? '').join(''),
        arguments: parse(deltas.map((delta) => delta.tool_calls?.[0]?.function?.arguments ?? '').join(''))
      }
    }
  },
  responses: {
    path: '/v1/responses',
    body: { model, input: 'Hi', tools: [{ type: 'function', ...chatTool.function }] },
    read: ({ output }) => readOutput(output),
    put: (events) => {
      const all = (type: string): string =>
        events
          .filter((event) => event.type === type)
          .map(({ delta }) => delta)
          .join('')
      const streamed = {
        text: all('response.output_text.delta'),
        reasoning: all('response.reasoning_text.delta') || all('response.reasoning_summary_text.delta'),
        arguments: parse(all('response.function_call_arguments.delta'))
      }
      assert.deepEqual(readOutput(events.at(-1).response.output), streamed)
      return streamed
    }
  },
  messages: {
    path: '/v1/messages',
    body: {
      model,
      max_tokens: 100_000,
      messages: user,
      thinking: { type: 'enabled', budget_tokens: 1024 },
      tools: [{ name: 'write', input_schema: PARAMETERS }]
    },
    read: ({ content }) => ({
      text: content.find(({ type }: any) => type === 'text').text,
      reasoning: content.find(({ type }: any) => type === 'thinking').thinking,
      arguments: content.find(({ type }: any) => type === 'tool_use').input
    }),
    put: (events) => {
      const deltas = events.map(({ delta }) => delta ?? {})
      return {
        text: deltas.map(({ text }) => text ?? '').join(''),
        reasoning: deltas.map(({ thinking }) => thinking ?? '').join(''),
        arguments: parse(deltas.map(({ partial_json: json }) => json ?? '').join(''))
      }
    }
  },
  'Ollama’s chat': {
    path: '/api/chat',
    body: { model, messages: user, think: true, tools: [chatTool] },
    read: ({ message }) => ({
      text: message.content,
      reasoning: message.thinking,
      arguments: message.tool_calls[0].function.arguments
    }),
    put: (lines) => ({
      text: lines.map(({ message }) => message?.content ?? '').join(''),
      reasoning: lines.map(({ message }) => message?.thinking ?? '').join(''),
      arguments: lines.flatMap(({ message }) => message?.tool_calls ?? [])[0].function.arguments
    })
  }
}

function readOutput(output: any[]): Answer {
  const item = (wanted: string): any => output.find(({ type }) => type === wanted)
  const { content = [], summary = [] } = item('reasoning')
  return {
    text: item('message').content[0].text,
    reasoning: (content[0] ?? summary[0]).text,
    arguments: parse(item('function_call').arguments)
  }
}

function eventsOf(text: string): any[] {
  const lines = text.split('\n').filter((line) => line.startsWith('{') || line.startsWith('data: {'))
  return lines.map((line) => parse(line.replace(/^data: /, '')))
}
/* eslint-enable */

describe('an answer of 9 MiB in one piece, through the mesh', function () {
  this.timeout(60_000)
  let gateway: MeshGateway

  before(async () => {
    const capabilities = ['chat' as const, 'tools' as const, 'thinking' as const]
    gateway = await MeshGateway.start(
      new ScriptedEngine(whole, [{ ...SCRIPTED_MODEL, contextLength: 131_072, capabilities }])
    )
  })
  after(() => gateway.stop())

  for (const [name, { path, body, read, put }] of Object.entries(SURFACES)) {
    for (const stream of [false, true]) {
      it(`arrives whole by ${name}, ${stream ? 'streamed' : 'at once'}`, async () => {
        const response = await fetch(`${gateway.http.url}${path}`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ ...body, stream })
        })
        const text = await response.text()
        assert.equal(response.status, 200, text.slice(0, 500))
        const answer = stream ? put(eventsOf(text)) : read(JSON.parse(text))
        // A failed comparison would print 9 MiB.
        assert.ok(answer.text === TEXT, `${answer.text.length} characters of text`)
        assert.ok(answer.reasoning === TEXT, `${answer.reasoning.length} characters of reasoning`)
        assert.ok((answer.arguments as typeof ARGUMENTS).text === TEXT, 'the arguments differ')
      })
    }
  }

  it('is billed by what the engine counted, and covered by its receipts to the last frame', async () => {
    const consumer = gateway.mesh.nodes.at(-1)
    const request: InferenceRequest = { kind: 'chat', model, messages: [{ role: 'user', content: 'Hi' }] }
    const events = await collect(consumer!.consumer.infer(request))
    const deltas = events.filter(({ type }) => type === 'delta')
    assert.ok(textOf(events) === TEXT)
    const end = events.at(-1)
    assert.ok(end?.type === 'end' && end.receipt)
    const receipt = await open(RECEIPT, end.receipt)
    assert.deepEqual([receipt.completionTokens, receipt.deltas], [TOKENS, deltas.length])
    assert.ok(receipt.seq > 0, 'one receipt more at least comes in the middle')
    const told = deltas.reduce(
      (sum, event) => sum + (event.type === 'delta' ? (event.delta.tokens ?? 1) : 0),
      0
    )
    assert.equal(told, TOKENS)
  })
})
