import { open, rm, stat } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { KeyFileError } from './errors.ts'

/** How often a lock is asked for, in milliseconds. */
const RETRY_MS = 20
/** After how long nobody can be at work under a lock any more, in milliseconds: its owner was killed. */
const ABANDONED_MS = 10_000

/**
 * Changes a file as the only one to do so, of this process and of others: who reads a file, changes it and
 * writes it back undoes what another wrote meanwhile. Throws KeyFileError where its turn does not come.
 */
export async function alone<T>(file: string, change: () => Promise<T>): Promise<T> {
  const lock = `${file}.lock`
  const deadline = performance.now() + 2 * ABANDONED_MS
  while (!(await take(lock))) {
    if (performance.now() > deadline) throw new KeyFileError(`${file} is being changed: delete ${lock}`)
    await delay(RETRY_MS)
  }
  try {
    return await change()
  } finally {
    await rm(lock, { force: true })
  }
}

async function take(lock: string): Promise<boolean> {
  try {
    await (await open(lock, 'wx', 0o600)).close()
    return true
  } catch (err) {
    if (!(err instanceof Error && 'code' in err && err.code === 'EEXIST')) throw err
  }
  const age = await stat(lock).then(
    ({ mtimeMs }) => Date.now() - mtimeMs,
    () => 0
  )
  if (age > ABANDONED_MS) await rm(lock, { force: true })
  return false
}
