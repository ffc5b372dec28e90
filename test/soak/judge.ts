import type { Sample } from './measured-node.ts'

/** One line of the soak's table. */
export interface Judgement {
  role: string
  /** A measurement, with its unit. */
  what: string
  /** Its value in the second and in the last third of the run. */
  before: number
  after: number
  /** The most that `after` may be. */
  bound: number
}

/** By how much what is flat may grow from the second third to the last: a share, and an amount beside it. */
interface Slack {
  share: number
  amount: number
}

/** Resources whose level is compared: the least of memory, since garbage comes and goes; the most of the rest. */
const LEVELS: { what: string; of: keyof Sample; level: (values: number[]) => number; slack: Slack }[] = [
  { what: 'RSS, MiB', of: 'rssMib', level: median, slack: { share: 0.1, amount: 16 } },
  { what: 'heap, MiB', of: 'heapMib', level: least, slack: { share: 0.1, amount: 8 } },
  { what: 'buffers, MiB', of: 'externalMib', level: least, slack: { share: 0.1, amount: 8 } },
  { what: 'descriptors', of: 'descriptors', level: most, slack: { share: 0.25, amount: 16 } },
  { what: 'home without ledger, KiB', of: 'homeKib', level: most, slack: { share: 0.25, amount: 1024 } }
]

/** Resources whose growth is bounded, for each minute. */
const RATES: { what: string; of: keyof Sample; bound: (answersAMinute: number) => number }[] = [
  // An answer that was paid leaves an order, receipts and their acknowledgements; strangers have 64 KiB a minute.
  { what: 'ledger, KiB a minute', of: 'ledgerKib', bound: (answers) => 64 + 8 * answers },
  { what: 'log, lines a minute', of: 'logLines', bound: () => 20 }
]

/** Judges a run by its last two thirds: the first fills caches and pools. */
export function judge(role: string, samples: Sample[], answersAMinute: number): Judgement[] {
  const third = Math.floor(samples.length / 3)
  const [second, last] = [samples.slice(third, 2 * third), samples.slice(2 * third)]
  const levels = LEVELS.map(({ what, of, level, slack }) => {
    const [before, after] = [second, last].map((part) => level(part.map((sample) => sample[of])))
    return {
      role,
      what,
      before: before ?? 0,
      after: after ?? 0,
      bound: (before ?? 0) * (1 + slack.share) + slack.amount
    }
  })
  const rates = RATES.map(({ what, of, bound }) => ({
    role,
    what,
    before: rate(second, of),
    after: rate(last, of),
    bound: bound(answersAMinute)
  }))
  return [...levels, ...rates]
}

/** Whether a resource is flat. */
export function isFlat({ after, bound }: Judgement): boolean {
  return after <= bound
}

function rate(samples: Sample[], of: keyof Sample): number {
  const [first, last] = [samples[0], samples.at(-1)]
  if (first === undefined || last === undefined || last.minute === first.minute) return 0
  return (last[of] - first[of]) / (last.minute - first.minute)
}

function median(values: number[]): number {
  return values.toSorted((left, right) => left - right)[Math.floor(values.length / 2)] ?? 0
}

function least(values: number[]): number {
  return Math.min(...values)
}

function most(values: number[]): number {
  return Math.max(...values)
}
