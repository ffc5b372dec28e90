import assert from 'node:assert/strict'
import type { LightMyRequestResponse } from 'fastify'
import type { AnswerEvent } from '../../protocols/inference/index.ts'
import { testGateway, type TestGateway } from '../support/gateway/gateway.ts'
import { readSse } from '../support/gateway/sse.ts'
import { ACCEPTED, END, PEER, RECEIPT, content } from '../support/gateway/stub-consumer.ts'

const SECOND = '12D3KooWSecondContributor'
const EARLIER = { payload: '{"credits":5}', signature: 'B'.repeat(86) }

describe('http-gateway: an answer that another contributor goes on with', () => {
  let test: TestGateway

  beforeEach(() => {
    test = testGateway()
    test.consumer.script = async function* () {
      yield { ...(ACCEPTED as Extract<AnswerEvent, { type: 'accepted' }>), peer: '12D3KooWBusy' }
      yield ACCEPTED
      yield content('Hel')
      yield { type: 'accepted', peer: SECOND, route: 'relayed', model: 'tiny:latest' }
      yield content('lo')
      yield { ...(END as Extract<AnswerEvent, { type: 'end' }>), earlier: [EARLIER] }
    }
  })
  afterEach(() => test.http.stop())

  const post = (url: string, extra: object = {}, headers: object = {}): Promise<LightMyRequestResponse> =>
    test.http.inject({
      method: 'POST',
      url,
      headers: { host: 'localhost', ...headers },
      payload: { model: 'tiny', messages: [{ role: 'user', content: 'hi' }], ...extra }
    })

  it('is one document that names both, with the receipts of both', async () => {
    const { headers, payload } = await post('/v1/chat/completions')
    assert.match(payload, /"content":"Hello"/)
    assert.deepEqual(
      [headers['x-lobstah-peer'], headers['x-lobstah-route']],
      [`${PEER}, ${SECOND}`, 'direct, relayed']
    )
    const receipts = String(headers['x-lobstah-receipt']).split(', ')
    assert.deepEqual(
      receipts.map((receipt): unknown => JSON.parse(Buffer.from(receipt, 'base64url').toString())),
      [EARLIER, RECEIPT]
    )
  })

  it('is one stream with one end, and the receipts of both as comments', async () => {
    const { payload } = await post('/v1/chat/completions', { stream: true })
    const { data, comments } = readSse(payload)
    assert.equal(data.filter((event) => event.includes('"finish_reason":"stop"')).length, 1)
    assert.deepEqual(
      comments
        .filter((comment) => comment.startsWith('lobstah-receipt '))
        .map((comment): unknown => JSON.parse(comment.replace('lobstah-receipt ', ''))),
      [EARLIER, RECEIPT]
    )
  })

  it("has the receipts of both in the last line of Ollama's stream", async () => {
    const { payload } = await post('/api/chat')
    const last = JSON.parse(payload.trim().split('\n').at(-1)!) as Record<string, unknown>
    assert.deepEqual([last.lobstah_earlier_receipts, last.lobstah_receipt], [[EARLIER], RECEIPT])
  })

  it('is asked for unless a header says no', async () => {
    await post('/v1/chat/completions')
    await post('/v1/chat/completions', {}, { 'x-lobstah-resume': 'off' })
    assert.deepEqual(test.consumer.resumes, [undefined, false])
  })
})
