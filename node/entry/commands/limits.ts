import { addDays, machineZone, startOfDate, wallTime, writePause } from '../../owner/index.ts'
import type { Config } from '../../config/index.ts'
import { CommandError, EXIT } from '../errors.ts'
import { isLive, LIVE_SETTINGS, liveInFile, writeLive, type LivePatch } from '../live-settings.ts'
import { pauseFile } from '../machine-owner.ts'
import { table, type Output } from '../output.ts'

const EFFECT = 'A node running on this home picks it up within a second.'

const UNITS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 }

export interface PauseFlags {
  for?: string
  until?: string
}

/** Serves no peers for a time, until tomorrow, or until resumed. */
export async function pause(config: Config, flags: PauseFlags, output: Output): Promise<void> {
  const until = untilOf(config, flags, Date.now())
  await writePause(pauseFile(config.home), { until })
  output.result({ until }, () => {
    const end =
      until === null ? 'until you run lobstah-node resume' : `until ${new Date(until).toLocaleString()}`
    return `Peers are not served ${end}; running answers go on. ${EFFECT}`
  })
}

/** Ends a pause. */
export async function resume(config: Config, output: Output): Promise<void> {
  await writePause(pauseFile(config.home), undefined)
  output.result({ until: null, paused: false }, () => `The pause is over. ${EFFECT}`)
}

/** Prints the limits in config.json. */
export async function showLimits(config: Config, output: Output): Promise<void> {
  const limits = liveInFile(config.home)
  const rows = LIVE_SETTINGS.map((name) => [name, text(limits[name])])
  output.result(limits, () => table([['LIMIT', 'VALUE'], ...rows]))
  return Promise.resolve()
}

/** Changes one limit: `tokensPerDay=100000`; without a value, it is reset. */
export async function setLimit(config: Config, assignment: string, output: Output): Promise<void> {
  const at = assignment.indexOf('=')
  const name = at < 0 ? assignment : assignment.slice(0, at)
  if (at < 0 || !isLive(name))
    throw new CommandError(
      `${assignment}: expected <limit>=<value> with one of ${LIVE_SETTINGS.join(', ')}; an empty value resets the limit`,
      EXIT.usage
    )
  const value = assignment.slice(at + 1)
  const patch: LivePatch = { [name]: value === '' ? null : parsed(name, value) }
  await writeLive(config.home, patch)
  output.result({ [name]: liveInFile(config.home)[name] ?? null }, () =>
    value === '' ? `${name} is reset. ${EFFECT}` : `${name} is ${value}. ${EFFECT}`
  )
}

function parsed(name: string, value: string): unknown {
  if (name === 'hours' || name === 'serveModels') return value.split(',').map((item) => item.trim())
  if (name === 'timeZone') return value
  try {
    return JSON.parse(value)
  } catch {
    return value
  }
}

function text(value: unknown): string {
  if (value === undefined) return ''
  if (Array.isArray(value)) return value.join(', ')
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function untilOf({ timeZone }: Config, flags: PauseFlags, now: number): number | null {
  if (flags.for !== undefined && flags.until !== undefined)
    throw new CommandError('--for and --until exclude each other: give one', EXIT.usage)
  if (flags.until !== undefined) {
    if (flags.until !== 'tomorrow')
      throw new CommandError(
        '--until takes tomorrow; for another end, use --for, such as --for 90m',
        EXIT.usage
      )
    const zone = timeZone ?? machineZone()
    return startOfDate(addDays(wallTime(now, zone).date, 1), zone)
  }
  if (flags.for === undefined) return null
  const [, count = '', unit = ''] = /^(\d{1,4})([mhd])$/.exec(flags.for) ?? []
  const ms = Number(count) * (UNITS[unit] ?? 0)
  if (ms === 0) throw new CommandError('--for takes minutes, hours or days: 30m, 1h, 2d', EXIT.usage)
  return now + ms
}
