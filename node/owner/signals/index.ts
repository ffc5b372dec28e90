import { darwinSignals } from './darwin.ts'
import { linuxSignals } from './linux.ts'
import { unknown, type Signals, type SignalSource } from './reading.ts'
import { runner, type Runner } from './runner.ts'
import { windowsSignals } from './windows.ts'

export * from './reading.ts'

export interface SignalSourceInit {
  /** @default process.platform */
  platform?: NodeJS.Platform
  /** @default process.env */
  env: NodeJS.ProcessEnv
  /** Where the file system begins; tests put their own `/sys` there. @default '/' */
  root?: string
  /** Runs the system's own programs. @default runner */
  run?: Runner
  /** Milliseconds since 1970. @default Date.now */
  now?: () => number
}

/** Nothing is known on a machine of a kind that nobody taught this program. */
export const UNKNOWN_SIGNALS: Signals = unknown('this platform is not supported')

/** The source for this machine. */
export function signalSource(init: SignalSourceInit): SignalSource {
  const { platform = process.platform, env, root = '/', run = runner, now = Date.now } = init
  switch (platform) {
    case 'linux':
      return linuxSignals({ env, root, run, now })
    case 'darwin':
      return darwinSignals(run)
    case 'win32':
      return windowsSignals()
    default:
      return { read: () => Promise.resolve(UNKNOWN_SIGNALS), close: () => undefined }
  }
}
