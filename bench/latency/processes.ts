import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { z } from 'zod'
import { BenchmarkError } from './errors.ts'

/** Longest wait for a process to be ready, and for one to end by itself, in milliseconds. */
const PATIENCE_MS = 60_000

/** The unit of CPU times under /proc: USER_HZ, 100 a second on every Linux of today. */
const TICK_MS = 10

const line = z.looseObject({ event: z.string() })
const ready = z.looseObject({
  gateway: z.string().nullish(),
  addresses: z.array(z.string()).default([])
})

/** The line that a process prints when it is ready. */
export type Ready = z.infer<typeof ready>

/** A process of the benchmark. */
export interface Part {
  kind: string
  ready: Ready
  pid: number
}

/** CPU time used so far by all threads, in milliseconds. */
export function cpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // After the name, which may hold spaces: the 14th and the 15th field of the line.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS
}

/** The most memory that was resident so far, in MB. */
export function peakRssMb(pid: number): number {
  const [, kilobytes] = /^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kilobytes) / 1024
}

/** The processes of one run; all end with it. */
export class Processes {
  readonly #children: ChildProcess[] = []
  #stopped = false

  /** Starts a Node process and waits until it says that it is ready. */
  async start(kind: string, args: string[]): Promise<Part> {
    if (this.#stopped) throw new BenchmarkError('The benchmark was stopped')
    // No environment: a LOBSTAH_* variable of this shell is no part of the measurement.
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'], env: {} })
    this.#children.push(child)
    const timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS)
    try {
      for await (const text of createInterface({ input: child.stdout })) {
        const said: unknown = JSON.parse(text)
        if (line.parse(said).event === 'ready') return { kind, ready: ready.parse(said), pid: child.pid! }
      }
    } finally {
      clearTimeout(timer)
      child.stdout.resume()
    }
    throw new BenchmarkError(`The ${kind} did not start`)
  }

  /** Ends all of them, the last first. */
  async stop(): Promise<void> {
    this.#stopped = true
    for (const child of this.#children.splice(0).toReversed()) {
      if (child.exitCode !== null || child.signalCode !== null) continue
      const exited = once(child, 'exit')
      const timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS)
      child.kill('SIGTERM')
      await exited
      clearTimeout(timer)
    }
  }
}
