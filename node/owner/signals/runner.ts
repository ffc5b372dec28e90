import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Largest output of a program that is read, in bytes. */
const MAX_OUTPUT = 1_048_576

/** Runs one of the system's own programs to its end and resolves to what it wrote. Rejects where it is missing or fails. */
export type Runner = (file: string, args: readonly string[], signal: AbortSignal) => Promise<string>

export const runner: Runner = async (file, args, signal) => {
  const env = { ...process.env, LC_ALL: 'C' }
  const { stdout } = await run(file, args, { signal, maxBuffer: MAX_OUTPUT, windowsHide: true, env })
  return stdout
}

/** Whether a program is not there at all. */
export function isMissing(err: unknown): boolean {
  return err instanceof Error && 'code' in err && err.code === 'ENOENT'
}

/** The fault, on one line. */
export function because(err: unknown): string {
  return (err instanceof Error ? err.message : String(err)).split('\n', 1)[0] ?? ''
}
