import { unwatchFile, watchFile } from 'node:fs'
import { mkdir, readFile, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import writeFileAtomic from 'write-file-atomic'
import { z } from 'zod'
import { PauseFileError } from './errors.ts'
import type { Pause } from './policy.ts'

/** How often a running node looks for a change of its pause, in milliseconds. */
const WATCH_INTERVAL_MS = 250

const pauseFile = z.object({ version: z.literal(1), until: z.int().min(0).nullable() })

/** The pause that a file keeps; undefined where there is none. Throws PauseFileError. */
export async function readPause(file: string): Promise<Pause | undefined> {
  try {
    const { until } = pauseFile.parse(JSON.parse(await readFile(file, 'utf8')))
    return { until }
  } catch (err) {
    if (err instanceof Error && 'code' in err && err.code === 'ENOENT') return undefined
    throw new PauseFileError(`${file} cannot be read: resume with lobstah-node resume, or delete the file`, {
      cause: err
    })
  }
}

/** Keeps a pause, or with undefined ends it. Throws PauseFileError. */
export async function writePause(file: string, pause: Pause | undefined): Promise<void> {
  try {
    if (pause === undefined) return await rm(file, { force: true })
    await mkdir(dirname(file), { recursive: true, mode: 0o700 })
    await writeFileAtomic(file, `${JSON.stringify({ version: 1, ...pause })}\n`, { mode: 0o600 })
  } catch (err) {
    throw new PauseFileError(
      `${file} cannot be written (${String(err)}): check the folder's permissions and free space`,
      { cause: err }
    )
  }
}

/** Calls back when the file changes, until what it returns is called. */
export function watchPause(file: string, onChange: () => void): () => void {
  watchFile(file, { interval: WATCH_INTERVAL_MS, persistent: false }, onChange)
  return () => unwatchFile(file, onChange)
}
