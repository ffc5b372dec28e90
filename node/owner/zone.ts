import { DAY_MS, MINUTE_MS } from './constants.ts'

/** Offsets change at quarters of an hour only, in every zone of the tz database since 1972. */
const QUARTER_MS = 15 * MINUTE_MS

/** A time as a wall clock and a calendar of some zone show it. */
export interface WallTime {
  /** 0 is Sunday. */
  weekday: number
  /** Minutes since midnight, as the clock counts them. */
  minute: number
  /** Such as `2026-03-29`. */
  date: string
}

interface ZoneClock {
  format: Intl.DateTimeFormat
  /** The quarter of an hour that was asked for last, and its offset in milliseconds. */
  quarter: number
  offset: number
}

const clocks = new Map<string, ZoneClock>()

/** This machine's time zone. */
export function machineZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone
}

/** Whether a name is one of a time zone, such as `Europe/Vienna`. */
export function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en-US', { timeZone: name }).format() !== ''
  } catch {
    return false
  }
}

/** The wall clock of a zone at a time in milliseconds since 1970. */
export function wallTime(at: number, zone: string): WallTime {
  const local = new Date(at + offsetAt(at, zone))
  return {
    weekday: local.getUTCDay(),
    minute: local.getUTCHours() * 60 + local.getUTCMinutes(),
    date: local.toISOString().slice(0, 10)
  }
}

/** When a date begins in a zone, in milliseconds since 1970; not always at 00:00, which a change of clocks may skip. */
export function startOfDate(date: string, zone: string): number {
  const utc = Date.parse(`${date}T00:00:00Z`)
  for (let at = utc - 15 * 60 * MINUTE_MS; at < utc + 2 * DAY_MS; at += QUARTER_MS) {
    if (wallTime(at, zone).date >= date) return at
  }
  return utc
}

/** A date so many days after another. */
export function addDays(date: string, days: number): string {
  return new Date(Date.parse(`${date}T00:00:00Z`) + days * DAY_MS).toISOString().slice(0, 10)
}

/** The first day of the month after a date's. */
export function nextMonth(date: string): string {
  const first = new Date(`${date.slice(0, 7)}-01T00:00:00Z`)
  first.setUTCMonth(first.getUTCMonth() + 1)
  return first.toISOString().slice(0, 10)
}

/** The first minute from a time on at which a zone's clock shows what is wanted; undefined where none of so many days does. */
export function firstMinute(
  from: number,
  zone: string,
  days: number,
  wanted: (wall: WallTime) => boolean
): number | undefined {
  if (wanted(wallTime(from, zone))) return from
  const first = Math.floor(from / MINUTE_MS) * MINUTE_MS + MINUTE_MS
  for (let at = first; at < from + days * DAY_MS; at += MINUTE_MS) {
    if (wanted(wallTime(at, zone))) return at
  }
  return undefined
}

function offsetAt(at: number, zone: string): number {
  let clock = clocks.get(zone)
  const quarter = Math.floor(at / QUARTER_MS)
  if (clock?.quarter === quarter) return clock.offset
  clock ??= { format: formatOf(zone), quarter: NaN, offset: 0 }
  clocks.set(zone, clock)
  const start = quarter * QUARTER_MS
  const parts = new Map(clock.format.formatToParts(start).map(({ type, value }) => [type, Number(value)]))
  const part = (name: Intl.DateTimeFormatPartTypes): number => parts.get(name) ?? 0
  const local = Date.UTC(
    part('year'),
    part('month') - 1,
    part('day'),
    part('hour'),
    part('minute'),
    part('second')
  )
  clock.quarter = quarter
  clock.offset = local - start
  return clock.offset
}

function formatOf(zone: string): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric'
  })
}
