import type { Earned } from '../../../http-gateway/index.ts'
import type { Config } from '../../config/index.ts'
import { earningsReport } from '../earnings-report.ts'
import { CommandError, EXIT } from '../errors.ts'
import { withLedger } from '../kept-ledger.ts'
import { credits, table, type Output } from '../output.ts'

export interface EarningsFlags {
  by?: 'model' | 'peer' | 'day'
  since?: string
}

/** Prints what peers' orders earned today, this week and this month, and by group. */
export async function earnings(config: Config, { by, since }: EarningsFlags, output: Output): Promise<void> {
  const from = since === undefined ? undefined : Date.parse(since)
  if (from !== undefined && !(from >= 0))
    throw new CommandError('--since takes a date, such as 2026-01-31', EXIT.usage)
  const query = { ...(from === undefined ? {} : { since: from }), ...(by === undefined ? {} : { by }) }
  const report = await withLedger(config, (book) => earningsReport(book, config, query, Date.now()))
  output.result(report, () => {
    const periods = [
      ['today', ...cells(report.today)],
      ['this week', ...cells(report.week)],
      ['this month', ...cells(report.month)]
    ]
    const sums = table([['PERIOD', ...COLUMNS], ...periods])
    if (by === undefined) return sums
    const groups = report.groups.map(({ key, ...earned }) => [key, ...cells(earned)])
    return `${sums}\n\n${table([[by.toUpperCase(), ...COLUMNS], ...groups])}`
  })
}

const COLUMNS = ['ORDERS', 'PROMPT', 'ANSWER', 'TOKENS/S', 'EARNED', 'CLAIMED', 'KWH', 'COST']

function cells(earned: Earned): string[] {
  return [
    String(earned.orders),
    String(earned.promptTokens),
    String(earned.completionTokens),
    earned.tokensPerSecond?.toFixed(1) ?? '-',
    credits(earned.earned),
    credits(earned.claimed),
    earned.kwh?.toFixed(3) ?? '-',
    earned.cost === null ? '-' : (earned.cost / 100).toFixed(2)
  ]
}
