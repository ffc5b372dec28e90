import { packageVersion } from '../../version.ts'
import type { CommandContext } from '../command.ts'
import { findNode, type Found } from '../control/control-client.ts'
import type { NodeReport, RelayReport } from '../control/node-report.ts'
import { bytes, duration } from '../units.ts'
import { CommandError, EXIT } from '../errors.ts'
import { credits, table } from '../output.ts'
import type { ServiceState } from '../service/service.ts'
import { serviceState } from './service.ts'

/** Says how the home's node is. Throws CommandError with the exit code for an absent node where none runs. */
export async function nodeStatus(context: CommandContext): Promise<void> {
  const { config, output } = context
  const found = await findNode(config.home)
  const installed = packageVersion()
  const report = found.state === 'running' ? found.report : null
  const service = await serviceState(context, report?.kind === 'relay')
  const document = { state: stateOf(found), home: config.home, installed, service, node: report }
  if (report !== null) {
    output.result(document, () =>
      [statusText(report, installed, Date.now(), config.home), ...serviceLines(service)].join('\n')
    )
    return
  }
  if (output.json) output.result(document, () => '')
  // An exit code of its own, so that scripts and health checks can rely on it.
  throw new CommandError(explain(found, config.home), EXIT.unavailable)
}

function serviceLines(service: ServiceState | null): string[] {
  if (service === null) return []
  const { manager, active, enabled } = service
  const runs = active ? 'runs it' : 'does not run it'
  return [`  service  ${manager} ${runs}${enabled ? ', and starts it with the machine' : ''}`]
}

function stateOf(found: Found): string {
  if (found.state !== 'running') return found.state
  if (found.report === null) return 'unresponsive'
  return found.report.stopping ? 'stopping' : 'running'
}

function explain(found: Found, home: string): string {
  switch (found.state) {
    case 'absent':
      return `No node runs on ${home}. Start one: lobstah-node`
    case 'starting':
      return `A program holds ${home}, but does not answer yet: a node that is starting, or a command that writes to the ledger. Try again in a moment`
    case 'running':
      return `The node on ${home} (pid ${found.runtime.pid}) does not answer. Stop it: lobstah-node stop`
  }
}

/** The status for a person; `now` in milliseconds since 1970. */
export function statusText(report: NodeReport, installed: string, now: number, home: string): string {
  const { kind, version, startedAt, pid, stopping, peer } = report
  const name = kind === 'relay' ? 'lobstah-node relay' : 'lobstah-node'
  const state = stopping ? 'stopping' : 'running'
  const rows = [
    ['version', version === installed ? version : `${version}; ${installed} is installed: restart to use it`],
    ['home', home],
    ['peer', peer],
    ['mesh', report.mesh === null ? 'none joined' : `${report.mesh}${report.private ? ', private' : ''}`],
    ['peers', peersLine(report)],
    ...(kind === 'relay'
      ? []
      : [
          ['gateway', report.gateway ?? 'off'],
          ['serving', servingLine(report)]
        ]),
    ...(report.credits === null ? [] : [['credits', creditsLine(report.credits)]]),
    ...(report.relay === null ? [] : relayRows(report.relay))
  ]
  const head = `${name} is ${state}: pid ${pid}, for ${duration(now - startedAt)}`
  const users = report.relay === null ? [] : usersOf(report.relay)
  return [head, indent(table(rows)), ...users].join('\n')
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, '  ')
}

function peersLine({ kind, connected, contributors }: NodeReport): string {
  const all = `${connected} connected`
  return kind === 'relay'
    ? all
    : `${all}, ${contributors} ${contributors === 1 ? 'contributor' : 'contributors'}`
}

function servingLine({ serving }: NodeReport): string {
  if (serving === null) return 'only this machine'
  const { models, access, slots, active, queued } = serving
  const what = models.length === 0 ? 'no models yet' : models.join(', ')
  return `${what} to ${access === 'mesh' ? 'the mesh' : 'friends'}; ${active} of ${slots} slots busy, ${queued} waiting`
}

function creditsLine({ earned, spent, net }: { earned: number; spent: number; net: number }): string {
  return `earned ${credits(earned)}, spent ${credits(spent)}, net ${credits(net)}`
}

function relayRows(relay: RelayReport): string[][] {
  return [
    ['places', `${relay.reservations} of ${relay.maxReservations} taken`],
    ['circuits', `${relay.circuits} open, ${relay.circuitsOpened} since the start, ${bytes(relay.bytes)}`],
    ['refused', `${relay.refusedReservations} places, ${relay.refusedCircuits} circuits`]
  ]
}

function usersOf({ peers }: RelayReport): string[] {
  if (peers.length === 0) return []
  const rows = peers.map(({ peer, streams, bytes: sent, refused }) => [
    peer,
    String(streams),
    bytes(sent),
    String(refused)
  ])
  return ['', table([['RELAYED PEER', 'STREAMS', 'SENT', 'REFUSED'], ...rows])]
}
