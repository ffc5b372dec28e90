import { readHomeToken } from '../../../http-gateway/keys/home-token.ts'
import { isHomeLocked } from '../home-lock.ts'
import { CommandError, EXIT } from '../errors.ts'
import { readRunning, type Runtime } from '../runtime-file.ts'
import { nodeReport, type NodeReport } from './node-report.ts'

/** Longest wait for an answer, in milliseconds. */
const TIMEOUT_MS = 5000

/** The node that runs on a home: `starting` holds the home without having said how to reach it. */
export type Found =
  | { state: 'absent' }
  | { state: 'starting' }
  | { state: 'running'; runtime: Runtime; report: NodeReport | null }

/** Looks for the node of a home and asks it how it is; `report` is null where it does not answer. */
export async function findNode(home: string): Promise<Found> {
  const runtime = await readRunning(home)
  if (runtime === undefined) return { state: (await isHomeLocked(home)) ? 'starting' : 'absent' }
  return { state: 'running', runtime, report: await readReport(home, runtime) }
}

async function readReport(home: string, runtime: Runtime): Promise<NodeReport | null> {
  try {
    const response = await call(home, runtime, 'GET', '/status')
    return response?.ok === true ? nodeReport.parse(await response.json()) : null
  } catch {
    return null
  }
}

/** Asks a node to stop, by its door, else by a signal. Throws CommandError where neither reaches it. */
export async function requestStop(home: string, runtime: Runtime): Promise<void> {
  const response = await call(home, runtime, 'POST', '/stop').catch(() => undefined)
  if (response?.ok === true) return
  try {
    process.kill(runtime.pid, 'SIGTERM')
  } catch (err) {
    // It has ended meanwhile.
    if (err instanceof Error && 'code' in err && err.code === 'ESRCH') return
    throw new CommandError(
      `The node (pid ${runtime.pid}) cannot be stopped: it belongs to another user. Run the command as that user`,
      EXIT.failed,
      { cause: err }
    )
  }
}

async function call(
  home: string,
  { control }: Runtime,
  method: string,
  path: string
): Promise<Response | undefined> {
  const token = await readHomeToken(home)
  if (control === undefined || token === undefined) return undefined
  return fetch(control + path, {
    method,
    headers: { authorization: `Bearer ${token}` },
    signal: AbortSignal.timeout(TIMEOUT_MS)
  })
}
