import assert from 'node:assert/strict'
import type { InjectOptions } from 'fastify'
import { stubOwner } from '../support/gateway/stub-owner.ts'
import { testGateway, type TestGateway } from '../support/gateway/gateway.ts'

const TOKEN = 'a'.repeat(43)

describe('http-gateway/status/owner', () => {
  let asked: unknown[]
  let gateway: TestGateway

  beforeEach(() => {
    asked = []
    gateway = testGateway({ token: TOKEN }, { owner: stubOwner(asked) })
  })

  afterEach(() => gateway.http.stop())

  async function call(method: 'GET' | 'POST' | 'PATCH', url: string, body?: object, token = TOKEN) {
    const request: InjectOptions = {
      method,
      url,
      headers: token === '' ? {} : { authorization: `Bearer ${token}` },
      ...(body === undefined ? {} : { payload: body })
    }
    const response = await gateway.http.inject(request)
    return { status: response.statusCode, body: response.json<Record<string, unknown>>() }
  }

  it('tells anybody on the machine whether peers are served, and what was earned', async () => {
    assert.equal((await call('GET', '/lobstah/serving', undefined, '')).body.open, true)
    const { status } = await call('GET', '/lobstah/earnings?by=model&since=5', undefined, '')
    assert.equal(status, 200)
    assert.deepEqual(asked, [{ earnings: { since: 5, by: 'model' } }])
  })

  it("wants the home's token for limits and every change", async () => {
    for (const [method, path] of [
      ['GET', '/lobstah/limits'],
      ['PATCH', '/lobstah/limits'],
      ['POST', '/lobstah/pause'],
      ['POST', '/lobstah/resume']
    ] as const) {
      const { status, body } = await call(method, path, method === 'GET' ? undefined : {}, '')
      assert.equal(status, 403, `${method} ${path}`)
      assert.equal((body.error as { code: string }).code, 'owner_required')
    }
    assert.deepEqual(asked, [])
  })

  it('passes changes on', async () => {
    await call('PATCH', '/lobstah/limits', { slots: 3, hours: null })
    await call('POST', '/lobstah/pause', { for: 1000 })
    await call('POST', '/lobstah/pause', { until: 'tomorrow' })
    await call('POST', '/lobstah/pause')
    await call('POST', '/lobstah/resume')
    assert.deepEqual(asked, [
      { patch: { slots: 3, hours: null } },
      { pause: { for: 1000 } },
      { pause: { until: 'tomorrow' } },
      { pause: {} },
      'resume'
    ])
  })

  it('refuses pauses and groups that make no sense, by name', async () => {
    for (const [path, param] of [
      ['/lobstah/pause', { for: 0 }],
      ['/lobstah/pause', { until: 'never' }],
      ['/lobstah/pause', { for: 5, until: 'tomorrow' }]
    ] as const) {
      const { status, body } = await call('POST', path, param)
      assert.equal(status, 400)
      const { error } = body as { error: { param: string } }
      assert.ok(error.param === 'for' || error.param === 'until', JSON.stringify(error))
    }
    assert.equal((await call('GET', '/lobstah/earnings?by=cat')).status, 400)
    assert.deepEqual(asked, [])
  })
})
