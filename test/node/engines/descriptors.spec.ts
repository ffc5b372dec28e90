import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { describeConfig, resolveConfig } from '../../../node/config/index.ts'
import { ENGINE_NAMES, ENGINES } from '../../../node/engines/index.ts'

const root = new URL('../../../', import.meta.url)

describe('node/engines/descriptors', () => {
  it('holds every folder that exports a descriptor', async () => {
    const files = await readdir(new URL('node/engines/', root), { recursive: true })
    const folders = files.flatMap((file) => /^([^/\\]+)[/\\]descriptor\.ts$/.exec(file)?.[1] ?? [])
    assert.deepEqual(folders.sort(), [...ENGINE_NAMES].sort())
  })

  for (const name of ENGINE_NAMES) {
    it(`${name}: is a setting, is in the help and in the docs, and opens by its name`, async () => {
      const config = resolveConfig({ flags: { engine: name }, env: {}, homeDir: '/nowhere' })
      assert.equal(config.engine, name)
      const help = describeConfig().find((row) => row.name === 'engine')?.text ?? ''
      assert.ok(help.includes(`${name} (${ENGINES[name].summary})`), help)
      for (const page of ['README.md', 'node/engines/README.md']) {
        assert.match(
          await readFile(new URL(page, root), 'utf8'),
          new RegExp(`^\\| \\S*\`${name}/?\``, 'm'),
          page
        )
      }
      const { engine, label } = ENGINES[name].open({})
      assert.equal(engine.name, name)
      assert.notEqual(label, '')
      await engine.close()
    })
  }
})
