import type { Config } from '../../config/index.ts'
import { collectWhenIdle } from '../idle-collection.ts'
import { startNode, type NodeProcess } from '../node-process.ts'
import type { MeshConfig } from '../mesh-config.ts'
import type { Output } from '../output.ts'
import type { Verdict } from '../../owner/index.ts'
import { stopSignal } from '../stop-signal.ts'
import { finds } from '../rendezvous-settings.ts'

/** How this program is called: in a checkout it is not installed. */
const PROGRAM = process.argv[1]?.endsWith('.ts') === true ? 'npm start --' : 'lobstah-node'

/** Runs a node until it is told to stop. A second signal stops it at once. */
export async function run(settings: Config, env: NodeJS.ProcessEnv, output: Output): Promise<void> {
  const stopping = stopSignal()
  const node = await startNode(settings, env, stopping)
  const { config } = node
  for (const warning of node.warnings) output.note(`Warning: ${warning}`)
  output.event({ event: 'ready', ...facts(config, node) }, () => welcome(config, node))
  const watch = (): void => {
    const addresses = node.lobstah.libp2p.getMultiaddrs().map(String)
    output.event({ event: 'addresses', addresses }, () => undefined)
  }
  node.lobstah.libp2p.addEventListener('self:peer:update', watch)
  const stopReporting = reportServing(node, output)
  const stopCollecting = collectWhenIdle()
  await stopping.requested
  stopCollecting()
  stopReporting()
  node.lobstah.libp2p.removeEventListener('self:peer:update', watch)
  output.event(
    { event: 'stopping' },
    () => 'Stopping once running answers finish. Press Ctrl-C again to stop at once.'
  )
  await node.stop()
  output.event({ event: 'stopped' }, () => 'Stopped.')
}

/** How the owner opens a contributor that is closed. */
const OPENERS: Record<(Verdict & { open: false })['reason'], string> = {
  paused: `${PROGRAM} resume`,
  hours: `${PROGRAM} limits set hours=`,
  tokens_per_day: `${PROGRAM} limits set tokensPerDay=`,
  tokens_per_month: `${PROGRAM} limits set tokensPerMonth=`,
  on_battery: 'start with --on-battery',
  in_use: 'start with --while-in-use',
  gpu_in_use: 'start with --while-in-use'
}

/** Says when the owner's limits close this contributor to peers, and when they open it again. */
function reportServing({ config, owner }: NodeProcess, output: Output): () => void {
  if (!config.contribute) return () => undefined
  let told: string | undefined
  const report = (): void => {
    const { verdict } = owner.state()
    const reason = verdict.open ? undefined : verdict.reason
    if (reason === told) return
    told = reason
    if (verdict.open) output.event({ event: 'open' }, () => 'Peers are served again.')
    else
      output.event(
        { event: 'closed', reason: verdict.reason, message: verdict.message },
        () =>
          `Peers are not served now: ${verdict.message}. To serve all the same: ${OPENERS[verdict.reason]}`
      )
  }
  report()
  return owner.onChange(report)
}

function facts(config: MeshConfig, node: NodeProcess): Record<string, unknown> {
  return {
    peer: node.lobstah.peer,
    gateway: node.gateway?.url ?? null,
    addresses: node.lobstah.libp2p.getMultiaddrs().map(String),
    mesh: config.membership?.name ?? null,
    private: config.membership?.key !== undefined,
    contributing: config.contribute,
    relaying: config.relay,
    engine: node.engine?.engine.name ?? null,
    models: node.lobstah.contributor?.capacity().models.map(({ id }) => id) ?? []
  }
}

function welcome(config: MeshConfig, node: NodeProcess): string {
  const lines = [`lobstah-node ${node.lobstah.peer}`]
  const models = node.lobstah.contributor?.capacity().models ?? []
  if (node.engine !== undefined) lines.push(`  engine   ${node.engine.reason}`)
  for (const { id, demonstration } of models) {
    lines.push(
      `  model    ${id}${demonstration === true ? ' (a demonstration model: it shows that the mesh works, no more)' : ''}`
    )
  }
  for (const address of node.lobstah.libp2p.getMultiaddrs()) lines.push(`  address  ${address.toString()}`)
  lines.push(`  mesh     ${meshLine(config)}`)
  lines.push(
    `  serving  ${config.contribute ? `${config.serveAccess}, ${config.slots ?? 'as many as the engine answers'} at once` : 'only this machine'}`
  )
  if (node.gateway !== undefined) lines.push(...tryNext(node.gateway.url, models[0]?.id))
  lines.push('Press Ctrl-C to stop.')
  return lines.join('\n')
}

/** Which mesh this is, and whether the node meets anybody in it. */
function meshLine(config: MeshConfig): string {
  const { membership, bootstrap, mdns, tracker, nostr } = config
  const joined = membership === undefined ? [] : [`"${membership.name}", joined`]
  const meets = [
    ...(bootstrap.length === 0 ? [] : [`joining through ${bootstrap.length} peer(s)`]),
    ...(mdns ? ['looking on the local network'] : []),
    ...(finds(config) ? [`looking at ${tracker.length + nostr.length} tracker(s) and Nostr relay(s)`] : [])
  ]
  if (meets.length > 0) return [...joined, ...meets].join(', ')
  return membership === undefined
    ? 'not joined: the node contacts nobody'
    : `${joined.join()}; the node contacts nobody: there is no address to join it through, or nobody to ask or serve`
}

function tryNext(url: string, model = 'MODEL'): string[] {
  const body = JSON.stringify({ model, messages: [{ role: 'user', content: 'What is a mesh?' }] })
  return [
    `  gateway  ${url}/v1, dashboard at ${url}/`,
    '',
    'Try:',
    `  ${PROGRAM} chat "What is a mesh?"`,
    `  curl ${url}/v1/chat/completions -H 'content-type: application/json' -d '${body}'`,
    `  ${PROGRAM} models`,
    `  ${PROGRAM} --help`,
    ''
  ]
}
