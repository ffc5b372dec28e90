import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'

const root = join(import.meta.dirname, '../..')

/** A row of the table in docs/architecture.md: a folder, and what it may import. */
type Layers = Map<string, Set<string>>

function documented(): Layers {
  const page = readFileSync(join(root, 'docs/architecture.md'), 'utf8')
  const table = page.slice(page.indexOf('| Folder '), page.indexOf('## Settling'))
  const names = (cell: string): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name!)
  const rows = table.split('\n').filter((line) => line.startsWith('| `'))
  return new Map(
    rows.map((row) => {
      const [, folder, , imports] = row.split('|')
      return [names(folder!)[0]!, new Set(names(imports!))]
    })
  )
}

/** The folders that there are; `node` is the files right in it. */
function present(): string[] {
  const inNode = readdirSync(join(root, 'node'), { withFileTypes: true }).filter((entry) =>
    entry.isDirectory()
  )
  return ['protocols', 'http-gateway', 'openclaw', 'node', ...inNode.map(({ name }) => `node/${name}`)]
}

/** The file that stands for a folder, or for a single file that a folder may import. */
const fileOf = (name: string): string => (name.endsWith('.ts') ? name : `${name}/planted.ts`)

/** The folder that a single file belongs to. */
const homeOf = (name: string): string => (name.endsWith('.ts') ? dirname(name) : name)

/** The imports that the rules refuse in a tree in which every folder imports every other, as pairs. */
function refused(folders: string[], targets: string[]): Set<string> {
  const tree = mkdtempSync(join(tmpdir(), 'lobstah-layers-'))
  try {
    for (const name of [...folders, ...targets]) {
      mkdirSync(join(tree, dirname(fileOf(name))), { recursive: true })
      writeFileSync(join(tree, fileOf(name)), 'export const planted = 1\n')
    }
    for (const folder of folders) {
      const imports = targets
        .filter((target) => target !== folder)
        .map((target, n) => {
          const path = relative(folder, fileOf(target))
          return `export { planted as p${n} } from '${path.startsWith('.') ? path : `./${path}`}'\n`
        })
      writeFileSync(join(tree, folder, 'importer.ts'), imports.join(''))
    }
    const { stdout } = spawnSync(
      join(root, 'node_modules/.bin/depcruise'),
      [
        ...['--config', join(root, '.dependency-cruiser.cjs'), '--ts-config', join(root, 'tsconfig.json')],
        ...['--output-type', 'json', 'protocols', 'node', 'http-gateway', 'openclaw']
      ],
      { cwd: tree, encoding: 'utf8', maxBuffer: 64 * 2 ** 20 }
    )
    const { summary } = JSON.parse(stdout) as {
      summary: { violations: { from: string; to: string; rule: { name: string } }[] }
    }
    return new Set(
      summary.violations
        .filter(({ rule, from }) => rule.name.startsWith('layer-') && from.endsWith('/importer.ts'))
        .map(({ from, to }) => `${dirname(from)} → ${to.replace(/\/planted\.ts$/, '')}`)
    )
  } finally {
    rmSync(tree, { recursive: true })
  }
}

describe('layers', function () {
  this.timeout(60_000)

  it('are given to every folder by the table in docs/architecture.md', () => {
    assert.deepEqual([...documented().keys()].toSorted(), present().toSorted())
  })

  it('refuse what the table does not allow, and nothing else, from each folder into each other', () => {
    const layers = documented()
    const folders = present()
    const targets = [...new Set([...folders, ...[...layers.values()].flatMap((names) => [...names])])]
    const wanted = folders.flatMap((folder) =>
      targets
        .filter((target) => target !== folder && homeOf(target) !== folder)
        .filter((target) => {
          const allowed = layers.get(folder) ?? new Set()
          return !allowed.has(target) && !allowed.has(homeOf(target))
        })
        .map((target) => `${folder} → ${target}`)
    )
    const seen = refused(folders, targets)
    assert.deepEqual([...seen].toSorted(), wanted.toSorted())
    assert.ok(seen.has('node/metrics → http-gateway'))
  })
})
