import assert from 'node:assert/strict'
import { Registry } from 'prom-client'
import { GatewayMetrics } from '../../http-gateway/metrics/gateway-metrics.ts'
import { PeerLostError } from '../../protocols/errors.ts'
import type { AnswerEvent } from '../../protocols/inference/index.ts'
import { testGateway, type TestGateway } from '../support/gateway/gateway.ts'
import { ACCEPTED, END, aborted, content } from '../support/gateway/stub-consumer.ts'

/** The samples of a scrape, by name and labels. */
function samples(text: string): Map<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))])
  )
}

const chats = (status: number): string =>
  `lobstah_gateway_requests_total{method="POST",route="/v1/chat/completions",status="${status}"}`

const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

describe('http-gateway/metrics', () => {
  let test: TestGateway
  beforeEach(async () => {
    test = testGateway()
    await test.http.start()
  })
  afterEach(async () => {
    await test.http.stop()
  })

  const scrape = async (): Promise<Map<string, number>> => {
    const reply = await fetch(`${test.http.url}/metrics`)
    assert.match(reply.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/)
    return samples(await reply.text())
  }
  const ask = (init: RequestInit = {}, rest: object = {}): Promise<Response> =>
    fetch(`${test.http.url}/v1/chat/completions`, {
      method: 'POST',
      body: JSON.stringify({ model: 'tiny', messages: [{ role: 'user', content: 'hi' }], ...rest }),
      ...init,
      headers: { 'content-type': 'application/json', ...(init.headers as Record<string, string> | undefined) }
    })

  it('counts requests by route and status, whatever paths are asked for', async () => {
    await (await ask()).text()
    await (await ask({}, { stream: true })).text()
    await (await ask({ body: '{' })).text()
    for (const path of ['/nope/1', '/nope/2', '/v1/models/tiny', '/v1/models/other'])
      await (await fetch(test.http.url + path)).text()
    const seen = await scrape()
    const count = (method: string, route: string, status: number): number | undefined =>
      seen.get(`lobstah_gateway_requests_total{method="${method}",route="${route}",status="${status}"}`)
    assert.equal(count('POST', '/v1/chat/completions', 200), 2)
    assert.equal(count('POST', '/v1/chat/completions', 400), 1)
    assert.equal(count('', '', 404), 2)
    assert.equal(count('GET', '/v1/models/*', 200), 1)
    assert.equal(count('GET', '/v1/models/*', 404), 1)
    assert.equal(seen.get('lobstah_gateway_first_token_seconds_count'), 2)
    assert.equal(seen.get('lobstah_gateway_answer_seconds_count'), 2)
    assert.equal(seen.get('lobstah_gateway_answers_in_flight'), 0)
  })

  it('counts an answer that is under way, and one that was hung up on', async () => {
    test.consumer.script = async function* (_, signal) {
      yield ACCEPTED
      yield content('half')
      await aborted(signal)
    }
    const abort = new AbortController()
    const reply = await ask({ signal: abort.signal }, { stream: true })
    await reply.body!.getReader().read()
    assert.equal((await scrape()).get('lobstah_gateway_answers_in_flight'), 1)
    abort.abort()
    await test.consumer.aborted
    const seen = await scrape()
    assert.equal(seen.get('lobstah_gateway_answers_in_flight'), 0)
    assert.equal(seen.get('lobstah_gateway_answer_seconds_count'), 1)
    assert.equal(seen.get(chats(499)), 1)
  })

  it('counts and logs an answer that broke off by its failure, whatever the 200 said', async () => {
    test.consumer.script = async function* () {
      yield ACCEPTED
      yield content('half')
      throw new PeerLostError()
    }
    await assert.rejects((await ask({}, { stream: true })).text())
    const seen = await scrape()
    assert.equal(seen.get(chats(503)), 1)
    assert.equal(seen.get(chats(200)), undefined)
    const line = test.log.find(({ message }) => message === 'request answered')
    assert.equal(line?.fields?.status, 503)
  })

  it("stands in nobody's way after the first token", async () => {
    const metrics = new GatewayMetrics(new Registry())
    const events: AnswerEvent[] = [ACCEPTED, content('a'), content('b'), END]
    let returned = 0
    const source = {
      [Symbol.asyncIterator]: () => {
        const inner = events.values()
        return {
          next: async () => inner.next(),
          return: async () => ({ done: true as const, value: returned++ })
        }
      }
    }
    assert.deepEqual(await Array.fromAsync(metrics.follow(source)), events)
    for await (const event of metrics.follow(source)) if (event.type === 'delta') break
    assert.equal(returned, 1)
    assert.equal(
      samples(await metrics.registry.metrics()).get('lobstah_gateway_first_token_seconds_count'),
      2
    )
  })

  it('never names a peer, a model or a key in a label', async () => {
    await (await ask()).text()
    const labels = [...(await scrape()).keys()].flatMap((key) =>
      [...key.matchAll(/(\w+)="/g)].map(([, l]) => l)
    )
    assert.deepEqual([...new Set(labels)].sort(), ['le', 'method', 'route', 'status'])
  })

  describe('trace context', () => {
    it("goes on to the consumer and into the log, with the request's id", async () => {
      await (await ask({ headers: { traceparent: TRACE, 'x-request-id': 'mine' } })).text()
      assert.deepEqual(test.consumer.traces, [TRACE])
      const line = test.log.findLast(({ message }) => message === 'request answered')
      assert.equal(line?.fields?.traceparent, TRACE)
      assert.equal(line.fields.request, 'mine')
    })

    it('is ignored where it is not valid', async () => {
      for (const traceparent of ['', 'x', `${TRACE}x`, TRACE.toUpperCase(), TRACE.replace('00-', 'ff-')])
        await (await ask({ headers: { traceparent } })).text()
      assert.deepEqual(new Set(test.consumer.traces), new Set([undefined]))
    })
  })
})
