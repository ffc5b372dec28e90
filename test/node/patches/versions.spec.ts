import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  installedVersion,
  mismatches,
  PATCHED_PACKAGES,
  pinnedVersion
} from '../../../node/patches/versions.ts'

const root = join(import.meta.dirname, '../../..')
const folder = join(root, 'node/patches')

describe('node/patches/versions', () => {
  it('finds each patched package pinned to one version, and installed at that', () => {
    for (const name of PATCHED_PACKAGES) {
      assert.match(pinnedVersion(name), /^\d+\.\d+\.\d+$/, name)
      assert.equal(installedVersion(name), pinnedVersion(name))
    }
    assert.deepEqual(mismatches(), [])
  })

  it('names a package at another version', () => {
    const found = mismatches((name) => (name === 'libp2p' ? '99.0.0' : installedVersion(name)))
    assert.deepEqual(found, [{ name: 'libp2p', pinned: pinnedVersion('libp2p'), installed: '99.0.0' }])
  })

  it('knows every package whose members the patches require', () => {
    const sources = readdirSync(folder).filter((file) => file.endsWith('.ts') && file !== 'members.ts')
    const named = sources.flatMap((file) =>
      [...readFileSync(join(folder, file), 'utf8').matchAll(/requireMembers\('([^']+)'/g)].map(
        ([, name]) => name
      )
    )
    // A connection may have no TCP socket, so that no patch requires one: its version is all there is to check.
    const read = [...new Set([...named, '@libp2p/tcp'])]
    assert.deepEqual(read.toSorted(), [...PATCHED_PACKAGES].toSorted())
  })

  it('are those of the table in README.md, which has every patch and names tests that exist', () => {
    const rows = readFileSync(join(folder, 'README.md'), 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('| ['))
      .map((line) => line.split('|').map((cell) => cell.trim()))
    const patches = readdirSync(folder).filter(
      (file) => /\.ts$/.test(file) && !['index.ts', 'errors.ts', 'members.ts', 'versions.ts'].includes(file)
    )
    const listed = rows.map((cells) => /\[`(.+?)`\]/.exec(cells[1] ?? '')?.[1] ?? '')
    assert.deepEqual(listed.toSorted(), patches.toSorted())
    for (const [, file, packages = '', , , , tests = ''] of rows) {
      for (const [, name, version] of packages.matchAll(/`(\S+) (\d\S*)`/g)) {
        const known = PATCHED_PACKAGES.find((patched) => patched === name)
        assert.ok(known, `${String(name)} in ${String(file)}`)
        assert.equal(version, pinnedVersion(known))
      }
      assert.match(packages, /`\S+ \d\S*`/, file)
      const paths = [...tests.matchAll(/`([^`]+\.spec\.ts)`/g)].map(([, path]) => path ?? '')
      assert.ok(paths.length > 0, file)
      for (const path of paths) readFileSync(join(root, 'test', path))
    }
  })
})
