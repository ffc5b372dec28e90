import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import type { DashboardState } from '../../http-gateway/dashboard/state.ts'
import { ask, askJson, command, look, owner } from './api.ts'
import { amount, credits, duration, nameOf, pathName } from './format.ts'
import { Action, Card, Fact, Table } from './parts.tsx'

interface Entry {
  index: number
  at: number
  kind: string
  order: string
  credits: number | null
}

interface Sum {
  side: 'asked' | 'served'
  peer: string
  requests: number
  completionTokens: number
  decodeMs: number
}

/** All that is known of one peer. */
export function PeerDetails({
  peer,
  now,
  onClose
}: {
  peer: string
  now: DashboardState
  onClose: () => void
}): JSX.Element {
  const sums = useSignal<Sum[]>([])
  const entries = useSignal<Entry[]>([])
  useEffect(() => {
    let current = true
    sums.value = []
    entries.value = []
    const load = async (): Promise<void> => {
      const history = await askJson<{ sums: Sum[] }>('/lobstah/history?by=day')
      if (current) sums.value = history.sums.filter((sum) => sum.peer === peer)
      if (!owner.value) return
      const response = await ask(`/receipts?limit=6&peer=${encodeURIComponent(peer)}`)
      const page = (await response.json()) as { entries: Entry[] }
      if (current) entries.value = page.entries
    }
    void look('The history with this peer', load)
    return () => (current = false)
  }, [peer, owner.value])
  const own = peer === now.node.peer
  const status = now.peers.find((each) => each.peer === peer)
  const link = now.links.find((each) => each.peer === peer)
  const money = now.balance.peers.find((each) => each.peer === peer)
  const models = now.models.filter((model) => model.peers.includes(peer))
  const friend = status?.friend === true
  const past = (side: Sum['side']): string => {
    const of = sums.value.filter((sum) => sum.side === side)
    const total = (pick: (sum: Sum) => number): number => of.reduce((all, sum) => all + pick(sum), 0)
    const rate =
      total((sum) => sum.decodeMs) === 0
        ? 0
        : total((sum) => sum.completionTokens) / (total((sum) => sum.decodeMs) / 1000)
    return of.length === 0
      ? 'nothing'
      : `${amount(total((sum) => sum.requests))} requests, ${amount(total((sum) => sum.completionTokens))} tokens${rate > 0 ? `, ${rate.toFixed(1)} tok/s` : ''}`
  }
  return (
    <Card
      title={own ? 'This node' : `Peer ${nameOf(peer)}`}
      aside={
        <button type="button" class="small" onClick={onClose}>
          Close
        </button>
      }
    >
      <p class="id">
        <code>{peer}</code>
      </p>
      <dl class="facts">
        {own ? null : (
          <Fact name="State" value={status?.state ?? (link === undefined ? 'gone' : 'connected')} />
        )}
        {own ? null : <Fact name="Path" value={pathName(link?.path ?? null)} />}
        {link?.rttMs === undefined ? null : <Fact name="Latency" value={duration(link.rttMs)} />}
        {status === undefined ? null : (
          <Fact name="Load" value={`${status.active} of ${status.slots}`} note={`${status.queued} waiting`} />
        )}
        {status?.firstTokenMs == null ? null : (
          <Fact name="First token" value={duration(status.firstTokenMs)} />
        )}
        {status === undefined ? null : (
          <Fact name="Answered" value={amount(status.answered)} note={`${status.failed} failed`} />
        )}
        {money === undefined ? null : (
          <Fact
            name="Balance"
            value={credits(money.net)}
            note={`earned ${credits(money.earned)}, spent ${credits(money.spent)}`}
          />
        )}
        <Fact name="Asked, 30 days" value={past('asked')} />
        {own ? null : <Fact name="Served, 30 days" value={past('served')} />}
      </dl>
      {models.length === 0 ? null : (
        <Table label={`Models of ${nameOf(peer)}`} heads={['Model', 'Context', 'Price in / out', 'Speed']}>
          {models.map(({ id, contextLength, price }) => (
            <tr key={id}>
              <td class="name">{id}</td>
              <td>
                {status?.contexts[id] == null
                  ? contextLength === null
                    ? '?'
                    : amount(contextLength)
                  : amount(status.contexts[id])}
              </td>
              <td>{own ? 'own' : `${credits(price.prompt)} / ${credits(price.completion)}`}</td>
              <td>{status?.speeds?.[id] === undefined ? '' : `${status.speeds[id].toFixed(1)} tok/s`}</td>
            </tr>
          ))}
        </Table>
      )}
      {own ? null : (
        <div class="row">
          <span>{friend ? 'A friend of this node.' : 'Not a friend.'}</span>
          {owner.value ? (
            <Action
              label={friend ? 'Remove friend' : 'Add friend'}
              describe={nameOf(peer)}
              run={() => command(friend ? 'friends remove' : 'friends add', { argument: peer })}
            />
          ) : null}
        </div>
      )}
      {entries.value.length === 0 ? null : (
        <Table label={`Receipts with ${nameOf(peer)}`} heads={['When', 'Record', 'Credits']}>
          {entries.value.map((entry) => (
            <tr key={entry.index}>
              <td>{new Date(entry.at).toLocaleString()}</td>
              <td>{entry.kind}</td>
              <td>{entry.credits === null ? '' : credits(entry.credits)}</td>
            </tr>
          ))}
        </Table>
      )}
    </Card>
  )
}
