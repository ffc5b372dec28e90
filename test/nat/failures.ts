import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import type { AgentAnswer, Lab, LabNode, Variant } from './lab.ts'
import { pathOf } from './matrix.ts'

/** The processes that run when something breaks. */
interface Scene {
  lab: Lab
  /** Kills the relay that carries the answer (the first where none does), and starts it again on the same home. */
  relay: { kill(): Promise<void>; restart(): Promise<void> }
}

/** Something that breaks in the middle of an answer. */
export interface Failure {
  name: string
  /** The routers of contributor and consumer. */
  nat: [Variant, Variant]
  relays: 1 | 2
  /** The path on which the answer travels. */
  path: 'punched' | 'relayed'
  breaks: (scene: Scene) => Promise<void>
  /** Whether a contributor in a third home, behind a cone, serves the model too. */
  third?: boolean
  /** Whether the answer must come whole all the same. */
  whole: boolean
  ci?: boolean
}

const lineDown = async ({ lab }: Scene): Promise<void> => {
  await lab.line('A', 'down')
  await delay(12_000)
  await lab.line('A', 'up')
}

export const FAILURES: Failure[] = [
  {
    name: 'relay killed and restarted, punched pair',
    nat: ['cone', 'cone'],
    relays: 1,
    path: 'punched',
    breaks: async ({ relay }) => {
      await relay.kill()
      await relay.restart()
    },
    whole: true,
    ci: true
  },
  {
    name: 'relay killed and restarted, relayed pair',
    nat: ['symmetric', 'symmetric'],
    relays: 1,
    path: 'relayed',
    breaks: async ({ relay }) => {
      await relay.kill()
      await relay.restart()
    },
    whole: false,
    ci: true
  },
  {
    name: 'one of two relays lost, relayed pair',
    nat: ['symmetric', 'symmetric'],
    relays: 2,
    path: 'relayed',
    breaks: ({ relay }) => relay.kill(),
    whole: false,
    ci: true
  },
  {
    name: "contributor's NAT table flushed, punched pair",
    nat: ['cone', 'cone'],
    relays: 1,
    path: 'punched',
    breaks: ({ lab }) => lab.flush('A'),
    whole: true
  },
  {
    name: "contributor's NAT table flushed, relayed pair",
    nat: ['symmetric', 'symmetric'],
    relays: 1,
    path: 'relayed',
    breaks: ({ lab }) => lab.flush('A'),
    whole: false
  },
  {
    name: "contributor's line down for 12 s, punched pair",
    nat: ['cone', 'cone'],
    relays: 1,
    path: 'punched',
    breaks: lineDown,
    whole: false
  },
  {
    name: "contributor's public address changed, punched pair",
    nat: ['cone', 'cone'],
    relays: 1,
    path: 'punched',
    breaks: ({ lab }) => lab.move('A'),
    whole: false
  },
  {
    name: 'relay lost, relayed pair, a third home serves',
    nat: ['symmetric', 'symmetric'],
    relays: 2,
    path: 'relayed',
    breaks: ({ relay }) => relay.kill(),
    third: true,
    whole: true,
    ci: true
  },
  {
    name: "contributor's line down for 12 s, punched pair, a third home serves",
    nat: ['cone', 'cone'],
    relays: 1,
    path: 'punched',
    breaks: lineDown,
    third: true,
    whole: true
  },
  {
    name: "contributor's public address changed, punched pair, a third home serves",
    nat: ['cone', 'cone'],
    relays: 1,
    path: 'punched',
    breaks: ({ lab }) => lab.move('A'),
    third: true,
    whole: true
  }
]

/** A failure as a user sees it; times in milliseconds. */
export interface Outcome {
  failure: Failure
  /** The path when it broke. */
  path: string
  whole: boolean
  /** The error that the user got, if the answer was incomplete. */
  error: string | null
  /** From the break to the end of the answer, where it did not come whole. */
  noticedMs: number | null
  /** Longest silence within the answer. */
  gapMs: number
  /** From the break's end to the first token of a next answer; null when there was none in a minute. */
  recoveredMs: number | null
  /** The path of that answer. */
  recoveredPath: string
  failures: string[]
}

/** Length of the answer in which something breaks, in seconds; the third home's node starts while it goes on. */
const SECONDS = 25
const SECONDS_OF_THREE = 60

/** Longest wait for the next answer, in milliseconds. */
const RECOVERY_MS = 60_000

/** Breaks something in the middle of an answer, and sees what a user sees. */
export async function suffer(lab: Lab, failure: Failure): Promise<Outcome> {
  await lab.nat('A', failure.nat[0])
  await lab.nat('B', failure.nat[1])
  const hosts = failure.relays === 2 ? (['vps', 'vps2'] as const) : (['vps'] as const)
  const relays = await Promise.all(
    hosts.map(async (host) => {
      const home = lab.home()
      return { host, home, node: await lab.relay(host, { home }) }
    })
  )
  const addresses = relays.map(({ node }) => node.address)
  const contributor = await lab.contributor('homeA', addresses)
  const consumer = await lab.consumer('homeB', addresses)
  await lab.ask(consumer, 'models')
  if (failure.path === 'punched') await lab.ask(consumer, 'path')
  const path = await pathOf(lab, consumer, contributor)
  const { promise: began, resolve: onBegin } = Promise.withResolvers<void>()
  const seconds = failure.third === true ? SECONDS_OF_THREE : SECONDS
  const question = `stream for ${seconds} seconds`
  const state = { ended: false }
  const asking = lab.ask(consumer, 'chat', { question, timeoutMs: 120_000, onBegin }).then((answer) => {
    state.ended = true
    onBegin()
    return { answer, endedAt: performance.now() }
  })
  await began
  if (failure.third === true) {
    await lab.nat('C', 'cone')
    await lab.contributor('homeC', addresses)
    while (!state.ended && (await peersKnown(lab, consumer)) < 2) await delay(200)
  }
  const before = await Promise.all(relays.map(({ host }) => lab.received(host)))
  await delay(2000)
  const packets = await Promise.all(
    relays.map(async ({ host }, n) => (await lab.received(host)) - (before[n] ?? 0))
  )
  const carrier = relays[packets.indexOf(Math.max(...packets))] ?? assert.fail()
  const endedBefore = state.ended
  const brokeAt = performance.now()
  await failure.breaks({
    lab,
    relay: {
      kill: () => carrier.node.end(),
      restart: async () => {
        carrier.node = await lab.relay(carrier.host, { home: carrier.home })
      }
    }
  })
  const mendedAt = performance.now()
  const recovering = recovery(lab, consumer, mendedAt)
  const { answer, endedAt } = await asking
  const failovers = Number((await lab.ask(consumer, 'failovers')).failovers)
  const recoveredMs = await recovering
  const recoveredPath = await pathOf(lab, consumer, contributor)
  await lab.stopAll()
  const whole = answer.finish === 'stop' && answer.error === null
  const outcome: Outcome = {
    failure,
    path,
    whole,
    error: whole ? null : said(answer),
    noticedMs: whole ? null : Math.round(endedAt - brokeAt),
    gapMs: Number(answer.gapMs),
    recoveredMs,
    recoveredPath,
    failures: []
  }
  if (path !== failure.path) outcome.failures.push(`path ${path}, expected ${failure.path}`)
  if (failure.whole && !whole) outcome.failures.push(`the answer broke: ${said(answer)}`)
  if (!whole && answer.error === null) outcome.failures.push('the answer ended without an error')
  if (endedBefore) outcome.failures.push('the answer was over before anything was broken')
  if (whole && answer.text !== numbers(seconds)) outcome.failures.push('the answer has a repeat or a gap')
  // Where the contributor is found again by the other relay in time, it goes on in a second order.
  if (failure.relays === 2 && whole && failovers < 1)
    outcome.failures.push('the relay that was killed did not carry the answer')
  if (recoveredMs === null) outcome.failures.push('no answer in the minute after')
  return outcome
}

/** The answer as the lab's engine gives it. */
function numbers(seconds: number): string {
  return Array.from({ length: seconds * 10 }, (_, n) => ` ${n}`).join('')
}

async function peersKnown(lab: Lab, consumer: LabNode): Promise<number> {
  const { peers } = (await lab.ask(consumer, 'peers')) as { peers?: { state: string }[] }
  return (peers ?? []).filter(({ state }) => state === 'up').length
}

function said({ error, finish }: AgentAnswer): string {
  return typeof error === 'string' ? error : `no error, finish reason ${String(finish)}`
}

/** Asks again and again; how long after the mending a first token came. */
async function recovery(lab: Lab, consumer: LabNode, mendedAt: number): Promise<number | null> {
  while (performance.now() - mendedAt < RECOVERY_MS) {
    const asked = performance.now()
    const { firstMs } = await lab.ask(consumer, 'chat', { question: 'What is a mesh?', timeoutMs: 15_000 })
    if (typeof firstMs === 'number') return Math.round(asked - mendedAt + firstMs)
    await delay(100)
  }
  return null
}
