import { truncateSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { Writable } from 'node:stream'
import { createStream } from 'rotating-file-stream'

/** Size at which a log file is put aside, and how many are kept. */
const MAX_SIZE = '10M'
const KEPT_FILES = 5

/** Largest file of what a service manager catches beside the log, in bytes. */
const MAX_STDERR_BYTES = 1 << 20

/** The log of a service that no journal keeps. */
export function logFileOf(home: string): string {
  return join(home, 'logs', 'node.log')
}

/** A log file that is put aside when it is full: `node.log`, `node.log.1`, … */
export function rotatingLog(file: string): Writable {
  const name = basename(file)
  trim(join(dirname(file), 'stderr.log'))
  const generator = (_time: number | Date | null, index?: number): string =>
    index === undefined || index === 0 ? name : `${name}.${index}`
  return createStream((time, index) => generator(time as Date | null, index), {
    path: dirname(file),
    size: MAX_SIZE,
    maxFiles: KEPT_FILES,
    mode: 0o600
  })
}

/** launchd never rotates the file that it appends to. */
function trim(file: string): void {
  try {
    if (statSync(file).size > MAX_STDERR_BYTES) truncateSync(file)
  } catch {
    // There is none.
  }
}
