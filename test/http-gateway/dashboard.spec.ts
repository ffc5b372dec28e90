import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { Script, createContext } from 'node:vm'
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

  /** Runs the page's script over bare elements until it has asked the node once. */
  async function shown(key: string | null, fetch: () => Promise<unknown>): Promise<Map<string, PageElement>> {
    const { body } = await page()
    const script = /<script>([^]*?)<\/script>/.exec(body)?.[1] ?? ''
    const elements = new Map<string, PageElement>()
    const element = (id: string): PageElement => {
      const made = elements.get(id) ?? new PageElement()
      elements.set(id, made)
      return made
    }
    const document = { hidden: false, getElementById: element, querySelector: element }
    const sessionStorage = { getItem: () => key }
    const setTimeout = (): void => undefined
    new Script(script).runInContext(createContext({ document, fetch, sessionStorage, setTimeout, console }))
    // Nothing in it waits for more than promises that are settled.
    await new Promise((resolve) => setImmediate(resolve))
    return elements
  }

  it('says that the node is gone, and that a key is wrong which no header could carry', async () => {
    const gone = await shown(null, () => Promise.reject(new TypeError('fetch failed')))
    assert.match(gone.get('problem')?.textContent ?? '', /does not answer/)
    const wrong = await shown('schlüssel€', () => assert.fail('it was sent'))
    assert.match(wrong.get('problem')?.textContent ?? '', /key is not one of this node/)
  })
})

/** As much of an element as a page without any data touches. */
class PageElement {
  hidden = true
  textContent = ''
  readonly classList = { add: () => undefined, remove: () => undefined }
  addEventListener(): void {}
}
