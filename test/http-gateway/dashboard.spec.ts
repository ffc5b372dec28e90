import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { Script } from 'node:vm'
import { testGateway } from '../support/gateway/gateway.ts'

describe('http-gateway/dashboard', () => {
  const test = testGateway({ apiKeys: ['key'] })
  const page = async (): Promise<{ body: string; policy: string }> => {
    const reply = await test.http.inject({ url: '/', headers: { host: 'localhost' } })
    assert.equal(reply.statusCode, 200)
    assert.match(String(reply.headers['content-type']), /^text\/html/)
    assert.equal(reply.headers['x-frame-options'], 'DENY')
    return { body: reply.body, policy: String(reply.headers['content-security-policy']) }
  }

  it('runs its own script and style and nothing else', async () => {
    const { body, policy } = await page()
    for (const tag of ['script', 'style']) {
      const texts = [...body.matchAll(new RegExp(`<${tag}[^>]*>([^]*?)</${tag}>`, 'g'))]
      assert.equal(texts.length, 1)
      const hash = createHash('sha256').update(texts[0]![1]!).digest('base64')
      assert.ok(policy.includes(`${tag}-src 'sha256-${hash}'`), policy)
    }
    assert.ok(policy.startsWith("default-src 'none'"))
    assert.doesNotMatch(policy, /unsafe|\*/)
    assert.match(policy, /connect-src 'self'/)
  })

  it('asks nobody else for anything, and puts nothing in as HTML', async () => {
    const { body } = await page()
    assert.doesNotMatch(
      body,
      /https?:\/\/|innerHTML|insertAdjacentHTML|document\.write|\beval\b|localStorage/
    )
    assert.doesNotMatch(body, /\son\w+=|style=|<link[^>]+stylesheet/)
  })

  it('asks for routes that there are', async () => {
    const { body } = await page()
    const paths = /const PATHS = \[([^\]]*)\]/.exec(body)?.[1]?.match(/\/[\w/?=]+/g) ?? []
    assert.ok(paths.length >= 6)
    for (const url of paths) {
      const headers = { host: 'localhost', authorization: 'Bearer key' }
      assert.equal((await test.http.inject({ url, headers })).statusCode, 200, url)
    }
  })

  it('is a script that parses', async () => {
    const { body } = await page()
    const script = /<script>([^]*?)<\/script>/.exec(body)?.[1] ?? ''
    assert.doesNotThrow(() => new Script(script))
    assert.throws(() => new Script(`${script} }`), SyntaxError)
  })
})
