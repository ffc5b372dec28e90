import assert from 'node:assert/strict'
import { ContextLengthExceededError } from '../../protocols/errors.ts'
import { testGateway, type TestGateway } from '../support/gateway/gateway.ts'

const messages = [{ role: 'user', content: 'hi' }]
const ZODS_WORDS = /invalid input|received|unrecognized key|expected|too (big|small)|zod|undefined|\[object/i

/** Bodies with one fault each, and the field at fault as the client named it. */
const FAULTS: [url: string, body: Record<string, unknown>, param: string][] = [
  ['/v1/chat/completions', { messages, temperature: 'hot' }, 'temperature'],
  ['/v1/chat/completions', { messages, temperature: 3 }, 'temperature'],
  ['/v1/chat/completions', { messages, top_p: -1 }, 'top_p'],
  ['/v1/chat/completions', { messages, max_tokens: 1.5 }, 'max_tokens'],
  ['/v1/chat/completions', { messages, max_completion_tokens: 'many' }, 'max_completion_tokens'],
  ['/v1/chat/completions', { messages, n: 0 }, 'n'],
  ['/v1/chat/completions', { messages, stream: 'yes' }, 'stream'],
  ['/v1/chat/completions', { messages, stop: {} }, 'stop'],
  ['/v1/chat/completions', { messages, logit_bias: [] }, 'logit_bias'],
  ['/v1/chat/completions', { messages, reasoning_effort: 'vast' }, 'reasoning_effort'],
  ['/v1/chat/completions', { messages, tools: {} }, 'tools'],
  ['/v1/chat/completions', { messages, function_call: 5 }, 'function_call'],
  ['/v1/chat/completions', { messages, response_format: 'json' }, 'response_format'],
  ['/v1/chat/completions', { messages: [] }, 'messages'],
  ['/v1/chat/completions', { messages: 'hi' }, 'messages'],
  ['/v1/chat/completions', {}, 'messages'],
  ['/v1/chat/completions', { messages: [{ role: 'nobody', content: 'x' }] }, 'messages[0].role'],
  ['/v1/chat/completions', { messages: [{ role: 'user', content: 5 }] }, 'messages[0].content'],
  ['/v1/completions', { prompt: {} }, 'prompt'],
  ['/v1/completions', { prompt: 'x', max_tokens: true }, 'max_tokens'],
  ['/v1/responses', { input: 5 }, 'input'],
  ['/v1/responses', { input: 'x', max_output_tokens: '9' }, 'max_output_tokens'],
  ['/v1/responses', { input: 'x', reasoning: { effort: 7 } }, 'reasoning.effort'],
  ['/v1/embeddings', { input: {} }, 'input'],
  ['/v1/messages', { messages, max_tokens: 'x' }, 'max_tokens'],
  ['/v1/messages', { messages: 7, max_tokens: 9 }, 'messages'],
  ['/api/chat', { messages: 'x' }, 'messages'],
  ['/api/chat', { messages, options: { num_predict: 'x' } }, 'options.num_predict'],
  ['/api/generate', { prompt: 5 }, 'prompt'],
  ['/api/generate', { prompt: 'x', think: 'hard' }, 'think'],
  ['/api/generate', { prompt: 'x', options: { temperature: 'x' } }, 'options.temperature'],
  ['/api/embed', { input: { a: 1 } }, 'input']
]

describe('http-gateway/invalid-values', () => {
  let test: TestGateway

  beforeEach(() => {
    test = testGateway()
  })

  afterEach(() => test.http.stop())

  const post = (
    url: string,
    payload: unknown
  ): Promise<{ statusCode: number; payload: string; json(): unknown }> =>
    test.http.inject({
      method: 'POST',
      url,
      headers: { host: 'localhost', 'content-type': 'application/json' },
      payload: JSON.stringify(payload)
    })

  for (const [url, body, param] of FAULTS) {
    it(`${url} says what ${param} must be: ${JSON.stringify(body).slice(0, 80)}`, async () => {
      const answer = await post(url, { model: 'tiny', ...body })
      assert.equal(answer.statusCode, 400, answer.payload)
      const { error } = answer.json() as { error: string | { message: string; param: string } }
      const message = typeof error === 'string' ? error : error.message
      assert.ok(message.includes(`'${param}'`), message)
      assert.doesNotMatch(message, ZODS_WORDS)
      if (typeof error !== 'string') assert.equal(error.param, param)
    })
  }

  it('says the bound and the value', async () => {
    const answer = await post('/v1/chat/completions', { model: 'tiny', messages, temperature: 3 })
    assert.match(answer.payload, /'temperature' must be at most 2, not 3/)
  })

  for (const [url, body, param] of [
    ['/v1/responses', { input: 'hi' }, 'input'],
    ['/v1/completions', { prompt: 'hi' }, 'prompt'],
    ['/v1/chat/completions', { messages }, 'messages']
  ] as const) {
    it(`${url} names ${param} when the mesh refuses the messages`, async () => {
      test.consumer.script = () => {
        throw new ContextLengthExceededError()
      }
      const answer = await post(url, { model: 'tiny', ...body })
      assert.equal((answer.json() as { error: { param: string } }).error.param, param, answer.payload)
    })
  }
})
