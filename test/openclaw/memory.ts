import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const execute = promisify(execFile)

/** How often memory is looked at, in milliseconds. */
const INTERVAL_MS = 1000

/** Follows the memory of this process and all that it started. */
export class MemoryWatch {
  /** The most that was resident at once, in bytes. */
  peak = 0
  readonly #timer = setInterval(() => void this.#look(), INTERVAL_MS)

  stop(): void {
    clearInterval(this.#timer)
  }

  async #look(): Promise<void> {
    const { stdout } = await execute('ps', ['-e', '-o', 'pid=,ppid=,rss='])
    const rows = stdout
      .trim()
      .split('\n')
      .map((line) => line.trim().split(/\s+/).map(Number))
    const ours = new Set([process.pid])
    let bytes = 0
    // Twice, for children that are listed before their parents.
    for (const [pid = 0, parent = 0] of [...rows, ...rows]) if (ours.has(parent)) ours.add(pid)
    for (const [pid = 0, , rss = 0] of rows) if (ours.has(pid)) bytes += rss * 1024
    this.peak = Math.max(this.peak, bytes)
  }
}
