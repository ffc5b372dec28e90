import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import writeFileAtomic from 'write-file-atomic'
import { z } from 'zod'
import { isHomeLocked } from './home-lock.ts'

const schema = z.object({
  pid: z.number().int(),
  gateway: z.url().nullable(),
  peer: z.string(),
  /** Base URL of its control server; absent in older versions. */
  control: z.url().optional(),
  /** By which others reach it, at its start. */
  addresses: z.array(z.string()).default([])
})

/** How to reach the node that runs on a home. */
export type Runtime = z.infer<typeof schema>

function path(home: string): string {
  return join(home, 'run.json')
}

/** Tells other commands on this home where the node answers; readers never find half a file. */
export async function writeRuntime(home: string, runtime: Runtime): Promise<void> {
  await writeFileAtomic(path(home), JSON.stringify(runtime), { mode: 0o600 })
}

export async function removeRuntime(home: string): Promise<void> {
  await rm(path(home), { force: true })
}

/** The run file of a node; undefined if there is none or it is damaged. A crash leaves it behind. */
async function readRuntime(home: string): Promise<Runtime | undefined> {
  try {
    return schema.parse(JSON.parse(await readFile(path(home), 'utf8')))
  } catch {
    return undefined
  }
}

/** The run file of this home's node, if it still runs: after a crash another program may have its pid. */
export async function readRunning(home: string): Promise<Runtime | undefined> {
  const runtime = await readRuntime(home)
  if (runtime === undefined || !isAlive(runtime.pid)) return undefined
  return (await isHomeLocked(home)) ? runtime : undefined
}

/** Whether a process of this id runs. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (err) {
    return err instanceof Error && 'code' in err && err.code === 'EPERM'
  }
}
