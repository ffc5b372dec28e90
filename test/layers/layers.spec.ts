import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../..')

describe('layers', () => {
  it('go red at a planted violation: the rules see imports at all', () => {
    const bin = join(root, 'node_modules/.bin/depcruise')
    const config = join(root, '.dependency-cruiser.cjs')
    const args = [
      '--config',
      config,
      '--ts-config',
      join(root, 'tsconfig.json'),
      '--output-type',
      'err',
      'protocols',
      'node',
      'http-gateway'
    ]
    const { status, stdout } = spawnSync(bin, args, {
      cwd: join(import.meta.dirname, 'planted'),
      encoding: 'utf8'
    })
    assert.notEqual(status, 0)
    for (const rule of [
      'protocols-import-npm-only',
      'consumer-imports-its-leaves',
      'gateway-imports-consumer'
    ]) {
      assert.match(stdout, new RegExp(rule))
    }
  })
})
