import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import assert from 'node:assert/strict'

/** The program, as `npm start` runs it. */
export const MAIN = join(import.meta.dirname, '../../node/entry/main.ts')

/** A line of the program's JSON output. */
export type NodeEvent = Record<string, unknown> & { event: string }

/** A `lobstah-node` in a process of its own. */
export interface RunningNode {
  process: ChildProcess
  home: string
  peer: string
  /** The gateway's base URL; empty where there is none. */
  url: string
  addresses: string[]
  ready: NodeEvent
  /** Sends a signal and resolves when the process has ended, to its exit code. */
  end(signal?: NodeJS.Signals): Promise<number | null>
}

/** Starts a node by its command line and waits until it is ready; `onLog` gets what it logs, instead of stderr. */
export async function startProcess(
  home: string,
  args: string[],
  env: NodeJS.ProcessEnv = {},
  onLog?: (text: string) => void
): Promise<RunningNode> {
  // A public mesh without friends: everybody is served and asked, as a test says otherwise.
  const access = { LOBSTAH_SERVE_ACCESS: 'mesh', LOBSTAH_ASK_ACCESS: 'mesh', LOBSTAH_LOOPBACK_PEERS: 'true' }
  // Somebody may be using the machine that the tests run on.
  const owner = { LOBSTAH_WHILE_IN_USE: 'true', LOBSTAH_ON_BATTERY: 'true' }
  const child = spawn(process.execPath, [MAIN, '--home', home, '--json', '--log-level', 'error', ...args], {
    stdio: ['ignore', 'pipe', onLog === undefined ? 'inherit' : 'pipe'],
    env: { ...process.env, ...access, ...owner, ...env }
  })
  if (onLog !== undefined) child.stderr?.setEncoding('utf8').on('data', onLog)
  const exited = once(child, 'exit') as Promise<[number | null]>
  const ready = await firstEvent(child, 'ready')
  assert.ok(ready, `the node on ${home} ended before it was ready`)
  child.stdout?.resume()
  return {
    process: child,
    home,
    peer: ready.peer as string,
    url: (ready.gateway as string | null) ?? '',
    addresses: ready.addresses as string[],
    ready,
    end: async (signal = 'SIGTERM') => {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal)
      return (await exited)[0]
    }
  }
}

async function firstEvent(child: ChildProcess, name: string): Promise<NodeEvent | undefined> {
  assert.ok(child.stdout)
  for await (const line of createInterface({ input: child.stdout })) {
    const event = JSON.parse(line) as NodeEvent
    if (event.event === name) return event
  }
  return undefined
}

/** Runs a command of the program to its end; `uid` lets root run it as somebody else. */
export async function runProcess(
  args: string[],
  options: { env?: NodeJS.ProcessEnv; input?: string; uid?: number } = {}
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const { env, uid } = options
  const user = uid === undefined ? {} : { uid, gid: uid }
  const child = spawn(process.execPath, [MAIN, ...args], { ...user, env: { ...process.env, ...env } })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  child.stdin.end(options.input ?? '')
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, stdout, stderr }
}

/** Polls a gateway until it lists a model. */
export async function modelListed(url: string): Promise<string> {
  for (;;) {
    const response = await fetch(`${url}/v1/models`)
    const { data } = (await response.json()) as { data: { id: string }[] }
    if (data[0] !== undefined) return data[0].id
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
