import type { Row, Times } from './measure.ts'
import { PATHS } from './paths.ts'

/** The rows as tables for a terminal, in Markdown. */
export function report(rows: Row[]): string {
  const latency = [
    ['path', 'streams', 'TTFT p50 / p95', 'added', 'chunk p50 / p95 / p99', 'added', 'streams failed'],
    ...rows.map((row) => [
      PATHS[row.path],
      String(row.streams),
      times(row.ttftMs, ['p50', 'p95']),
      times(row.ttftAddedMs, ['p50', 'p95']),
      times(row.chunkMs, ['p50', 'p95', 'p99']),
      times(row.chunkAddedMs, ['p50', 'p95', 'p99']),
      counts(row.errors)
    ])
  ]
  const kinds = [...new Set(rows.flatMap((row) => Object.keys(row.cpuMsPerChunk)))]
  const cost = [
    ['path', 'streams', ...kinds],
    ...rows.map((row) => [PATHS[row.path], String(row.streams), ...kinds.map((kind) => costOf(row, kind))])
  ]
  return [
    'Milliseconds; medians of the rounds.',
    table(latency),
    'CPU ms a chunk, and peak RSS in MB.',
    table(cost)
  ].join('\n\n')
}

function times(values: Times | null, keys: (keyof Times)[]): string {
  return values === null ? '' : keys.map((key) => values[key].toFixed(2)).join(' / ')
}

function counts(errors: Record<string, number>): string {
  const texts = Object.entries(errors).map(([what, count]) => `${count} (${what})`)
  return texts.length === 0 ? '0' : texts.join(', ')
}

function costOf(row: Row, kind: string): string {
  const cpu = row.cpuMsPerChunk[kind]
  if (cpu === undefined) return ''
  const rss = row.peakRssMb[kind]
  return rss === undefined ? cpu.toFixed(3) : `${cpu.toFixed(3)}, ${rss.toFixed(0)}`
}

function table([head = [], ...rows]: string[][]): string {
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column]!.length)))
  const text = (row: string[]): string =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |`
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`
  return [text(head), rule, ...rows.map(text)].join('\n')
}
