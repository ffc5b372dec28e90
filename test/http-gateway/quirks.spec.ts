import assert from 'node:assert/strict'
import type { LightMyRequestResponse } from 'fastify'
import { testGateway, type TestGateway } from '../support/gateway/gateway.ts'

const TOKEN = 't'.repeat(43)

describe('http-gateway: what clients send besides the letter of an API', () => {
  let test: TestGateway

  beforeEach(() => {
    test = testGateway({ token: TOKEN })
  })

  const post = (url: string, body: object): Promise<LightMyRequestResponse> =>
    test.http.inject({
      url,
      method: 'POST',
      headers: { host: 'localhost' },
      payload: { model: 'tiny', ...body }
    })
  const get = (url: string): Promise<LightMyRequestResponse> =>
    test.http.inject({ url, headers: { host: 'localhost', authorization: `Bearer ${TOKEN}` } })
  const errorOf = ({ payload }: LightMyRequestResponse) =>
    (JSON.parse(payload) as { error: { type: string; message: string; param: string } }).error

  it('tells LangChain which setting makes it send text', async () => {
    for (const input of [
      [1, 2, 3],
      [[1, 2], [3]]
    ]) {
      const answer = await post('/v1/embeddings', { input })
      assert.equal(answer.statusCode, 400)
      assert.match(errorOf(answer).message, /^'input' must be text.*check_embedding_ctx_length=False/)
      assert.equal(errorOf(answer).param, 'input')
    }
    const { message } = errorOf(await post('/v1/completions', { prompt: [1, 2, 3] }))
    assert.match(message, /^'prompt' must be text/)
    assert.doesNotMatch(message, /LangChain/)
  })

  it('refuses max_tokens: -1 on /v1/messages as Anthropic does, and takes it elsewhere', async () => {
    const messages = [{ role: 'user', content: 'hi' }]
    const answer = await post('/v1/messages', { messages, max_tokens: -1 })
    assert.equal(answer.statusCode, 400)
    assert.equal(errorOf(answer).type, 'invalid_request_error')
    assert.match(errorOf(answer).message, /max_tokens.* at least 1/)
    assert.equal((await post('/v1/chat/completions', { messages, max_tokens: -1 })).statusCode, 200)
    assert.equal((await post('/api/chat', { messages, options: { num_predict: -1 } })).statusCode, 200)
  })

  it('takes penalties of any size on /api, and up to 2 on /v1', async () => {
    const messages = [{ role: 'user', content: 'hi' }]
    const penalties = { presence_penalty: -7.5, frequency_penalty: 5 }
    assert.equal((await post('/api/chat', { messages, options: penalties })).statusCode, 200)
    const asked = test.consumer.requests.at(-1)
    assert.deepEqual({ ...asked, ...penalties }, asked)
    for (const penalty of ['presence_penalty', 'frequency_penalty']) {
      const answer = await post('/v1/chat/completions', { messages, [penalty]: 2.5 })
      assert.equal(answer.statusCode, 400)
      assert.equal(errorOf(answer).param, penalty)
    }
  })

  it('says plainly what is wrong with a query', async () => {
    for (const [query, message] of [
      ['limit=many', `'limit' must be a number, not "many"`],
      ['limit=', `'limit' must be at least 1, not ""`],
      ['limit=0', `'limit' must be at least 1, not "0"`],
      ['limit=5000', `'limit' must be at most 1000, not "5000"`],
      ['limit=1.5', `'limit' must be a whole number, not "1.5"`],
      ['limit=1&limit=2', `'limit' must be given once`],
      ['before=x', `'before' must be a number, not "x"`],
      ['peer=', `'peer' must not be empty`]
    ] as const) {
      const answer = await get(`/receipts?${query}`)
      assert.equal(answer.statusCode, 400, query)
      assert.equal(errorOf(answer).message, message)
      assert.equal(errorOf(answer).param, query.split('=')[0])
    }
    assert.equal((await get('/receipts?limit=2&unknown=1')).statusCode, 200)
  })
})
