import assert from 'node:assert/strict'
import { once } from 'node:events'
import { get as httpGet, type IncomingMessage } from 'node:http'
import type { DashboardState } from '../../../http-gateway/dashboard/state.ts'
import { ACCEPTED, aborted, content } from '../../support/gateway/stub-consumer.ts'
import { testGateway, type TestGateway } from '../../support/gateway/gateway.ts'
import { readSse } from '../../support/gateway/sse.ts'
import { until } from '../../support/mesh.ts'

const TOKEN = 't'.repeat(43)

describe('http-gateway/dashboard/live-routes', () => {
  let test: TestGateway
  const open: IncomingMessage[] = []

  beforeEach(async () => {
    test = testGateway({ token: TOKEN })
    await test.http.start()
  })
  afterEach(async () => {
    for (const response of open.splice(0)) response.destroy()
    await test.http.stop()
  })

  const follow = async (): Promise<IncomingMessage> => {
    const request = httpGet(`${test.http.url}/lobstah/events`)
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    response.on('error', () => undefined)
    open.push(response)
    return response
  }

  /** The first state for which something holds. */
  const stateWhere = async (holds: (state: DashboardState) => boolean): Promise<DashboardState> => {
    const response = await follow()
    let text = ''
    for await (const chunk of response) {
      text += String(chunk)
      const states = readSse(text).data.map((data) => JSON.parse(data) as DashboardState)
      const found = states.find(holds)
      if (found !== undefined) return found
    }
    assert.fail('the stream ended')
  }

  const post = (path: string, body: object, token?: string): Promise<Response> =>
    fetch(test.http.url + path, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` })
      },
      body: JSON.stringify(body)
    })

  const asks = (): Promise<Response> =>
    post('/v1/chat/completions', { model: 'tiny', messages: [{ role: 'user', content: 'secret words' }] })

  it('tells the state of the node, requests included, and nothing of what is asked', async () => {
    test.consumer.script = async function* (_request, signal) {
      yield ACCEPTED
      yield content('secret')
      await aborted(signal)
    }
    const answer = asks()
    const state = await stateWhere(({ asked }) => asked[0]?.phase === 'generating')
    assert.equal(state.node.peer, '12D3KooWSelf')
    assert.equal(state.asked[0]?.model, 'tiny')
    assert.doesNotMatch(JSON.stringify(state), /secret/)
    const { id } = state.asked[0]
    assert.equal((await post('/lobstah/stop', { id })).status, 403)
    assert.equal((await post('/lobstah/stop', { id }, TOKEN)).status, 200)
    assert.ok((await answer).status >= 400)
    assert.equal((await post('/lobstah/stop', { id }, TOKEN)).status, 400)
  })

  it('is followed by a bounded number of pages, and forgets those that leave', async () => {
    for (let page = 0; page < 16; page++) assert.equal((await follow()).statusCode, 200)
    const refused = await follow()
    assert.equal(refused.statusCode, 429)
    open[0]?.destroy()
    await until(async () => (await follow()).statusCode === 200)
  })

  it('keeps no answer of a page back when the node stops', async () => {
    const response = await follow()
    const closed = new Promise((resolve) => response.once('close', resolve))
    response.resume()
    await test.http.stop()
    await closed
  })

  it('wants the token for commands, logs and receipts, not for the history', async () => {
    const headers = { authorization: `Bearer ${TOKEN}` }
    for (const path of ['/lobstah/logs', '/receipts']) {
      assert.equal((await fetch(test.http.url + path)).status, 403, path)
      assert.equal((await fetch(test.http.url + path, { headers })).status, 200, path)
    }
    assert.equal((await post('/lobstah/command', { name: 'doctor' })).status, 403)
    assert.equal((await post('/lobstah/command', { name: 'doctor' }, TOKEN)).status, 400)
    const history = await fetch(`${test.http.url}/lobstah/history?by=day`)
    assert.deepEqual(await history.json(), { by: 'day', sums: [] })
    assert.equal((await fetch(`${test.http.url}/lobstah/history?by=year`)).status, 400)
  })
})
