import { open, stat } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { logFileOf } from '../log-file.ts'
import type { Output } from '../output.ts'
import { ServiceError } from './errors.ts'

/** Bytes of the log's end in which its last lines are looked for. */
const TAIL_BYTES = 1 << 20

/** How often a log is looked at for more, in milliseconds. */
const LOOK_MS = 500

/** Prints the last lines of the log that a node keeps in its home; with `follow`, goes on until interrupted. */
export async function printLog(home: string, lines: number, follow: boolean, output: Output): Promise<void> {
  const file = logFileOf(home)
  const size = await stat(file).then(
    (stats) => stats.size,
    () => undefined
  )
  if (size === undefined)
    throw new ServiceError(`There is no log at ${file} yet: start the service (lobstah-node service start)`)
  const start = Math.max(0, size - TAIL_BYTES)
  const text = await readFrom(file, start, size)
  for (const line of text.trimEnd().split('\n').slice(-lines)) print(line, output)
  if (follow) await followLog(file, size, output)
}

async function followLog(file: string, from: number, output: Output): Promise<void> {
  let at = from
  for (;;) {
    await delay(LOOK_MS)
    const size = await stat(file).then(
      (stats) => stats.size,
      () => 0
    )
    // The file was rotated, and begins anew.
    if (size < at) at = 0
    if (size === at) continue
    const text = await readFrom(file, at, size)
    const whole = text.slice(0, text.lastIndexOf('\n') + 1)
    at += Buffer.byteLength(whole)
    for (const line of whole.split('\n').slice(0, -1)) print(line, output)
  }
}

async function readFrom(file: string, start: number, end: number): Promise<string> {
  const handle = await open(file)
  try {
    const buffer = Buffer.alloc(end - start)
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, start)
    return buffer.toString('utf8', 0, bytesRead)
  } finally {
    await handle.close()
  }
}

function print(line: string, output: Output): void {
  output.event({ line }, () => line)
}
