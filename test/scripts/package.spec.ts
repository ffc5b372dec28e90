import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '../..')

describe('the package', function () {
  this.timeout(120_000)

  it('holds every page and file that README.md and docs/service.md link to', async () => {
    const packed = execFileSync('npm', ['pack', '--dry-run', '--ignore-scripts', '--json'], {
      cwd: ROOT,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      // Windows finds npm by its shell only.
      shell: process.platform === 'win32'
    })
    const [{ files } = { files: [] }] = JSON.parse(packed) as { files: { path: string }[] }[]
    const paths = files.map(({ path }) => path)
    for (const page of ['README.md', 'docs/service.md']) {
      const text = await readFile(join(ROOT, page), 'utf8')
      const links = [...text.matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, link = '']) =>
        join(page, '..', link).replaceAll('\\', '/').replace(/\/$/, '')
      )
      assert.ok(links.length > 0)
      for (const link of links)
        assert.ok(
          paths.some((path) => path === link || path.startsWith(`${link}/`)),
          `${page} links to ${link}, which the package lacks`
        )
    }
  })
})
