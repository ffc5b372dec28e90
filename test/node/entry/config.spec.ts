import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { configEdit, configGet, configSet, configUnset } from '../../../node/entry/commands/config.ts'
import type { CommandContext } from '../../../node/entry/command.ts'
import { resolveConfig } from '../../../node/config/index.ts'

describe('node/entry/commands/config', () => {
  let home: string
  let results: unknown[]
  let notes: string[]
  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'lobstah-config-'))
    results = []
    notes = []
  })
  afterEach(() => rm(home, { recursive: true }))

  const context = (env: NodeJS.ProcessEnv = {}): CommandContext => ({
    config: resolveConfig({ flags: { home }, env, homeDir: home }),
    flags: {},
    env,
    output: {
      json: false,
      result: (value) => void results.push(value),
      event: () => undefined,
      piece: () => undefined,
      note: (text) => void notes.push(text)
    }
  })
  const file = async (): Promise<unknown> =>
    JSON.parse(await readFile(join(home, 'config.json'), 'utf8')) as unknown

  it('keeps a setting under any of its names, and checks it first', async () => {
    await configSet(context(), 'slots', '3')
    await configSet(context(), '--contribute', 'true')
    await configSet(context(), 'LOBSTAH_MODEL_FILE', '/m.gguf')
    await configSet(context(), 'friends', '')
    await assert.rejects(
      configSet(context(), 'slots', 'many'),
      /setting slots: expected a whole number from 1 to 1024/
    )
    await assert.rejects(configSet(context(), 'slot', '1'), /no setting slot: did you mean slots\?/)
    assert.deepEqual(await file(), { slots: 3, contribute: true, modelFile: '/m.gguf', friends: [] })
    await configUnset(context(), 'slots')
    assert.deepEqual(await file(), { contribute: true, modelFile: '/m.gguf', friends: [] })
  })

  it('shows what is in force, and says when a variable counts for more', async () => {
    const env = { LOBSTAH_SLOTS: '5', LOBSTAH_API_KEYS: 'secret' }
    await configSet(context(env), 'slots', '3')
    assert.match(notes.join(), /variable LOBSTAH_SLOTS is set, and counts for more/)
    await configGet(context(env), 'slots')
    await configGet(context(env), '')
    assert.deepEqual(results.slice(1), [5, { slots: '5', apiKeys: '(secret)' }])
  })

  it('keeps what an editor leaves only if it is valid', async () => {
    const editor = (text: string): NodeJS.ProcessEnv => ({ EDITOR: `printf '${text}' >` })
    await writeFile(join(home, 'config.json'), '{"slots":2}')
    await configEdit(context(editor('{"queue":4}')))
    assert.deepEqual(await file(), { queue: 4 })
    await assert.rejects(
      configEdit(context(editor('{"queue":"x"}'))),
      /setting queue: expected .*your text is kept in/s
    )
    assert.deepEqual(await file(), { queue: 4 })
  })
})
