import { spawn } from 'node:child_process'
import { once } from 'node:events'
import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'

/** Longest wait for the node, in milliseconds. */
const READY_MS = 30_000

type Get = (path: string) => Promise<Record<string, unknown>>

/** Runs a node by the command that OpenClaw has for it, for as long as `use` takes. */
export async function startService(
  { command, args, env }: { command: string; args: string[]; env: Record<string, string> },
  inherited: NodeJS.ProcessEnv,
  url: string,
  use: (get: Get) => Promise<void>
): Promise<void> {
  const child = spawn(command, args, { env: { ...inherited, ...env }, stdio: 'ignore' })
  const exited = once(child, 'exit') as Promise<[number | null]>
  const get: Get = async (path) => {
    const response = await fetch(url + path)
    return (await response.json()) as Record<string, unknown>
  }
  try {
    const deadline = performance.now() + READY_MS
    while (!(await get('/mesh').catch(() => undefined))) {
      assert.ok(child.exitCode === null && performance.now() < deadline, 'the node did not come up')
      await delay(100)
    }
    await use(get)
  } finally {
    child.kill('SIGTERM')
    assert.equal((await exited)[0], 0)
  }
}
