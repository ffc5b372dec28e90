import type { PastSum, Span } from '../../node/history/index.ts'

/** How many hours, days or months are shown. */
const SHOWN: Readonly<Record<Span, number>> = { hour: 24, day: 30, month: 12 }

/** The begins of the hours, days or months up to now, oldest first. */
export function timesOf(by: Span, now = Date.now()): number[] {
  return Array.from({ length: SHOWN[by] }, (_, back) => startOf(by, now, SHOWN[by] - 1 - back))
}

function startOf(by: Span, now: number, back: number): number {
  const date = new Date(now)
  date.setMinutes(0, 0, 0)
  if (by === 'hour') date.setHours(date.getHours() - back)
  else date.setHours(0)
  if (by === 'day') date.setDate(date.getDate() - back)
  if (by === 'month') date.setMonth(date.getMonth() - back, 1)
  return date.getTime()
}

/** A quantity over time; null where there was nothing. */
export function seriesOf(
  sums: readonly PastSum[],
  times: readonly number[],
  side: PastSum['side'],
  pick: (sum: PastSum) => number
): number[] {
  const byTime = new Map<number, number>()
  for (const sum of sums) if (sum.side === side) byTime.set(sum.at, (byTime.get(sum.at) ?? 0) + pick(sum))
  return times.map((time) => byTime.get(time) ?? 0)
}

/** Tokens a second over time; null where nothing was written. */
export function speedsOf(
  sums: readonly PastSum[],
  times: readonly number[],
  side: PastSum['side']
): (number | null)[] {
  const tokens = seriesOf(sums, times, side, ({ completionTokens }) => completionTokens)
  const ms = seriesOf(sums, times, side, ({ decodeMs }) => decodeMs)
  return tokens.map((count, at) => ((ms[at] ?? 0) === 0 ? null : count / ((ms[at] ?? 1) / 1000)))
}

/** Sums by model or by peer, the most tokens first. */
export function groupsOf(sums: readonly PastSum[], key: 'model' | 'peer'): PastSum[] {
  const groups = new Map<string, PastSum>()
  for (const sum of sums) {
    const name = JSON.stringify([sum.side, sum[key]])
    const group = groups.get(name)
    if (group === undefined) groups.set(name, { ...sum })
    else {
      group.requests += sum.requests
      group.failed += sum.failed
      group.promptTokens += sum.promptTokens
      group.completionTokens += sum.completionTokens
      group.credits += sum.credits
      group.decodeMs += sum.decodeMs
    }
  }
  return [...groups.values()].sort((a, b) => b.completionTokens - a.completionTokens)
}
