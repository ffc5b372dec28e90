import type { JSX } from 'preact'
import type { DashboardState } from '../../http-gateway/dashboard/state.ts'
import { Chat } from './chat.tsx'
import { amount, credits, duration, nameOf } from './format.ts'
import { Card, Table } from './parts.tsx'

/** Models that somebody serves, and a box to try them in. */
export function Models({ now }: { now: DashboardState }): JSX.Element {
  return (
    <>
      <Card title="Models">
        {now.models.length === 0 ? (
          <p class="soft">Nobody serves a model yet, neither this node nor a peer.</p>
        ) : (
          <Table
            label="Models"
            heads={['Model', 'Served by', 'Context', 'Price in / out', 'First token', 'Speed', 'Can']}
          >
            {now.models.map((model) => (
              <tr key={model.id}>
                <td class="name">
                  <strong>{model.id}</strong>
                  <small>
                    {model.parameters === null ? '' : ` ${amount(model.parameters)} parameters`}{' '}
                    {model.quantization ?? ''}
                  </small>
                </td>
                <td>
                  {model.peers.map((peer) => (
                    <span key={peer} class="peer-name">
                      {nameOf(peer)}{' '}
                    </span>
                  ))}
                </td>
                <td>{model.contextLength === null ? 'unknown' : amount(model.contextLength)}</td>
                <td>
                  {model.peers.every((peer) => peer === now.node.peer)
                    ? 'own'
                    : `${credits(model.price.prompt)} / ${credits(model.price.completion)}`}
                </td>
                <td>{quickest(now, model.peers)}</td>
                <td>{fastest(now, model.id)}</td>
                <td class="soft">{model.capabilities.slice(0, 6).join(', ')}</td>
              </tr>
            ))}
          </Table>
        )}
        <p class="soft">Prices are in credits a token.</p>
      </Card>
      <Chat now={now} />
    </>
  )
}

/** The shortest measured time to the first token among peers. */
function quickest(now: DashboardState, peers: string[]): string {
  const times = now.peers
    .filter(({ peer, firstTokenMs }) => peers.includes(peer) && firstTokenMs !== null)
    .map(({ firstTokenMs }) => firstTokenMs ?? 0)
  return times.length === 0 ? 'not measured' : duration(Math.min(...times))
}

/** The highest measured speed of a model. */
function fastest(now: DashboardState, model: string): string {
  const speeds = now.peers.map(({ speeds }) => speeds?.[model] ?? 0).filter((each) => each > 0)
  return speeds.length === 0 ? 'not measured' : `${Math.max(...speeds).toFixed(1)} tok/s`
}
