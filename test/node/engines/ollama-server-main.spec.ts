import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { ollamaEngine } from '../../../node/engines/index.ts'
import { chat, collect } from './contract.ts'

const MAIN = fileURLToPath(new URL('../../support/engines/ollama-server-main.ts', import.meta.url))

describe('test/support/engines/ollama-server-main', () => {
  it('answers as a process of its own, and ends with its input', async () => {
    const child = spawn(process.execPath, [MAIN], { stdio: ['pipe', 'pipe', 'inherit'] })
    const exited = once(child, 'exit')
    const [line] = (await once(createInterface(child.stdout), 'line')) as [string]
    const engine = ollamaEngine({ url: (JSON.parse(line) as { url: string }).url })
    assert.match((await collect(engine.generate(chat('llama3.2:3b', 'Count to 3.')))).text, /^1, 2, 3/)
    await engine.close()
    child.stdin.end()
    assert.deepEqual(await exited, [0, null])
  })
})
