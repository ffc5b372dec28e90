import type { JSX } from 'preact'
import type { DashboardState } from '../../http-gateway/dashboard/state.ts'
import { askJson, owner } from './api.ts'
import { credits, duration, nameOf, speed } from './format.ts'
import { Action, Card, Fact, Table } from './parts.tsx'

type Asked = DashboardState['asked'][number]

/** What each term of a choice is in words, of those worth telling. */
const TERMS: Readonly<Record<string, string>> = {
  path: 'way there',
  queue: 'queue',
  load: 'loading the model',
  prefill: 'reading the prompt',
  decode: 'writing the answer',
  risk: 'risk of failure',
  price: 'price',
  relation: 'relation'
}

/** Why a peer is asked, in words. */
const REASONS: Readonly<Record<string, string>> = {
  own: "this node's own engine answers",
  named: 'the request names this peer',
  only: 'it is the only one that can be asked',
  soonest: 'it is expected to finish soonest',
  good: 'it is one of the two best, taken at random',
  measured: 'its speed is being measured',
  resumed: 'it goes on with an answer that broke off elsewhere',
  'mesh-failed': 'the mesh could not serve the request'
}

/** Why a request went where it went, with the candidates and what they were judged by. */
function Why({ request }: { request: Asked }): JSX.Element | null {
  const { reason, candidates } = request
  if (reason === undefined) return null
  return (
    <details>
      <summary>Why this peer</summary>
      <p>
        {REASONS[reason.why] ?? reason.why}; {reason.of} could be asked
        {reason.tried === 0 ? '' : `, ${reason.tried} failed before`}.
      </p>
      {candidates.length === 0 ? null : (
        <Table label="Candidates" heads={['Peer', 'Expected', 'Made of']}>
          {candidates.map((candidate) => (
            <tr key={candidate.peer}>
              <td>
                {nameOf(candidate.peer)}
                <small>
                  {' '}
                  {candidate.relation}, {candidate.route}
                </small>
              </td>
              <td>
                {candidate.exclusions.length > 0
                  ? `left out: ${candidate.exclusions.join(', ').replaceAll('_', ' ')}`
                  : `${duration(candidate.finishMs)}${candidate.known ? '' : ' (a guess)'}`}
              </td>
              <td class="soft">{terms(candidate.terms)}</td>
            </tr>
          ))}
        </Table>
      )}
    </details>
  )
}

/** The terms of an expectation that matter, the largest first. */
function terms(of: Asked['candidates'][number]['terms']): string {
  return Object.entries<number>({ ...of })
    .filter(([, ms]) => Math.abs(ms) >= 50)
    .sort(([, a], [, b]) => Math.abs(b) - Math.abs(a))
    .slice(0, 4)
    .map(([name, ms]) => `${TERMS[name] ?? name} ${ms < 0 ? '−' : ''}${duration(Math.abs(ms))}`)
    .join(', ')
}

/** The figures above all else. */
export function Figures({ now }: { now: DashboardState }): JSX.Element {
  const { capacity, balance, node } = now
  const up = now.peers.filter(({ state }) => state === 'up').length
  return (
    <dl class="tiles">
      <Fact name="Peers" value={String(now.links.length || node.connected)} note={`${up} contributing`} />
      <Fact
        name="Models"
        value={String(now.models.length)}
        note={node.engine === undefined ? 'no own engine' : `engine: ${node.engine}`}
      />
      <Fact
        name="Running"
        value={String(now.asked.length + now.served.length)}
        note={`${now.asked.length} mine, ${now.served.length} served`}
      />
      <Fact
        name="Engine"
        value={`${capacity.active} of ${capacity.slots}`}
        note={`${capacity.queued} waiting`}
      />
      <Fact name="Earned" value={credits(balance.earned)} note="credits" />
      <Fact name="Spent" value={credits(balance.spent)} note="credits" />
    </dl>
  )
}

/** Requests that run now. */
export function Now({ now }: { now: DashboardState }): JSX.Element {
  return (
    <div class="two">
      <Card title="My requests">
        {now.asked.length === 0 ? <p class="soft">None is running.</p> : <Asked now={now} />}
      </Card>
      <Card title="Served to others">
        {now.served.length === 0 ? (
          <p class="soft">
            {now.capacity.contributing ? 'Nobody is asking.' : 'This node does not contribute.'}
          </p>
        ) : (
          <Served now={now} />
        )}
      </Card>
    </div>
  )
}

function Asked({ now }: { now: DashboardState }): JSX.Element {
  return (
    <ul class="requests" aria-label="My running requests">
      {now.asked.map((request) => {
        const last = request.peer ?? request.tried.at(-1)
        const before = request.tried.filter((peer, at, all) => peer !== last && all.indexOf(peer) === at)
        return (
          <li key={request.id}>
            <div class="row">
              <strong class="name">{request.model}</strong>
              <span class={`phase ${request.phase}`}>
                {request.phase}
                {request.position === undefined || request.position === 0
                  ? ''
                  : `, ${request.position} before it`}
              </span>
              <span class="rate">{speed(request.tokens, request.decodeMs)}</span>
              <Stop id={request.id} what={request.model} />
            </div>
            <p class="soft">
              {last === undefined ? 'choosing a peer' : `asked of ${nameOf(last)}`}
              {before.length > 0 ? `, after ${before.map(nameOf).join(', ')}` : ''}
              {`, ${request.tokens} tokens`}
              {request.caller === undefined ? '' : `, key ${request.caller}`}
            </p>
            <Why request={request} />
          </li>
        )
      })}
    </ul>
  )
}

function Served({ now }: { now: DashboardState }): JSX.Element {
  return (
    <Table label="Requests served to others" heads={['Model', 'For', 'Phase', 'Tokens', 'Speed', '']}>
      {now.served.map((request) => (
        <tr key={request.id}>
          <td class="name">{request.model}</td>
          <td>{nameOf(request.consumer)}</td>
          <td>{request.phase}</td>
          <td>{request.tokens}</td>
          <td>{speed(request.tokens, request.decodeMs)}</td>
          <td>
            <Stop id={request.id} what={`${request.model} for ${nameOf(request.consumer)}`} />
          </td>
        </tr>
      ))}
    </Table>
  )
}

function Stop({ id, what }: { id: string; what: string }): JSX.Element | null {
  if (!owner.value) return null
  return <Action label="Stop" describe={what} run={() => askJson('/lobstah/stop', { id })} />
}
