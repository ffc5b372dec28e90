import type { Outcome } from './failures.ts'
import type { LongRow, Row } from './matrix.ts'

/** One line of the matrix as a person reads it. */
export function rowText(row: Row): string {
  return [
    row.scenario.name.padEnd(38),
    `found ${time(row.foundMs)}`,
    `first token ${time(row.firstTokenMs)} ${row.firstRoute}`,
    `path ${row.path}${row.upgradeMs === null ? '' : ` after ${time(row.upgradeMs)}`}`,
    stream(row)
  ].join('  ')
}

/** One line of the failures as a person reads it. */
export function outcomeText(outcome: Outcome): string {
  return [outcome.failure.name.padEnd(50), saw(outcome), again(outcome)].join('  ')
}

/** The page `docs/nat-matrix.md`. */
export function page(rows: Row[], long: LongRow[], outcomes: Outcome[]): string {
  const matrix = rows.map((row) => [
    row.scenario.name,
    time(row.foundMs),
    `${time(row.firstTokenMs)}, ${row.firstRoute}`,
    row.path,
    row.upgradeMs === null ? '' : time(row.upgradeMs),
    stream(row)
  ])
  const failures = outcomes.map((outcome) => [outcome.failure.name, saw(outcome), again(outcome)])
  return `# NAT matrix

Written by \`npm run test:nat\`; do not edit. Real nodes in Linux network namespaces: a relay with a public address, which listens on TCP port 443, and two homes behind routers made of nftables. Every packet between them takes 20 to 22 ms, so that a round trip between two homes is 80 ms, and 160 ms through the relay. The wire protocol is specified in [protocols/punch](../protocols/punch/README.md).

## Pairs

The contributor's router, then the consumer's. The first question is asked as soon as the model is listed, and waits for no better path than there is at that moment.

${table(['Routers', 'Found', 'First token, path', 'Path then', 'Upgraded after', '10 MB answer'], matrix)}

- **cone** keeps ports and lets in only who was asked; the one **that answers strays** refuses others aloud. A **full cone** lets anybody in at a port that is in use. **Symmetric**: a new random port for each destination.
- _Found_ is the time from the consumer's start to the model in its list, by the DHT. _Upgraded after_ counts from there.
- **UPnP**: the contributor asked its router for a port (\`--upnp\`), and tells others of it only once the relay's dial to it has come in. A router that says yes and forwards nothing changes nothing. IPv6 is inbound-blocked, as home routers have it, and the relay has none.
- Two symmetric routers, or a network that lets out nothing but TCP to port 443, stay on the relay.

An answer of five minutes: ${long.map((row) => `${row.scenario.name} (${row.path}) ${row.whole ? 'whole' : 'broken'}`).join(', ')}.

## Failures

Each in the middle of an answer.

${table(['Failure', 'Seen by the user', 'Next answer'], failures)}

_Next answer_ counts from when the failure was over (the relay was back, the line was up) to the first token.
`
}

/** The README with the matrix in its place: between two comments that name this page. */
export function withMatrix(readme: string, rows: Row[]): string {
  const short = rows.map((row) => [
    row.scenario.name,
    `${time(row.firstTokenMs)}, ${row.firstRoute}`,
    row.upgradeMs === null ? row.path : `${row.path} after ${time(row.upgradeMs)}`
  ])
  const matrix = table(['Routers: contributor / consumer', 'First token', 'Path then'], short)
  return readme.replace(PLACE, `$1\n\n${matrix}\n\n$2`)
}

/** Where the matrix is in the README. */
const PLACE = /(<!-- nat-matrix: [^>]* -->)[^]*(<!-- \/nat-matrix -->)/

/** Milliseconds as a person reads them. */
function time(ms: number | null): string {
  if (ms === null) return 'never'
  return ms < 1000 ? `${ms} ms` : `${(ms / 1000).toFixed(1)} s`
}

function stream({ streamBytes, streamMs }: Row): string {
  const mbit = Math.round((streamBytes * 8) / 1000 / Math.max(1, streamMs))
  return `${(streamBytes / 1e6).toFixed(0)} MB at ${mbit} Mbit/s`
}

function saw({ whole, gapMs, error, noticedMs, path }: Outcome): string {
  if (whole) return `the answer comes whole (${path}; longest pause ${time(gapMs)})`
  return `an error after ${time(noticedMs)}: "${error ?? ''}"`
}

function again({ recoveredMs, recoveredPath }: Outcome): string {
  return recoveredMs === null
    ? 'none in a minute'
    : `after ${time(Math.max(0, recoveredMs))}, ${recoveredPath}`
}

function table(head: string[], rows: string[][]): string {
  const line = (cells: string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}
