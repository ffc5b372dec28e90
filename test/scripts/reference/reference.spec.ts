import assert from 'node:assert/strict'
import { glob, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { REFERENCE_FILE } from '../../../scripts/reference/constants.ts'
import { referencePage } from '../../../scripts/reference/reference.ts'

const ROOT = join(import.meta.dirname, '../../..')

describe('docs/reference.md', () => {
  it('is up to date', async () => {
    const [page, expected] = [await readFile(REFERENCE_FILE, 'utf8'), await referencePage()]
    const lines = new Set(page.split('\n'))
    const missing = expected.split('\n').find((line) => !lines.has(line))
    assert.ok(
      page === expected,
      `docs/reference.md is stale: run npm run reference, and commit it. First line that differs: ${missing ?? ''}`
    )
  })

  it('lists every metric that the sources name', async () => {
    const page = await readFile(REFERENCE_FILE, 'utf8')
    const named = new Set<string>()
    for await (const file of glob(['node/**/*.ts', 'http-gateway/**/*.ts'], { cwd: ROOT })) {
      const text = await readFile(join(ROOT, file), 'utf8')
      for (const [, name = ''] of text.matchAll(/'(lobstah_[a-z\d_]+_[a-z\d_]+)'/g)) named.add(name)
    }
    assert.ok(named.size > 10)
    assert.deepEqual(
      [...named].filter((name) => !page.includes(`\`${name}\``)),
      [],
      'add its observer to scripts/reference/metrics.ts, then run npm run reference'
    )
  })
})
