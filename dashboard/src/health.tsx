import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import { ask, command, look, owner } from './api.ts'
import { credits, nameOf } from './format.ts'
import { Action, Card, OwnerOnly, Table } from './parts.tsx'

interface Finding {
  check: string
  status: 'ok' | 'warn' | 'fail' | 'skip'
  detail: string
  remedy?: string
}

interface LogLine {
  at: number
  level: string
  component: string
  message: string
}

interface Entry {
  index: number
  at: number
  kind: string
  order: string
  consumer: string
  contributor: string
  credits: number | null
}

const MARKS = { ok: '✓ ok', warn: '! warning', fail: '✗ fault', skip: '– skipped' }

/** What is wrong with the node, what it logged, and its receipts. */
export function Health(): JSX.Element {
  return (
    <>
      <Card title="Check-up">
        <OwnerOnly what="Checks">
          <Doctor />
        </OwnerOnly>
      </Card>
      <Card title="Receipts">
        <OwnerOnly what="Receipts">
          <Receipts />
        </OwnerOnly>
      </Card>
      <Card title="Log">
        <OwnerOnly what="Logs">
          <Log />
        </OwnerOnly>
      </Card>
    </>
  )
}

function Doctor(): JSX.Element {
  const findings = useSignal<Finding[] | undefined>(undefined)
  const look = async (): Promise<void> => {
    findings.value = (await command<Finding[]>('doctor')).result
  }
  return (
    <>
      <p class="soft">
        Looks at the engine, the ports and the way to the mesh, and says how to fix what is wrong. It takes
        some seconds.
      </p>
      <div class="row">
        <Action label="Check this node" kind="main" run={look} />
      </div>
      <div aria-live="polite">
        {findings.value === undefined ? null : (
          <ul class="findings" aria-label="Findings">
            {findings.value.map(({ check, status, detail, remedy }, at) => (
              <li key={at} class={status}>
                <strong>
                  <span class="mark-text">{MARKS[status]}</span> {check}
                </strong>
                <p>{detail}</p>
                {remedy === undefined || remedy === 'see above' ? null : <p class="remedy">→ {remedy}</p>}
              </li>
            ))}
          </ul>
        )}
      </div>
    </>
  )
}

function Receipts(): JSX.Element {
  const entries = useSignal<Entry[]>([])
  const next = useSignal<number | null>(null)
  const verified = useSignal('')
  const load = async (before?: number): Promise<void> => {
    const response = await ask(`/receipts?limit=20${before === undefined ? '' : `&before=${before}`}`)
    const page = (await response.json()) as { entries: Entry[]; next: number | null }
    entries.value = before === undefined ? page.entries : [...entries.value, ...page.entries]
    next.value = page.next
  }
  useEffect(() => void look('Receipts', load), [owner.value])
  const verify = async (): Promise<void> => {
    const { result, notes } = await command<{ entries: number; firstBad?: { reason: string } }>(
      'ledger verify'
    )
    verified.value =
      result.firstBad === undefined
        ? `All ${result.entries} entries are as they were written, and every signature is good.`
        : [`Not good: ${result.firstBad.reason}`, ...notes].join(' ')
  }
  const save = async (): Promise<void> => {
    const { result } = await command<object[] | object | null>('receipts export')
    const lines = result === null ? [] : Array.isArray(result) ? result : [result]
    const file = new Blob([lines.map((line) => `${JSON.stringify(line)}\n`).join('')], {
      type: 'application/x-ndjson'
    })
    const link = document.createElement('a')
    link.href = URL.createObjectURL(file)
    link.download = 'receipts.jsonl'
    link.click()
    URL.revokeObjectURL(link.href)
  }
  return (
    <>
      <div class="row">
        <Action label="Verify all" run={verify} />
        <Action label="Export" run={save} />
      </div>
      <p role="status">{verified.value}</p>
      {entries.value.length === 0 ? (
        <p class="soft">There are none yet.</p>
      ) : (
        <Table label="Receipts" heads={['When', 'Record', 'With', 'Credits', 'Order']}>
          {entries.value.map((entry) => (
            <tr key={entry.index}>
              <td class="nowrap">{new Date(entry.at).toLocaleString()}</td>
              <td>{entry.kind}</td>
              <td>
                {nameOf(entry.consumer) === 'this node' ? nameOf(entry.contributor) : nameOf(entry.consumer)}
              </td>
              <td>{entry.credits === null ? '' : credits(entry.credits)}</td>
              <td>
                <code>{entry.order.slice(0, 10)}…</code>
              </td>
            </tr>
          ))}
        </Table>
      )}
      {next.value === null || entries.value.length === 0 ? null : (
        <Action label="Older ones" run={() => load(next.value ?? undefined)} />
      )}
    </>
  )
}

function Log(): JSX.Element {
  const lines = useSignal<LogLine[]>([])
  const load = async (): Promise<void> => {
    lines.value = ((await (await ask('/lobstah/logs')).json()) as { lines: LogLine[] }).lines
  }
  useEffect(() => void look('The log', load), [owner.value])
  return (
    <>
      <div class="row">
        <Action label="Read again" run={load} />
      </div>
      {lines.value.length === 0 ? (
        <p class="soft">Nothing was logged since the node started, at its level of logging.</p>
      ) : (
        <ol class="log" tabIndex={0} aria-label="Log, newest first">
          {lines.value.toReversed().map((line, at) => (
            <li key={at} class={line.level}>
              <time>{new Date(line.at).toLocaleTimeString()}</time> <b>{line.level}</b> {line.component}:{' '}
              {line.message}
            </li>
          ))}
        </ol>
      )}
    </>
  )
}
