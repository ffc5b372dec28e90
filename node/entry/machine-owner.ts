import { totalmem } from 'node:os'
import { join } from 'node:path'
import type { Logger } from '@libp2p/interface'
import type { Config } from '../config/index.ts'
import type { Ledger } from '../ledger/index.ts'
import {
  machineZone,
  owner,
  parseWindow,
  signalSource,
  type Owner,
  type OwnerLimits
} from '../owner/index.ts'
import type { LiveConfig, LiveSettings } from './live-settings.ts'

/** Where a home keeps its pause. */
export function pauseFile(home: string): string {
  return join(home, 'pause.json')
}

/** The limits that settings set. */
export function limitsOf(settings: LiveConfig): OwnerLimits {
  const { slots, serveModels, tokensPerDay, tokensPerMonth, memoryShare } = settings
  const { onBattery, whileInUse, idleMinutes } = settings
  return {
    slots,
    serveModels,
    tokensPerDay,
    tokensPerMonth,
    memoryShare,
    onBattery,
    whileInUse,
    idleMinutes,
    hours: settings.hours.flatMap((text) => parseWindow(text) ?? []),
    timeZone: settings.timeZone ?? machineZone()
  }
}

export interface MachineOwnerComponents {
  live: LiveSettings
  ledger: Ledger
  env: NodeJS.ProcessEnv
  /** Requests that this node's engine answers now. */
  active: () => number
  log: Logger
}

/** The owner of this machine, as the settings say; follows their changes. */
export function machineOwner(
  { home, contribute }: Pick<Config, 'home' | 'contribute'>,
  { live, ledger, env, active, log }: MachineOwnerComponents
): Owner {
  const root = env.LOBSTAH_SYSTEM_ROOT
  const mine = owner({
    limits: limitsOf(live.current),
    pauseFile: pauseFile(home),
    contributes: contribute
  })({
    source: signalSource({ env, ...(root === undefined ? {} : { root }) }),
    tokensSince: async (since) => {
      const rows = await ledger.earnings({ starts: [since] })
      return rows.reduce((sum, row) => sum + row.promptTokens + row.completionTokens, 0)
    },
    active,
    memoryBytes: totalmem(),
    now: Date.now,
    log
  })
  live.onChange(() => {
    mine.setLimits(limitsOf(live.current)).catch((err: unknown) => log.error('limits: %s', String(err)))
  })
  return mine
}
