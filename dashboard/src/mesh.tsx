import { useComputed, useSignal } from '@preact/signals'
import type { CSSProperties, JSX } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import type { DashboardState } from '../../http-gateway/dashboard/state.ts'
import { state } from './api.ts'
import { duration, nameOf, pathName } from './format.ts'
import { layout } from './layout.ts'
import { Legend } from './legend.tsx'
import { Card } from './parts.tsx'
import { PeerDetails } from './peer.tsx'

const HEIGHT = 380

interface Drawn {
  id: string
  kind: 'own' | 'peer' | 'relay'
  label: string
  sub: string
  state: string
}

interface Edge {
  source: string
  target: string
  path: string
  text: string
  /** Whether requests move along it, and which way: to the peer, from the peer, or both. */
  out: boolean
  back: boolean
}

/** All that is in the picture: this node first. */
function scene(now: DashboardState): { nodes: Drawn[]; edges: Edge[] } {
  const own = now.node.peer
  const nodes = new Map<string, Drawn>()
  const models = now.capacity.models.length
  nodes.set(own, {
    id: own,
    kind: 'own',
    label: 'This node',
    sub: models === 0 ? 'asks' : now.capacity.contributing ? `serves ${models}` : `${models} for itself`,
    state: 'up'
  })
  const asked = new Set(now.asked.map(({ peer, tried }) => peer ?? tried.at(-1)))
  const served = new Set(now.served.map(({ consumer }) => consumer))
  const edges: Edge[] = []
  const links = new Map(now.links.map((link) => [link.peer, link]))
  for (const peer of now.peers) {
    if (peer.peer === own) continue
    nodes.set(peer.peer, {
      id: peer.peer,
      kind: 'peer',
      label: nameOf(peer.peer),
      sub: `${peer.models.length} model${peer.models.length === 1 ? '' : 's'}`,
      state: peer.state
    })
  }
  for (const link of now.links) {
    if (!nodes.has(link.peer))
      nodes.set(link.peer, {
        id: link.peer,
        kind: link.relay ? 'relay' : 'peer',
        label: nameOf(link.peer),
        sub: link.relay ? 'relay' : served.has(link.peer) ? 'asks us' : 'connected',
        state: 'up'
      })
  }
  for (const { id } of nodes.values()) {
    if (id === own) continue
    const link = links.get(id)
    const path = link?.path ?? 'none'
    const via = link?.via !== undefined && nodes.has(link.via) ? link.via : undefined
    edges.push({
      source: own,
      target: id,
      path,
      text: link?.rttMs === undefined ? '' : duration(link.rttMs),
      out: asked.has(id),
      back: served.has(id)
    })
    if (via !== undefined)
      edges.push({ source: via, target: id, path: 'via', text: '', out: false, back: false })
  }
  return { nodes: [...nodes.values()], edges }
}

function useWidth(): [{ current: HTMLDivElement | null }, number] {
  const ref = useRef<HTMLDivElement>(null)
  const width = useSignal(640)
  useEffect(() => {
    if (ref.current === null) return
    const observer = new ResizeObserver(([entry]) => {
      if (entry !== undefined) width.value = Math.max(240, Math.floor(entry.contentRect.width))
    })
    observer.observe(ref.current)
    return () => observer.disconnect()
  }, [])
  return [ref, width.value]
}

/** The mesh as a picture, and the peer that was chosen in it. */
export function Mesh({ now }: { now: DashboardState }): JSX.Element {
  const [ref, width] = useWidth()
  const chosen = useSignal<string | undefined>(undefined)
  const places = useRef(new Map<string, { x: number; y: number }>())
  const drawnFor = useRef('')
  const { nodes, edges } = useComputed(() => scene(state.value ?? now)).value
  const height = width < 500 ? 340 : HEIGHT
  const key = JSON.stringify([width, height, nodes.map(({ id }) => id)])
  if (drawnFor.current !== key) {
    drawnFor.current = key
    places.current = layout(
      nodes.map(({ id }) => id),
      edges,
      { width, height }
    )
  }
  const at = (id: string): { x: number; y: number } =>
    places.current.get(id) ?? { x: width / 2, y: height / 2 }
  const selected = nodes.find(({ id }) => id === chosen.value)
  return (
    <div class="mesh">
      <Card title="The mesh" aside={<Legend />}>
        <div class="picture" ref={ref}>
          <svg
            width={width}
            height={height}
            viewBox={`0 0 ${width} ${height}`}
            role="group"
            aria-label="Picture of the mesh: choose a peer for details"
          >
            {edges.map((edge) => (
              <Wire
                key={`${edge.source} ${edge.target}`}
                edge={edge}
                from={at(edge.source)}
                to={at(edge.target)}
              />
            ))}
            {nodes.map((node) => (
              <Dot
                key={node.id}
                node={node}
                place={at(node.id)}
                chosen={node.id === chosen.value}
                describe={describe(node, edges)}
                onChoose={() => (chosen.value = node.id === chosen.value ? undefined : node.id)}
              />
            ))}
          </svg>
          {nodes.length === 1 ? <p class="alone">No other peer is connected yet.</p> : null}
        </div>
      </Card>
      <div aria-live="polite" class="details">
        {selected === undefined ? (
          <Card title="Details">
            <p class="soft">Choose a peer in the picture to see its models, prices, speed and history.</p>
          </Card>
        ) : (
          <PeerDetails peer={selected.id} now={now} onClose={() => (chosen.value = undefined)} />
        )}
      </div>
    </div>
  )
}

function describe(node: Drawn, edges: Edge[]): string {
  const edge = edges.find(({ target, path }) => target === node.id && path !== 'via')
  const way = edge === undefined ? '' : `, ${pathName(edge.path)}${edge.text === '' ? '' : `, ${edge.text}`}`
  const state = node.state === 'up' ? '' : `, ${node.state}`
  return `${node.label}, ${node.sub}${way}${state}`
}

function Wire({
  edge,
  from,
  to
}: {
  edge: Edge
  from: { x: number; y: number }
  to: { x: number; y: number }
}): JSX.Element {
  const moving = (back: boolean): CSSProperties => {
    const [a, b] = back ? [to, from] : [from, to]
    return {
      '--x1': `${a.x}px`,
      '--y1': `${a.y}px`,
      '--x2': `${b.x}px`,
      '--y2': `${b.y}px`
    }
  }
  return (
    <g class={`wire ${edge.path}`} aria-hidden="true">
      <line x1={from.x} y1={from.y} x2={to.x} y2={to.y} />
      {edge.text === '' ? null : (
        <text x={(from.x + to.x) / 2} y={(from.y + to.y) / 2 - 5} text-anchor="middle">
          {edge.text}
        </text>
      )}
      {edge.out
        ? [0, 1, 2].map((each) => <circle key={each} class={`moves m${each}`} r="4" style={moving(true)} />)
        : null}
      {edge.back
        ? [0, 1, 2].map((each) => (
            <circle key={each} class={`moves served m${each}`} r="4" style={moving(false)} />
          ))
        : null}
    </g>
  )
}

function Dot({
  node,
  place: { x, y },
  chosen,
  describe: label,
  onChoose
}: {
  node: Drawn
  place: { x: number; y: number }
  chosen: boolean
  describe: string
  onChoose: () => void
}): JSX.Element {
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key !== 'Enter' && event.key !== ' ') return
    event.preventDefault()
    onChoose()
  }
  return (
    <g
      class={`dot ${node.kind} ${node.state}${chosen ? ' chosen' : ''}`}
      transform={`translate(${x} ${y})`}
      role="button"
      tabindex={0}
      aria-label={label}
      aria-pressed={chosen}
      onClick={onChoose}
      onKeyDown={onKeyDown}
    >
      {node.kind === 'relay' ? (
        <rect x="-13" y="-13" width="26" height="26" rx="4" transform="rotate(45)" />
      ) : (
        <circle r={node.kind === 'own' ? 24 : 18} />
      )}
      {node.kind === 'own' ? (
        <path class="glyph" d="M-9 4a9 9 0 0 1 18 0M-4 -9l-3 -5M4 -9l3 -5M0 4v6M-5 4v4M5 4v4" />
      ) : null}
      <text y={node.kind === 'own' ? 40 : 33} text-anchor="middle">
        {node.label}
      </text>
      <text class="sub" y={node.kind === 'own' ? 54 : 46} text-anchor="middle">
        {node.sub}
      </text>
    </g>
  )
}
