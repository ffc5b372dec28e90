import { GPU_BUSY_PERCENT, MINUTE_MS } from './constants.ts'
import { isOpen, nextOpening, type HoursWindow } from './hours.ts'
import type { Signals } from './signals/index.ts'
import { addDays, nextMonth, startOfDate, wallTime } from './zone.ts'

/** The limits that a machine's owner sets. */
export interface Limits {
  /** When peers are served; always, where there are none. */
  hours: readonly HoursWindow[]
  /** The zone of the hours, days and months, such as `Europe/Vienna`. */
  timeZone: string
  /** Tokens of prompts and answers that peers get a day, and a month. */
  tokensPerDay: number | undefined
  tokensPerMonth: number | undefined
  /** Serves peers on battery power. */
  onBattery: boolean
  /** Serves peers while somebody uses the machine. */
  whileInUse: boolean
  /** Minutes without input after which the machine is not in use any more. */
  idleMinutes: number
}

/** A pause; `until` is in milliseconds since 1970, or null until it is resumed. */
export interface Pause {
  until: number | null
}

/** The facts that limits are compared with. */
export interface Situation {
  /** Milliseconds since 1970. */
  now: number
  pause: Pause | undefined
  /** Tokens served to peers today and this month. */
  tokens: { day: number; month: number }
  signals: Signals
}

/** Why peers are not served. */
export const PAUSE_REASONS = [
  'paused',
  'hours',
  'tokens_per_day',
  'tokens_per_month',
  'on_battery',
  'in_use',
  'gpu_in_use'
] as const

export type PauseReason = (typeof PAUSE_REASONS)[number]

/** Whether peers are served, and why not. */
export type Verdict =
  | { open: true }
  | {
      open: false
      reason: PauseReason
      message: string
      /** When it will be open again, in milliseconds since 1970, as far as can be told. */
      until?: number
    }

/** Decides whether peers are served now. An unknown signal never counts in their favour. */
export function decide(limits: Limits, situation: Situation): Verdict {
  return (
    paused(situation) ??
    outsideHours(limits, situation) ??
    tokensUsed(limits, situation) ??
    onBattery(limits, situation) ??
    inUse(limits, situation) ?? { open: true }
  )
}

function paused({ pause, now }: Situation): Verdict | undefined {
  if (pause === undefined || (pause.until !== null && pause.until <= now)) return undefined
  return closed('paused', 'Its owner paused this contributor', pause.until ?? undefined)
}

function outsideHours({ hours, timeZone }: Limits, { now }: Situation): Verdict | undefined {
  if (isOpen(hours, wallTime(now, timeZone))) return undefined
  return closed('hours', 'This contributor serves at other hours', nextOpening(hours, now, timeZone))
}

function tokensUsed(limits: Limits, { now, tokens }: Situation): Verdict | undefined {
  const { tokensPerDay = Infinity, tokensPerMonth = Infinity, timeZone } = limits
  const { date } = wallTime(now, timeZone)
  if (tokens.month >= tokensPerMonth)
    return closed(
      'tokens_per_month',
      'This contributor has served its tokens for this month',
      startOfDate(nextMonth(date), timeZone)
    )
  if (tokens.day >= tokensPerDay)
    return closed(
      'tokens_per_day',
      'This contributor has served its tokens for today',
      startOfDate(addDays(date, 1), timeZone)
    )
  return undefined
}

function onBattery({ onBattery }: Limits, { signals: { power } }: Situation): Verdict | undefined {
  if (onBattery || (power.known && power.value === 'mains')) return undefined
  return power.known
    ? closed('on_battery', 'This contributor runs on battery')
    : closed('on_battery', `This contributor cannot tell whether it runs on battery: ${power.detail}`)
}

function inUse({ whileInUse, idleMinutes }: Limits, { now, signals }: Situation): Verdict | undefined {
  if (whileInUse) return undefined
  const { input, gpu } = signals
  const wantedMs = idleMinutes * MINUTE_MS
  if (!input.known)
    return closed('in_use', `This contributor cannot tell whether its owner is using it: ${input.detail}`)
  if (input.value !== 'no_desktop' && input.value < wantedMs)
    return closed('in_use', 'The owner of this contributor is using it', now + wantedMs - input.value)
  if (gpu.known && gpu.value !== 'no_gpu' && gpu.value >= GPU_BUSY_PERCENT)
    return closed('gpu_in_use', 'Another program uses the graphics processor of this contributor')
  return undefined
}

function closed(reason: PauseReason, message: string, until?: number): Verdict {
  return { open: false, reason, message, ...(until === undefined ? {} : { until }) }
}
