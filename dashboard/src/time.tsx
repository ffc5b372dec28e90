import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import type { PastSum, Span } from '../../node/history/index.ts'
import { askJson, look } from './api.ts'
import { Chart } from './chart.tsx'
import { amount, credits, nameOf } from './format.ts'
import { Card, Table } from './parts.tsx'
import { groupsOf, seriesOf, speedsOf, timesOf } from './past.ts'

const SPANS: readonly [Span, string][] = [
  ['hour', 'Last 24 hours'],
  ['day', 'Last 30 days'],
  ['month', 'Last 12 months']
]

/** How often the history is read anew while it is looked at, in milliseconds. */
const REFRESH_MS = 15_000

/** What was asked and served before. */
export function Past(): JSX.Element {
  const by = useSignal<Span>('hour')
  const sums = useSignal<PastSum[]>([])
  const times = timesOf(by.value)
  useEffect(() => {
    const load = async (): Promise<void> => {
      const since = timesOf(by.value)[0] ?? 0
      sums.value = (await askJson<{ sums: PastSum[] }>(`/lobstah/history?by=${by.value}&since=${since}`)).sums
    }
    const again = (): void => void look('The past', load)
    again()
    const timer = setInterval(again, REFRESH_MS)
    return () => clearInterval(timer)
  }, [by.value])
  const pair = (pick: (sum: PastSum) => number, asked: string, served: string) => [
    { name: asked, colour: 'brand', values: seriesOf(sums.value, times, 'asked', pick) },
    { name: served, colour: 'blue', values: seriesOf(sums.value, times, 'served', pick) }
  ]
  return (
    <>
      <Card
        title="Over time"
        aside={
          <div class="switch" role="group" aria-label="Length of time">
            {SPANS.map(([span, name]) => (
              <button
                key={span}
                type="button"
                class="small"
                aria-pressed={by.value === span}
                onClick={() => (by.value = span)}
              >
                {name}
              </button>
            ))}
          </div>
        }
      >
        {sums.value.length === 0 ? <p class="soft">Nothing was asked or served in this time yet.</p> : null}
        <div class="charts">
          <Chart
            label="Credits"
            unit="credits"
            times={times}
            series={pair((sum) => sum.credits / 1_000_000, 'spent', 'earned')}
            format={(value) => amount(value)}
          />
          <Chart
            label="Tokens written"
            unit="tokens"
            times={times}
            series={pair((sum) => sum.completionTokens, 'asked', 'served')}
            format={amount}
          />
          <Chart
            label="Requests"
            unit="requests"
            times={times}
            series={pair((sum) => sum.requests, 'asked', 'served')}
            format={amount}
          />
          <Chart
            label="Tokens a second"
            unit="tokens a second"
            times={times}
            series={[
              { name: 'asked', colour: 'brand', values: speedsOf(sums.value, times, 'asked') },
              { name: 'served', colour: 'blue', values: speedsOf(sums.value, times, 'served') }
            ]}
            format={amount}
          />
        </div>
      </Card>
      <div class="two">
        <Groups title="By model" groups={groupsOf(sums.value, 'model')} name={({ model }) => model} />
        <Groups title="By peer" groups={groupsOf(sums.value, 'peer')} name={({ peer }) => nameOf(peer)} />
      </div>
    </>
  )
}

function Groups({
  title,
  groups,
  name
}: {
  title: string
  groups: PastSum[]
  name: (sum: PastSum) => string
}): JSX.Element {
  return (
    <Card title={title}>
      {groups.length === 0 ? (
        <p class="soft">Nothing yet.</p>
      ) : (
        <Table label={title} heads={['Name', '', 'Requests', 'Tokens', 'Speed', 'Credits']}>
          {groups.slice(0, 50).map((sum) => (
            <tr key={`${sum.side} ${sum.model} ${sum.peer}`}>
              <td class="name">{name(sum)}</td>
              <td>{sum.side}</td>
              <td>
                {amount(sum.requests)}
                {sum.failed === 0 ? '' : ` (${amount(sum.failed)} failed)`}
              </td>
              <td>{amount(sum.completionTokens)}</td>
              <td>
                {sum.decodeMs === 0
                  ? ''
                  : `${((sum.completionTokens / sum.decodeMs) * 1000).toFixed(1)} tok/s`}
              </td>
              <td>{credits(sum.credits)}</td>
            </tr>
          ))}
        </Table>
      )}
    </Card>
  )
}
