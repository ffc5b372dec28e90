import type { AgentAnswer, Lab, LabNode, Variant } from './lab.ts'

/** One pair of homes. */
export interface Scenario {
  name: string
  /** The contributor's router. */
  contributor: Variant
  /** The consumer's router; `same` puts both behind the contributor's. */
  consumer: Variant | 'same'
  /** The path that this pair must reach; a worse one fails the run. */
  expect: 'lan' | 'direct' | 'punched' | 'relayed'
  /** Whether the contributor asks its router to forward a port, and whether it must then be reachable. */
  upnp?: 'works' | 'broken'
  /** Whether the selection for CI has it. */
  ci?: boolean
  /** Whether an answer of five minutes is tried too. */
  long?: boolean
}

export const SCENARIOS: Scenario[] = [
  { name: 'cone / cone', contributor: 'cone', consumer: 'cone', expect: 'punched', ci: true, long: true },
  { name: 'cone that answers strays / same', contributor: 'reject', consumer: 'reject', expect: 'punched' },
  { name: 'full cone / cone', contributor: 'fullcone', consumer: 'cone', expect: 'punched' },
  { name: 'full cone / symmetric', contributor: 'fullcone', consumer: 'symmetric', expect: 'punched' },
  { name: 'cone / symmetric', contributor: 'cone', consumer: 'symmetric', expect: 'punched', ci: true },
  { name: 'symmetric / cone', contributor: 'symmetric', consumer: 'cone', expect: 'punched' },
  {
    name: 'cone that answers strays / symmetric',
    contributor: 'reject',
    consumer: 'symmetric',
    expect: 'punched'
  },
  {
    name: 'symmetric / symmetric',
    contributor: 'symmetric',
    consumer: 'symmetric',
    expect: 'relayed',
    ci: true,
    long: true
  },
  { name: 'public, inbound blocked / cone', contributor: 'public', consumer: 'cone', expect: 'punched' },
  { name: 'UDP blocked / cone', contributor: 'udpblocked', consumer: 'cone', expect: 'punched', ci: true },
  { name: 'TCP 443 only / cone', contributor: 'tcp443', consumer: 'cone', expect: 'relayed', ci: true },
  { name: 'two homes behind one cone', contributor: 'cone', consumer: 'same', expect: 'lan', ci: true },
  {
    name: 'symmetric with UPnP / symmetric',
    contributor: 'upnp',
    consumer: 'symmetric',
    expect: 'direct',
    upnp: 'works',
    ci: true
  },
  {
    name: 'symmetric with UPnP that forwards nothing / symmetric',
    contributor: 'upnpbroken',
    consumer: 'symmetric',
    expect: 'relayed',
    upnp: 'broken'
  },
  {
    name: 'symmetric, with IPv6 / same',
    contributor: 'ipv6',
    consumer: 'ipv6',
    expect: 'punched',
    ci: true
  },
  {
    name: 'symmetric, with IPv6 but no UDP / same',
    contributor: 'ipv6tcp',
    consumer: 'ipv6tcp',
    expect: 'punched'
  }
]

/** How one pair fared; times in milliseconds, null where it never happened. */
export interface Row {
  scenario: Scenario
  /** From the consumer's start to its first listed model. */
  foundMs: number | null
  /** From the contributor's start to a public address of its own that a peer has dialled. */
  reachableMs: number | null
  /** Of the first question, asked at once. */
  firstTokenMs: number | null
  /** The path of the first answer. */
  firstRoute: string
  /** From the first listed model to a path that is not relayed. */
  upgradeMs: number | null
  /** The path in the end. */
  path: string
  /** Bytes that arrived of {@link STREAM_BYTES}, and how long that took. */
  streamBytes: number
  streamMs: number
  failures: string[]
}

/** Length of the large answer, in bytes: an order of the default length allows no more than 4 MB. */
export const STREAM_BYTES = 3_000_000

/** Longest wait for a better path than the relay, in milliseconds. */
const UPGRADE_MS = 15_000

/** Longest wait for a forwarded port to be believed, in milliseconds: libp2p asks the router after 5 s. */
const REACHABLE_MS = 30_000

/** How long the long stream is, in seconds. */
const LONG_SECONDS = 300

/** Lets one pair meet over a relay, and measures. */
export async function measure(lab: Lab, scenario: Scenario): Promise<Row> {
  await lab.nat('A', scenario.contributor)
  if (scenario.consumer !== 'same') await lab.nat('B', scenario.consumer)
  const relay = await lab.relay('vps')
  const flags = scenario.upnp === undefined ? [] : ['--upnp']
  const contributor = await lab.contributor('homeA', [relay.address], flags)
  const reachable =
    scenario.upnp === undefined
      ? {}
      : await lab.ask(contributor, 'reachable', {
          timeoutMs: scenario.upnp === 'works' ? REACHABLE_MS : REACHABLE_MS / 2
        })
  const consumer = await lab.consumer(scenario.consumer === 'same' ? 'homeA2' : 'homeB', [relay.address])
  const found = await lab.ask(consumer, 'models')
  const upgrading = lab.ask(consumer, 'path', {
    timeoutMs: scenario.expect === 'relayed' ? 9000 : UPGRADE_MS
  })
  const first = await lab.ask(consumer, 'chat', { question: 'What is a mesh?' })
  const upgrade = await upgrading
  const stream = await lab.ask(consumer, 'chat', {
    question: `stream ${STREAM_BYTES} bytes`,
    timeoutMs: 120_000
  })
  const path = await pathOf(lab, consumer, contributor)
  await lab.stopAll()
  const row: Row = {
    scenario,
    foundMs: number(found.ms),
    reachableMs: number(reachable.ms),
    firstTokenMs: number(first.firstMs),
    firstRoute: String(first.route),
    upgradeMs: number(upgrade.ms),
    path,
    streamBytes: Number(stream.bytes),
    streamMs: Number(stream.ms),
    failures: []
  }
  if (row.foundMs === null) row.failures.push('not found by the DHT')
  if (row.firstTokenMs === null) row.failures.push(`no first token: ${String(first.error)}`)
  if (row.streamBytes !== STREAM_BYTES || stream.finish !== 'stop')
    row.failures.push(`stream not whole: ${String(stream.error)}`)
  if (row.path !== scenario.expect) row.failures.push(`path ${row.path}, expected ${scenario.expect}`)
  if (scenario.upnp === 'works' && row.reachableMs === null) row.failures.push('the port was not believed')
  if (scenario.upnp === 'broken' && row.reachableMs !== null)
    row.failures.push('a port was believed unproven')
  return row
}

/** How an answer of five minutes fared. */
export interface LongRow {
  scenario: Scenario
  /** The path at its start. */
  path: string
  whole: boolean
  failures: string[]
}

/** Lets one pair meet, and has one answer take five minutes. */
export async function measureLong(lab: Lab, scenario: Scenario): Promise<LongRow> {
  await lab.nat('A', scenario.contributor)
  if (scenario.consumer !== 'same') await lab.nat('B', scenario.consumer)
  const relay = await lab.relay('vps')
  const contributor = await lab.contributor('homeA', [relay.address])
  const consumer = await lab.consumer(scenario.consumer === 'same' ? 'homeA2' : 'homeB', [relay.address])
  await lab.ask(consumer, 'models')
  if (scenario.expect !== 'relayed') await lab.ask(consumer, 'path', { timeoutMs: UPGRADE_MS })
  const path = await pathOf(lab, consumer, contributor)
  const question = `stream for ${LONG_SECONDS} seconds`
  const answer = await lab.ask(consumer, 'chat', { question, timeoutMs: (LONG_SECONDS + 120) * 1000 })
  await lab.stopAll()
  const whole = answer.finish === 'stop' && answer.error === null
  const failures = whole ? [] : [`five minutes not whole: ${String(answer.error)}`]
  if (path !== scenario.expect) failures.push(`path ${path}, expected ${scenario.expect}`)
  return { scenario, path, whole, failures }
}

/** The path to a peer as the node itself shows it. */
export async function pathOf(lab: Lab, consumer: LabNode, contributor: LabNode): Promise<string> {
  const { peers } = (await lab.ask(consumer, 'peers')) as { peers?: AgentAnswer[] }
  const known = peers?.find(({ peer }) => peer === contributor.peer)
  return typeof known?.path === 'string' ? known.path : 'unknown'
}

function number(value: unknown): number | null {
  return typeof value === 'number' ? value : null
}
