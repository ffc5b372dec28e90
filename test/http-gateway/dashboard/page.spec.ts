import assert from 'node:assert/strict'
import { mkdir, readdir, readFile } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { buildDashboard } from '../../../scripts/build-dashboard.ts'
import { testGateway } from '../../support/gateway/gateway.ts'

const BUILT = join(import.meta.dirname, '../../../dist/http-gateway/dashboard/page')

describe('http-gateway/dashboard/page', () => {
  const test = testGateway({ apiKeys: ['key'] })
  const get = async (url: string): ReturnType<typeof test.http.inject> =>
    await test.http.inject({ url, headers: { host: 'localhost' } })

  before(async function () {
    this.timeout(120_000)
    await mkdir(BUILT, { recursive: true })
    if (!existsSync(join(BUILT, 'index.html'))) await buildDashboard()
  })

  it('answers without a key, runs its own files and nothing else, and loads nothing from elsewhere', async () => {
    const reply = await get('/')
    assert.equal(reply.statusCode, 200)
    assert.match(String(reply.headers['content-type']), /^text\/html/)
    assert.equal(reply.headers['x-frame-options'], 'DENY')
    const policy = String(reply.headers['content-security-policy'])
    assert.ok(policy.startsWith("default-src 'none'"))
    assert.doesNotMatch(policy, /unsafe|\*|https?:/)
    assert.match(policy, /require-trusted-types-for 'script'/)
    assert.doesNotMatch(reply.body, /https?:\/\/|\son\w+=|style=|<style|<script(?![^>]*src=)/)
  })

  it('has every file that it names, each unchanging under its name', async () => {
    const { body } = await get('/')
    const files = [...body.matchAll(/(?:src|href)="\.(\/assets\/[^"]+)"/g)].map(([, path]) => path ?? '')
    assert.equal(files.length, 2)
    for (const file of files) {
      const reply = await get(file)
      assert.equal(reply.statusCode, 200)
      assert.match(String(reply.headers['cache-control']), /immutable/)
      assert.match(String(reply.headers['content-type']), /^text\/(javascript|css)/)
    }
  })

  it('puts nothing in as HTML', async () => {
    const folder = join(import.meta.dirname, '../../../dashboard/src')
    for (const name of await readdir(folder)) {
      const source = await readFile(join(folder, name), 'utf8')
      assert.doesNotMatch(
        source,
        /innerHTML|insertAdjacentHTML|document\.write|\beval\b|localStorage|dangerously/,
        name
      )
    }
  })

  it('gives no other file away', async () => {
    for (const path of [
      '/assets/..%2findex.html',
      '/assets/%2e%2e/%2e%2e/package.json',
      '/assets/..%5c..%5cpackage.json',
      '/assets/nothing.js',
      '/assets/.js',
      '/assets/a/b.js'
    ])
      assert.ok([401, 404].includes((await get(path)).statusCode), path)
  })
})
