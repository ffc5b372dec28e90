import { firstMinute, type WallTime } from './zone.ts'

const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const

const DAY_MINUTES = 24 * 60

/** Longest time between two openings of the same window, in days: a week, and one whose clocks skip it. */
const SEARCH_DAYS = 15

const DAY = '(sun|mon|tue|wed|thu|fri|sat)[a-z]*'
const WINDOW = new RegExp(
  `^(?:(?:(daily)|${DAY}(?:\\s*-\\s*${DAY})?)\\s+)?(\\d{1,2}):(\\d\\d)\\s*-\\s*(\\d{1,2}):(\\d\\d)$`,
  'i'
)

/** Hours of some days of the week, on the wall clock; those that end before they start last until the day after. */
export interface HoursWindow {
  /** Weekdays on which it starts; 0 is Sunday. */
  days: readonly number[]
  /** Minutes since midnight. */
  start: number
  end: number
}

/** Reads `mon-fri 22:00-07:00`, `sat 00:00-24:00` or `22:00-07:00`; undefined for any other text. */
export function parseWindow(text: string): HoursWindow | undefined {
  const match = WINDOW.exec(text.trim())
  if (match === null) return undefined
  const [, , from, to, ...times] = match
  const [startHour = 0, startMinute = 0, endHour = 0, endMinute = 0] = times.map(Number)
  const [start, end] = [startHour * 60 + startMinute, endHour * 60 + endMinute]
  if (startMinute > 59 || endMinute > 59 || start >= DAY_MINUTES || end > DAY_MINUTES || start === end)
    return undefined
  return { days: daysOf(from, to ?? from), start, end }
}

/** Whether a window is open, as the wall clock shows it; without any, it always is. */
export function isOpen(windows: readonly HoursWindow[], wall: WallTime): boolean {
  return windows.length === 0 || windows.some((window) => covers(window, wall))
}

interface Opening {
  zone: string
  /** From when on it is the next one, in milliseconds since 1970. */
  from: number
  at: number
}

/** The next opening of hours that were asked for before: finding one goes through days, minute by minute. */
const openings = new WeakMap<readonly HoursWindow[], Opening>()

/** When a window opens next, in milliseconds since 1970: now, where one is open. */
export function nextOpening(windows: readonly HoursWindow[], now: number, zone: string): number | undefined {
  const known = openings.get(windows)
  if (known?.zone === zone && known.from <= now && now < known.at) return known.at
  const at = firstMinute(now, zone, SEARCH_DAYS, (wall) => isOpen(windows, wall))
  if (at !== undefined) openings.set(windows, { zone, from: now, at })
  return at
}

function covers({ days, start, end }: HoursWindow, { weekday, minute }: WallTime): boolean {
  if (start < end) return days.includes(weekday) && minute >= start && minute < end
  const yesterday = (weekday + 6) % 7
  return (days.includes(weekday) && minute >= start) || (days.includes(yesterday) && minute < end)
}

function daysOf(from: string | undefined, to: string | undefined): number[] {
  const [first, last] = [indexOf(from), indexOf(to)]
  if (first === undefined || last === undefined) return DAYS.map((_, day) => day)
  const length = ((last - first + 7) % 7) + 1
  return Array.from({ length }, (_, at) => (first + at) % 7)
}

function indexOf(day: string | undefined): number | undefined {
  return day === undefined ? undefined : DAYS.findIndex((name) => name === day.slice(0, 3).toLowerCase())
}
