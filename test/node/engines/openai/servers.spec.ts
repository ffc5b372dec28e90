import assert from 'node:assert/strict'
import { openaiEngine, type Engine } from '../../../../node/engines/index.ts'
import {
  BadRequestError,
  ContextLengthExceededError,
  EngineFailedError,
  UnsupportedParameterError
} from '../../../../protocols/errors.ts'
import { startOpenaiServer, type OpenaiServer } from '../../../support/engines/openai-server.ts'
import { chat, collect } from '../contract.ts'

const MODEL = 'tiny-server'

/** Events as `data:` lines, and `[DONE]`. */
const events = (...data: unknown[]): string => `${pieces(...data)}data: [DONE]\n\n`
const pieces = (...data: unknown[]): string => data.map((one) => `data: ${JSON.stringify(one)}\n\n`).join('')
const says = (delta: unknown, more: object = {}) => ({
  choices: [{ index: 0, delta, finish_reason: null, ...more }]
})
const HELLO = says({ role: 'assistant', content: 'hello' })
const STOP = says({}, { finish_reason: 'stop' })
const COUNTED = { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7 }
const USAGE = { choices: [], usage: COUNTED }

/** Shapes in which servers have been seen to answer “hello”, all of them whole. */
const HELLOS: [server: string, body: string, contentType?: string][] = [
  ['llama.cpp', events(says({ role: 'assistant', content: null }), HELLO, STOP, { ...USAGE, timings: {} })],
  ['llama.cpp, with an error field that is null', events({ ...HELLO, error: null }, STOP)],
  ['vLLM, usage in every event', events({ ...HELLO, usage: COUNTED }, STOP, USAGE)],
  ['vLLM, null choices', events(HELLO, STOP, { choices: null, usage: COUNTED })],
  ['a usage event without choices', events(HELLO, STOP, { usage: COUNTED })],
  ['null counts', events(HELLO, STOP, { choices: [], usage: { prompt_tokens: 5, completion_tokens: null } })],
  ['null details', events(HELLO, STOP, { ...USAGE, usage: { ...COUNTED, prompt_tokens_details: null } })],
  ['a null delta', events(HELLO, says(null, { finish_reason: 'stop' }))],
  ['no delta', events(HELLO, { choices: [{ index: 0, finish_reason: 'stop' }] })],
  ['no index', events({ choices: [{ delta: { content: 'hello' }, finish_reason: 'stop' }] })],
  ['Azure, an event of filters first', events({ choices: [], prompt_filter_results: [] }, HELLO, STOP)],
  ['TGI, eos_token', events(HELLO, says({ content: '' }, { finish_reason: 'eos_token' }))],
  ['TGI, stop_sequence', events(HELLO, says({}, { finish_reason: 'stop_sequence' }))],
  [
    'older Ollama, an empty reason until the end',
    events(says({ content: 'hello' }, { finish_reason: '' }), STOP)
  ],
  [
    'SGLang, a reason with its match',
    events(HELLO, says({}, { finish_reason: { type: 'stop', matched: 2 } }))
  ],
  ['koboldcpp, named events', `event: message\n${pieces(HELLO)}event: message\n${events(STOP)}`],
  ['no [DONE]', pieces(HELLO, STOP)],
  ['no [DONE], no blank line at the end', pieces(HELLO, STOP).trimEnd()],
  [
    'CR LF, comments, unknown fields',
    `\ufeff: hi\r\n\r\nid:1\r\n${events(HELLO, STOP).replaceAll('\n', '\r\n')}`
  ],
  [
    'OpenRouter, comments and two ends',
    `: OPENROUTER PROCESSING\n\n${events(HELLO, STOP, { ...STOP, usage: COUNTED })}`
  ],
  ['an empty event', `data: \n\n${events(HELLO, STOP)}`],
  ['Mistral, content in parts', events(says({ content: [{ type: 'text', text: 'hello' }] }), STOP)],
  [
    'a message beside the delta',
    events({ choices: [{ ...HELLO.choices[0], message: { content: 'hello' } }] }, STOP)
  ],
  ['a stream under another content type', events(HELLO, STOP), 'text/plain'],
  ['a document', whole({ content: 'hello' }), 'application/json'],
  ['a document behind blanks that keep it alive', `\n\n  ${whole({ content: 'hello' })}`, 'application/json'],
  ['a document that is called a stream', `data: ${whole({ content: 'hello' })}\n\n`],
  ['a document without a reason', whole({ content: 'hello' }, null), 'application/json']
]

/** Failures at status 200, and the words of which each must reach the user. */
const FAILURES: [server: string, body: string, words: RegExp, error: new () => Error][] = [
  [
    'LM Studio',
    `event: error\n${pieces({ error: { message: 'Model unloaded.' } })}`,
    /Model unloaded/,
    EngineFailedError
  ],
  ['LM Studio, text', 'event: error\ndata: Model unloaded.\n\n', /Model unloaded/, EngineFailedError],
  [
    'LM Studio, a prompt too long',
    `event: error\n${pieces({ error: { message: 'Trying to keep the first 5000 tokens when context the overflows. However, the model is loaded with context length of only 4096 tokens, which is not enough.' } })}`,
    /only 4096/,
    ContextLengthExceededError
  ],
  [
    'LM Studio, images',
    JSON.stringify({ error: { message: 'Vision add-on is not loaded, but images were provided' } }),
    /Vision add-on/,
    UnsupportedParameterError
  ],
  [
    'TGI',
    pieces({ error: { message: 'Input validation error: best_of must be > 0', http_status_code: 422 } }),
    /best_of/,
    BadRequestError
  ],
  [
    'TGI, flat',
    pieces({ error: 'CUDA out of memory', error_type: 'generation' }),
    /CUDA out of memory/,
    EngineFailedError
  ],
  [
    'SGLang',
    pieces({
      object: 'error',
      message: 'The input (5000 tokens) is longer than the model\u2019s context length (4096 tokens).',
      type: 'BadRequestError',
      code: 400
    }),
    /longer than/,
    ContextLengthExceededError
  ],
  ['FastAPI', JSON.stringify({ detail: 'No model is loaded' }), /No model is loaded/, EngineFailedError],
  [
    'OpenRouter',
    pieces(HELLO, { ...STOP, error: { code: 502, message: 'Provider gone' } }),
    /Provider gone/,
    EngineFailedError
  ],
  [
    'older llama.cpp',
    `${pieces(HELLO)}error: {"message":"slot is gone"}\n\n`,
    /slot is gone/,
    EngineFailedError
  ],
  [
    'llama.cpp',
    pieces(HELLO, { error: { code: 500, message: 'Context size has been exceeded.', type: 'server_error' } }),
    /Context size/,
    ContextLengthExceededError
  ],
  ['a text', pieces('Internal Server Error'), /Internal Server Error/, EngineFailedError],
  ['a page', '<html>nginx</html>', /check the URL/, EngineFailedError],
  ['nothing', '', /finish_reason/, EngineFailedError],
  ['a number', pieces(5), /no part of an answer/, EngineFailedError],
  [
    'an end by failure',
    pieces(HELLO, says({}, { finish_reason: 'error' })),
    /the reason "error"/,
    EngineFailedError
  ],
  ['half an event', `${pieces(HELLO)}data: {"choi`, /not JSON/, EngineFailedError]
]

describe('node/engines/openai, as servers answer', () => {
  let server: OpenaiServer
  let engine: Engine
  before(async () => {
    server = await startOpenaiServer()
    engine = openaiEngine({ url: server.url })
  })
  after(async () => {
    await engine.close()
    await server.close()
  })

  const ask = (body: string, contentType = 'text/event-stream') => {
    server.recorded = { body, contentType }
    return collect(engine.generate(chat(MODEL, 'Say hello.')))
  }

  for (const [name, body, contentType] of HELLOS) {
    it(`reads an answer: ${name}`, async () => {
      const { text, end } = await ask(body, contentType)
      assert.deepEqual([text, end.finishReason], ['hello', 'stop'])
      assert.ok(end.usage.promptTokens > 0 && end.usage.completionTokens > 0)
    })
  }

  for (const [name, body, words, error] of FAILURES) {
    it(`fails in the server’s own words: ${name}`, () =>
      assert.rejects(ask(body, body.startsWith('{') ? 'application/json' : undefined), (err) => {
        assert.ok(err instanceof error, String(err))
        assert.match(err.message, words)
        assert.doesNotMatch(err.message, /invalid_type|expected|"path"/)
        assert.ok(err.message.length < 500)
        return true
      }))
  }

  it('reads the context that a field of its own tells, in a text too', async () => {
    const error = {
      message: 'the request exceeds the available context size',
      type: 'exceed_context_size_error',
      n_ctx: 8192
    }
    for (const body of [{ error }, { error: JSON.stringify({ error }) }]) {
      await assert.rejects(ask(JSON.stringify(body)), {
        code: 'context_length_exceeded',
        contextLength: 8192
      })
    }
  })

  it('reads reasoning under every name', async () => {
    for (const delta of [
      { reasoning: 'hm', content: 'hello' },
      { reasoning_content: 'hm', content: 'hello' },
      { thinking: 'hm', content: 'hello' },
      {
        content: [
          { type: 'thinking', thinking: [{ type: 'text', text: 'hm' }] },
          { type: 'text', text: 'hello' }
        ]
      }
    ]) {
      const { text, reasoning } = await ask(events(says(delta), STOP))
      assert.deepEqual([text, reasoning], ['hello', 'hm'], JSON.stringify(delta))
    }
  })

  it('knows the other words for length and for filters', async () => {
    for (const [reason, expected] of [
      ['max_tokens', 'length'],
      ['MAX_TOKENS', 'length'],
      ['model_length', 'length'],
      ['content_filter', 'content_filter'],
      ['SAFETY', 'content_filter'],
      ['something_new', 'stop'],
      ['tool_calls', 'stop']
    ]) {
      const { end } = await ask(events(HELLO, says({}, { finish_reason: reason })))
      assert.equal(end.finishReason, expected, reason)
    }
  })

  it('joins a character that was cut in two', async () => {
    const half = (escaped: string) => `data: {"choices":[{"index":0,"delta":{"content":"${escaped}"}}]}\n\n`
    const { text } = await ask(half('a\\ud83d') + half('\\ude00b') + events(STOP))
    assert.equal(text, 'a\u{1f600}b')
  })

  it('reads tool calls as TGI sends them, and those of older servers', async () => {
    const call = { index: 0, id: '', type: 'function', function: { name: 'now', arguments: { zone: 'UTC' } } }
    for (const delta of [
      { tool_calls: call },
      { tool_calls: [call] },
      { function_call: { name: 'now', arguments: '{"zone":"UTC"}' } }
    ]) {
      const { toolCalls, end } = await ask(events(says(delta), STOP))
      assert.deepEqual([toolCalls[0]?.name, toolCalls[0]?.arguments], ['now', '{"zone":"UTC"}'])
      assert.equal(end.finishReason, 'tool_calls')
    }
    const { toolCalls } = await ask(whole({ content: null, tool_calls: [call] }), 'application/json')
    assert.equal(toolCalls[0]?.arguments, '{"zone":"UTC"}')
  })
})

/** An answer that was not streamed. */
function whole(message: object, finish_reason: string | null = 'stop'): string {
  return JSON.stringify({
    object: 'chat.completion',
    choices: [{ index: 0, message: { role: 'assistant', ...message }, finish_reason }],
    usage: COUNTED
  })
}
