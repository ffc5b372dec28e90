import { readLinuxGpu } from './linux-gpu.ts'
import { readLinuxInput } from './linux-input.ts'
import { readLinuxPower } from './linux-power.ts'
import type { SignalSource } from './reading.ts'
import type { Runner } from './runner.ts'

export interface LinuxInit {
  env: NodeJS.ProcessEnv
  /** Where the file system begins. */
  root: string
  run: Runner
  /** Milliseconds since 1970. */
  now: () => number
}

/** Power from sysfs, input from the desktop or logind, load from the graphics drivers. */
export function linuxSignals(init: LinuxInit): SignalSource {
  return {
    read: async ({ busy, signal }) => {
      const [power, input, gpu] = await Promise.all([
        readLinuxPower(init.root),
        readLinuxInput(init, signal),
        readLinuxGpu(init, busy, signal)
      ])
      return { power, input, gpu }
    },
    close: () => undefined
  }
}
