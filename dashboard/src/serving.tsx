import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import { askJson, look, owner } from './api.ts'
import { amount, credits } from './format.ts'
import { Action, Card, Fact, OwnerOnly, Table } from './parts.tsx'

interface Serving {
  contributing: boolean
  open: boolean
  message: string | null
  paused: { until: number | null } | null
  tokens: { day: number; month: number; perDay: number | null; perMonth: number | null }
  signals: { signal: string; known: boolean; detail: string }[]
}

interface Limits {
  limits: Record<string, unknown>
  pinned: string[]
  serving: Serving
}

interface Earned {
  orders: number
  completionTokens: number
  earned: number
  tokensPerSecond: number | null
  kwh: number | null
}

interface Earnings {
  today: Earned
  week: Earned
  month: Earned
}

/** The limits that are offered, each with its words. */
const FIELDS: readonly [name: string, label: string, kind: 'number' | 'flag' | 'list', hint: string][] = [
  ['slots', 'Requests at once', 'number', 'how many are answered side by side'],
  ['hours', 'Hours', 'list', 'such as mon-fri 22:00-07:00, sat-sun 00:00-24:00; empty: always'],
  ['tokensPerDay', 'Tokens a day', 'number', 'empty: no limit'],
  ['tokensPerMonth', 'Tokens a month', 'number', 'empty: no limit'],
  ['serveModels', 'Models', 'list', 'empty: all'],
  ['memoryShare', 'Share of the memory', 'number', 'percent; empty: no limit'],
  ['idleMinutes', 'Minutes without input', 'number', 'until the machine counts as free'],
  ['onBattery', 'Serve on battery', 'flag', ''],
  ['whileInUse', 'Serve while I use the machine', 'flag', ''],
  ['watts', 'Watts while it serves', 'number', 'for kWh in the earnings']
]

/** How often the state is read while it is looked at, in milliseconds. */
const REFRESH_MS = 3_000

/** Whether this node serves others now, until when not, and how much. */
export function ServingCard({ contributing }: { contributing: boolean }): JSX.Element {
  const serving = useSignal<Serving | undefined>(undefined)
  const earnings = useSignal<Earnings | undefined>(undefined)
  const failure = useSignal('')
  const load = async (): Promise<void> => {
    serving.value = await askJson<Serving>('/lobstah/serving')
    earnings.value = await askJson<Earnings>('/lobstah/earnings')
  }
  useEffect(() => {
    const again = (): void =>
      void load().catch((err: unknown) => (failure.value = err instanceof Error ? err.message : String(err)))
    again()
    const timer = setInterval(again, REFRESH_MS)
    return () => clearInterval(timer)
  }, [])
  const now = serving.value
  const change = async (path: string, body: object): Promise<void> => {
    serving.value = await askJson<Serving>(path, body)
  }
  return (
    <>
      <Card title="Contributing">
        {now === undefined ? (
          <p class="soft">
            {failure.value === ''
              ? 'Asking the node …'
              : `This node ${contributing ? 'contributes' : 'does not contribute'}.`}
          </p>
        ) : (
          <>
            <p role="status" class="headline">
              {!now.contributing
                ? 'This node does not contribute.'
                : now.open
                  ? 'Open: peers are served.'
                  : (now.message ?? 'Closed: new requests are refused.')}
            </p>
            {now.contributing ? (
              <OwnerOnly what="Pause and limits">
                <div class="row">
                  {now.paused === null ? (
                    <>
                      <Action
                        label="Pause for an hour"
                        run={() => change('/lobstah/pause', { for: 3_600_000 })}
                      />
                      <Action
                        label="Pause until tomorrow"
                        run={() => change('/lobstah/pause', { until: 'tomorrow' })}
                      />
                      <Action label="Pause" run={() => change('/lobstah/pause', {})} />
                    </>
                  ) : (
                    <Action label="Resume" kind="main" run={() => change('/lobstah/resume', {})} />
                  )}
                </div>
              </OwnerOnly>
            ) : null}
            <dl class="facts">
              <Fact
                name="Tokens today"
                value={amount(now.tokens.day)}
                note={now.tokens.perDay === null ? 'no limit' : `of ${amount(now.tokens.perDay)}`}
              />
              <Fact
                name="Tokens this month"
                value={amount(now.tokens.month)}
                note={now.tokens.perMonth === null ? 'no limit' : `of ${amount(now.tokens.perMonth)}`}
              />
              {now.signals.map(({ signal, known, detail }) => (
                <Fact key={signal} name={SIGNALS[signal] ?? signal} value={known ? detail : 'unknown'} />
              ))}
            </dl>
          </>
        )}
        {earnings.value === undefined ? null : <EarningsTable earnings={earnings.value} />}
      </Card>
      <Card title="Limits">
        <OwnerOnly what="Limits">
          <LimitsForm />
        </OwnerOnly>
      </Card>
    </>
  )
}

const SIGNALS: Readonly<Record<string, string>> = {
  power: 'Power',
  input: 'Your input',
  gpu: "Others' use of the GPU"
}

function EarningsTable({ earnings }: { earnings: Earnings }): JSX.Element {
  const rows: [string, Earned][] = [
    ['Today', earnings.today],
    ['This week', earnings.week],
    ['This month', earnings.month]
  ]
  return (
    <Table label="Earnings" heads={['', 'Credits', 'Orders', 'Tokens', 'Speed', 'kWh']}>
      {rows.map(([name, { earned, orders, completionTokens, tokensPerSecond, kwh }]) => (
        <tr key={name}>
          <th scope="row">{name}</th>
          <td>{credits(earned)}</td>
          <td>{amount(orders)}</td>
          <td>{amount(completionTokens)}</td>
          <td>{tokensPerSecond === null ? '' : `${tokensPerSecond.toFixed(1)} tok/s`}</td>
          <td>{kwh === null ? '' : kwh.toFixed(2)}</td>
        </tr>
      ))}
    </Table>
  )
}

function LimitsForm(): JSX.Element {
  const limits = useSignal<Limits | undefined>(undefined)
  const said = useSignal('')
  useEffect(() => {
    void look('Limits', async () => (limits.value = await askJson<Limits>('/lobstah/limits')))
  }, [owner.value])
  const save = async (form: HTMLFormElement): Promise<void> => {
    const changed: Record<string, unknown> = {}
    for (const [name, , kind] of FIELDS) {
      const field = form.elements.namedItem(name)
      if (!(field instanceof HTMLInputElement) || field.disabled) continue
      const value = valueOf(field, kind)
      if (JSON.stringify(value) !== JSON.stringify(limits.value?.limits[name] ?? null)) changed[name] = value
    }
    try {
      limits.value = await askJson<Limits>('/lobstah/limits', changed, 'PATCH')
      said.value = 'Saved; in force now.'
    } catch (err) {
      said.value = err instanceof Error ? err.message : String(err)
    }
  }
  if (limits.value === undefined) return <p class="soft">Reading the limits …</p>
  const { limits: values, pinned } = limits.value
  return (
    <form
      class="limits"
      onSubmit={(event) => {
        event.preventDefault()
        void save(event.currentTarget)
      }}
    >
      <div class="fields">
        {FIELDS.filter(([name]) => name in values).map(([name, label, kind, hint]) => (
          <label key={name}>
            {label}
            {kind === 'flag' ? (
              <input
                type="checkbox"
                name={name}
                defaultChecked={values[name] === true}
                disabled={pinned.includes(name)}
              />
            ) : (
              <input
                name={name}
                inputMode={kind === 'number' ? 'numeric' : 'text'}
                {...(kind === 'number' ? { pattern: '[0-9]*' } : {})}
                defaultValue={textOf(values[name])}
                disabled={pinned.includes(name)}
              />
            )}
            <small>{pinned.includes(name) ? 'set by a flag or variable' : hint}</small>
          </label>
        ))}
      </div>
      <div class="row">
        <button type="submit" class="main">
          Save limits
        </button>
        <span role="status">{said.value}</span>
      </div>
    </form>
  )
}

function textOf(value: unknown): string {
  if (value == null) return ''
  if (Array.isArray(value)) return value.join(', ')
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function valueOf(field: HTMLInputElement, kind: 'number' | 'flag' | 'list'): unknown {
  if (kind === 'flag') return field.checked
  const text = field.value.trim()
  if (kind === 'number') return text === '' ? null : Number(text)
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
}
