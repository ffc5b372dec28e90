import { setTimeout as delay } from 'node:timers/promises'
import type { Config } from '../../config/index.ts'
import { findNode, requestStop } from '../control/control-client.ts'
import { CommandError, EXIT } from '../errors.ts'
import { isHomeLocked } from '../home-lock.ts'
import type { Output } from '../output.ts'
import { isAlive } from '../runtime-file.ts'

/** How often the home is looked at while its node stops, in milliseconds. */
const LOOK_MS = 100

export interface StopFlags {
  /** Ends running answers instead of waiting for them. */
  now?: boolean
}

/** Stops the home's node, however it was started, and waits until it has let go of the home. */
export async function stopNode(config: Config, flags: StopFlags, output: Output): Promise<void> {
  const { home } = config
  const found = await findNode(home)
  if (found.state === 'absent') {
    output.result({ stopped: false, reason: 'not running' }, () => `No node runs on ${home}.`)
    return
  }
  if (found.state === 'starting')
    throw new CommandError(
      `A program holds ${home}, but does not say how to reach it: a node that is starting, or a command that writes to the ledger. Try again in a moment`,
      EXIT.unavailable
    )
  const { runtime, report } = found
  // A node that is stopping already ends at once when it is asked again.
  if (report?.stopping !== true) await requestStop(home, runtime)
  if (flags.now === true) await requestStop(home, runtime)
  const busy = report?.serving?.active ?? 0
  if (busy > 0 && flags.now !== true)
    output.note(`Waiting for running answers (${busy}). To end them: lobstah-node stop --now`)
  // By the pid too: a service manager may have started the next one already.
  while (isAlive(runtime.pid) && (await isHomeLocked(home))) await delay(LOOK_MS)
  output.result(
    { stopped: true, pid: runtime.pid },
    () => `Stopped the node on ${home} (pid ${runtime.pid}).`
  )
}
