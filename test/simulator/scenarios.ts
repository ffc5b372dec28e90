import { seeded, type Scenario, type SimulatedPeer, type SimulatedRequest } from './simulate.ts'

export interface ScenarioSize {
  peers: number
  requests: number
  consumers: number
}

/** Every scenario, of a size. The same seed gives the same scenarios. */
export function scenarios(size: ScenarioSize, seed: number): Scenario[] {
  const few = { ...size, peers: Math.max(4, Math.round(size.peers / 25)) }
  return [
    scenario('varied speeds', size, seed, {}),
    scenario('a few peers', few, seed + 1, {}),
    scenario('busy', size, seed + 2, { utilisation: 0.6 }),
    scenario('long prompts', size, seed + 3, { prompt: 4000 }),
    scenario('churn', size, seed + 4, { churn: true }),
    scenario('equal peers', size, seed + 5, { spread: 1 }),
    herd(seed + 6)
  ]
}

interface Kind {
  /** How many times as fast the fastest is as the slowest. */
  spread?: number
  /** Part of all slots that is taken on average, by the peers' mean speed. */
  utilisation?: number
  /** Mean length of a prompt, in tokens. */
  prompt?: number
  churn?: boolean
}

function scenario(
  name: string,
  { peers: count, requests: total, consumers }: ScenarioSize,
  seed: number,
  { spread = 8, utilisation = 0.3, prompt = 400, churn = false }: Kind
): Scenario {
  const random = seeded(seed)
  const peers = Array.from({ length: count }, (): SimulatedPeer => {
    const slowness = spread ** (random() - 0.5)
    return {
      slots: random() < 0.3 ? 4 : 1,
      startMs: 60 * slowness,
      readMs: slowness,
      writeMs: 20 * slowness * (0.8 + random() * 0.4),
      roundTripMs: 10 + random() * 60,
      away: []
    }
  })
  const service = peers.map(({ startMs, readMs, writeMs }) => startMs + readMs * prompt + writeMs * 200)
  const rate = peers.reduce((sum, { slots }, index) => sum + slots / service[index]!, 0) * utilisation
  const requests: SimulatedRequest[] = []
  for (let at = 0; requests.length < total; at -= Math.log(1 - random() * 0.999) / rate) {
    const long = 0.5 + random()
    requests.push({
      at,
      consumer: Math.floor(random() * consumers),
      prompt: Math.round(prompt * (0.5 + random())),
      answer: Math.round(200 * long)
    })
  }
  const end = requests.at(-1)?.at ?? 0
  if (churn)
    for (const peer of peers.filter(() => random() < 0.3)) {
      const from = random() * end
      peer.away.push([from, from + end * (0.1 + random() * 0.2)])
    }
  return { name, peers, requests, warmUp: Math.floor(total / 2) }
}

/** 200 requests in one moment from 20 consumers that do not see one another, on ten equal peers. */
export function herd(seed: number): Scenario {
  const random = seeded(seed)
  const peers = Array.from({ length: 10 }, (): SimulatedPeer => ({
    slots: 4,
    startMs: 60,
    readMs: 1,
    writeMs: 20,
    roundTripMs: 30,
    away: []
  }))
  const requests = Array.from({ length: 200 }, (_, index) => ({
    at: 1000 + random(),
    consumer: index % 20,
    prompt: 400,
    answer: 200
  })).toSorted((a, b) => a.at - b.at)
  return { name: 'herd', peers, requests, warmUp: 0 }
}
