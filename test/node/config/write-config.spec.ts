import assert from 'node:assert/strict'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { resolveConfig, writeConfig, type ConfigPatch } from '../../../node/config/index.ts'

describe('node/config/write-config', () => {
  let folder: string
  let home: string
  let file: string

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'lobstah-config-'))
    home = join(folder, '.lobstah')
    file = join(home, 'config.json')
  })

  afterEach(() => {
    rmSync(folder, { recursive: true })
  })

  function kept(): unknown {
    return JSON.parse(readFileSync(file, 'utf8'))
  }

  it('makes the file, and merges into it from then on', async () => {
    await writeConfig(home, { slots: 2, relay: true })
    await writeConfig(home, { slots: 3, creditLine: { friends: 5 } })
    assert.deepEqual(kept(), { slots: 3, relay: true, creditLine: { friends: 5 } })
    await writeConfig(home, { relay: undefined })
    assert.deepEqual(kept(), { slots: 3, creditLine: { friends: 5 } })
    assert.equal(resolveConfig({ flags: {}, env: {}, homeDir: folder }).slots, 3)
  })

  it('lets nobody else read the file, and leaves nothing else there', async function () {
    if (process.platform === 'win32') this.skip()
    await writeConfig(home, { apiKeys: ['secret'] })
    writeFileSync(file, '{}', { mode: 0o644 })
    await writeConfig(home, { apiKeys: ['secret'] })
    assert.equal(statSync(file).mode & 0o777, 0o600)
    assert.equal(statSync(home).mode & 0o777, 0o700)
    assert.deepEqual(readdirSync(home), ['config.json'])
  })

  it('writes nothing that could not be read again', async () => {
    await assert.rejects(writeConfig(home, { slots: 0 }), {
      name: 'ConfigError',
      message: 'setting slots: expected a whole number from 1 to 1024'
    })
    await assert.rejects(writeConfig(home, { slot: 1 } as ConfigPatch), {
      name: 'ConfigError',
      message: /slots\?/
    })
    assert.equal(existsSync(home), false)
  })

  it('leaves a file that it cannot read as it is', async () => {
    mkdirSync(home)
    writeFileSync(file, '{ broken')
    await assert.rejects(writeConfig(home, { slots: 2 }), {
      name: 'ConfigError',
      message: /line 1, column 3/
    })
    assert.equal(readFileSync(file, 'utf8'), '{ broken')
  })

  it('says that it cannot write', async () => {
    writeFileSync(home, 'in the way')
    await assert.rejects(writeConfig(home, { slots: 2 }), (err: Error) => {
      assert.equal(err.name, 'ConfigError')
      assert.ok(err.message.includes(file), err.message)
      return true
    })
  })
})
