import type { Candidate } from '../../node/consumer/choice/judged.ts'
import { PaceMeter } from '../../node/consumer/peers/pace.ts'
import { MODEL } from '../support/records.ts'

/** How often contributors tell how busy they are, in milliseconds. */
const ANNOUNCED_MS = 250

/** Until a lost contributor is noticed, in milliseconds. */
const NOTICED_MS = 100

/** A contributor as it is. */
export interface SimulatedPeer {
  slots: number
  startMs: number
  readMs: number
  writeMs: number
  roundTripMs: number
  /** When it is away, from and until, in milliseconds. */
  away: (readonly [number, number])[]
}

export interface SimulatedRequest {
  at: number
  consumer: number
  prompt: number
  answer: number
}

export interface Scenario {
  name: string
  peers: SimulatedPeer[]
  /** In the order of their time. */
  requests: SimulatedRequest[]
  /** Requests that come first and are not counted: the consumers get to know the peers. */
  warmUp: number
}

/** The input of a policy: the view of one consumer, and the truth, which only the best assignment may use. */
export interface View {
  candidates: Candidate[]
  request: SimulatedRequest
  random: () => number
  /** When each candidate would really finish, in milliseconds; Infinity where it would be lost before. */
  truth: (candidate: Candidate) => number
}

export type Policy = (view: View) => Candidate | undefined

export interface Outcome {
  mean: number
  p95: number
  /** Requests at the fullest peer, against the mean of all peers. */
  fullest: number
}

/** Numbers from 0 to 1 that are the same for the same seed (a linear congruential generator). */
export function seeded(seed: number): () => number {
  let state = seed
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647
}

interface Job {
  consumer: number
  at: number
  end: number
}

interface Learned {
  meter: PaceMeter
  firstTokens: number[]
  median: number | null
}

/** Runs a scenario by a policy, on a clock of its own: plain data, no nodes. */
export function simulate({ peers, requests, warmUp }: Scenario, policy: Policy, seed: number): Outcome {
  const random = seeded(seed)
  const free = peers.map(({ slots }) => new Array<number>(slots).fill(0))
  const running = peers.map((): Job[] => [])
  let news: { at: number; tell: () => void }[] = []
  const learned = new Map<string, Learned>()
  const counts = peers.map(() => 0)
  const times: number[] = []
  const knows = (consumer: number, peer: number): Learned => {
    const key = `${consumer} ${peer}`
    const known = learned.get(key) ?? { meter: new PaceMeter(), firstTokens: [], median: null }
    learned.set(key, known)
    return known
  }

  /** When a request that is sent at `now` would be answered by a peer, were it not lost. */
  const timing = (peer: number, { prompt, answer }: SimulatedRequest, now: number): Timing => {
    const { startMs, readMs, writeMs, roundTripMs, away } = peers[peer]!
    const arrived = now + roundTripMs * 1.5
    const start = Math.max(arrived, Math.min(...free[peer]!))
    const first = start + startMs + readMs * prompt + roundTripMs / 2
    const end = first + writeMs * answer
    const lost = away.find(([from, until]) => from < end && until > now)
    return { arrived, start, first, end, lostAt: lost === undefined ? undefined : Math.max(now, lost[0]) }
  }

  for (const [index, request] of requests.entries()) {
    const tried = new Set<number>()
    for (let now = request.at; ;) {
      const due = news.filter(({ at }) => at <= now).toSorted((a, b) => a.at - b.at)
      if (due.length > 0) news = news.filter(({ at }) => at > now)
      for (const { tell } of due) tell()
      const told = Math.floor(now / ANNOUNCED_MS) * ANNOUNCED_MS
      const candidates = peers.flatMap(({ slots, roundTripMs, away }, peer): Candidate[] => {
        if (tried.has(peer) || away.some(([from, until]) => now >= from + NOTICED_MS && now < until))
          return []
        const there = running[peer]!.filter(({ end }) => end > now - ANNOUNCED_MS * 2)
        running[peer] = there
        const announced = there.filter(({ at, end }) => at <= told && end > told).length
        const own = there.filter(({ consumer }) => consumer === request.consumer)
        const since =
          own.filter(({ at }) => at > told && at <= now).length -
          own.filter(({ at, end }) => at <= now && end > told && end <= now).length
        const mine = own.filter(({ at, end }) => at <= now && end > now).length
        const { meter, median } = knows(request.consumer, peer)
        return [
          {
            provider: { peer: String(peer), route: 'direct' },
            model: MODEL,
            contextLength: null,
            load: Math.max(announced + since, mine) / slots,
            slots,
            firstTokenMs: median,
            pace: meter.at(now),
            roundTripMs,
            excluded: false
          }
        ]
      })
      const truth = ({ provider }: Candidate): number => {
        const { end, lostAt } = timing(Number(provider.peer), request, now)
        return lostAt === undefined ? end : Infinity
      }
      const chosen = policy({ candidates, request, random, truth })
      if (chosen === undefined) throw new RangeError('nobody is left to be asked')
      const peer = Number(chosen.provider.peer)
      const { arrived, start, first, end, lostAt } = timing(peer, request, now)
      counts[peer]! += 1
      const slots = free[peer]!
      slots[slots.indexOf(Math.min(...slots))] = lostAt ?? end
      running[peer]!.push({ consumer: request.consumer, at: now, end: lostAt ?? end })
      if (lostAt !== undefined) {
        tried.add(peer)
        now = lostAt + NOTICED_MS
        continue
      }
      const asked = now
      news.push({
        at: end,
        tell: () => {
          const known = knows(request.consumer, peer)
          known.firstTokens = [...known.firstTokens, first - asked].slice(-21)
          const sorted = known.firstTokens.toSorted((a, b) => a - b)
          known.median = sorted[Math.floor(sorted.length / 2)] ?? null
          known.meter.observe(
            {
              promptTokens: request.prompt,
              firstTokenMs: first - asked,
              waited: start > arrived,
              written: { ms: end - first, tokens: request.answer }
            },
            end
          )
        }
      })
      if (index >= warmUp) times.push(end - request.at)
      break
    }
  }
  const sorted = times.toSorted((a, b) => a - b)
  return {
    mean: times.reduce((sum, ms) => sum + ms, 0) / times.length,
    p95: sorted[Math.floor(sorted.length * 0.95)] ?? 0,
    fullest: Math.max(...counts) / (counts.reduce((sum, count) => sum + count, 0) / counts.length)
  }
}

interface Timing {
  arrived: number
  start: number
  first: number
  end: number
  /** When the peer is lost before the end; undefined where it is not. */
  lostAt: number | undefined
}
