import { lock, type LockOptions } from 'proper-lockfile'
import { KeyFileError } from './errors.ts'

/** How long a change may wait for its turn, in tries and milliseconds between them: some 20 s. */
const RETRIES = { retries: 400, factor: 1, minTimeout: 20, maxTimeout: 50, randomize: true }
/** After how long without a sign of life a lock is taken over, in milliseconds: its owner was killed. */
const ABANDONED_MS = 10_000

/**
 * Changes a file as the only one to do so, in this process and in others: two that read, change and write back
 * at once would undo each other's work. Throws KeyFileError where its turn does not come.
 */
export async function alone<T>(file: string, change: () => Promise<T>): Promise<T> {
  const release = await take(file)
  try {
    return await change()
  } finally {
    // A lock that another took over, after this process stood still, is no longer ours to release.
    await release().catch(() => undefined)
  }
}

async function take(file: string): Promise<() => Promise<void>> {
  try {
    // Once without waiting: a folder that cannot be written would only be tried again and again.
    return await takeNow(file).catch((err: unknown) => {
      if (!isTaken(err)) throw err
      return takeNow(file, RETRIES)
    })
  } catch (err) {
    throw new KeyFileError(
      isTaken(err)
        ? `${file} is being changed by another program: try again, or delete ${file}.lock`
        : `${file} cannot be written (${String(err)}): check the folder's owner, permissions and free space`,
      { cause: err }
    )
  }
}

function takeNow(file: string, retries?: LockOptions['retries']): Promise<() => Promise<void>> {
  return lock(file, {
    // The file need not exist yet.
    realpath: false,
    stale: ABANDONED_MS,
    retries,
    // Without it proper-lockfile would end the process; a change takes milliseconds.
    onCompromised: () => undefined
  })
}

function isTaken(err: unknown): boolean {
  return err instanceof Error && 'code' in err && err.code === 'ELOCKED'
}
