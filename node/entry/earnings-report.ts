import type { Earned, EarningsGroup, EarningsReport } from '../../http-gateway/index.ts'
import type { EarningsRow, Ledger } from '../ledger/index.ts'
import { addDays, machineZone, startOfDate, wallTime } from '../owner/index.ts'
import type { LiveConfig } from './live-settings.ts'

/** Longest time that is told day by day; what is older is told together, in days. */
const MAX_DAYS = 400

const JOULES_PER_KWH = 3_600_000

export interface EarningsQuery {
  /** Where the groups begin, in milliseconds since 1970. @default the start of the month */
  since?: number
  by?: EarningsGroup
}

type Settings = Pick<LiveConfig, 'timeZone' | 'watts' | 'kwhCents'>

/** Earnings from peers' orders today, this week (from Monday) and this month, and by group since a given time. */
export async function earningsReport(
  book: Pick<Ledger, 'earnings'>,
  settings: Settings,
  { since, by }: EarningsQuery,
  now: number
): Promise<EarningsReport> {
  const timeZone = settings.timeZone ?? machineZone()
  const { date, weekday } = wallTime(now, timeZone)
  const starts = {
    today: startOfDate(date, timeZone),
    week: startOfDate(addDays(date, -((weekday + 6) % 7)), timeZone),
    month: startOfDate(`${date.slice(0, 7)}-01`, timeZone)
  }
  const bounds = [...new Set(Object.values(starts))].toSorted((a, b) => a - b)
  const rows = await book.earnings({ starts: bounds })
  const sum = (from: number): Earned =>
    earnedOf(
      rows.filter((row) => row.from >= from),
      settings
    )
  return {
    timeZone,
    since: since ?? starts.month,
    today: sum(starts.today),
    week: sum(starts.week),
    month: sum(starts.month),
    by: by ?? null,
    groups:
      by === undefined
        ? []
        : await groupsOf(book, settings, { since: since ?? starts.month, by }, now, timeZone)
  }
}

async function groupsOf(
  book: Pick<Ledger, 'earnings'>,
  settings: Settings,
  { since, by }: Required<EarningsQuery>,
  now: number,
  timeZone: string
): Promise<EarningsReport['groups']> {
  if (by === 'day') {
    const rows = await book.earnings({ starts: daysBetween(since, now, timeZone) })
    return rows
      .toSorted((a, b) => a.from - b.from)
      .map((row) => ({ key: wallTime(row.from, timeZone).date, ...earnedOf([row], settings) }))
  }
  const rows = await book.earnings({ starts: [since], by })
  return rows
    .map((row) => ({ key: row.key, ...earnedOf([row], settings) }))
    .toSorted((a, b) => b.earned + b.claimed - (a.earned + a.claimed) || a.key.localeCompare(b.key))
}

function daysBetween(since: number, now: number, timeZone: string): number[] {
  const last = wallTime(now, timeZone).date
  const first = [wallTime(since, timeZone).date, addDays(last, -MAX_DAYS)].toSorted()[1] ?? last
  const starts = [since]
  for (let date = addDays(first, 1); date <= last; date = addDays(date, 1))
    starts.push(startOfDate(date, timeZone))
  return starts.filter((start, at) => at === 0 || start > since)
}

function earnedOf(rows: EarningsRow[], { watts, kwhCents }: Settings): Earned {
  const total = (field: Exclude<keyof EarningsRow, 'key'>): number =>
    rows.reduce((sum, row) => sum + row[field], 0)
  const [answerMs, completionTokens] = [total('answerMs'), total('completionTokens')]
  const seconds = total('busyMs') / 1000
  const kwh = watts === undefined ? null : (watts * seconds) / JOULES_PER_KWH
  return {
    orders: total('orders'),
    promptTokens: total('promptTokens'),
    completionTokens,
    earned: total('earned'),
    claimed: total('claimed'),
    seconds,
    tokensPerSecond: answerMs === 0 ? null : completionTokens / (answerMs / 1000),
    kwh,
    cost: kwh === null || kwhCents === undefined ? null : kwh * kwhCents
  }
}
