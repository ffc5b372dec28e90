import type { Loss, Member } from './fleet.ts'
import type { Outcome } from './load.ts'

/** How a time is told where another contributor came too late to be one. */
interface Death {
  how: Loss
  at: number
}

/** Follows which contributor each request is with, and how soon another is asked when that one is lost. */
export class Deaths {
  count = 0
  /** Answers under way that lost their contributor. */
  cuts = 0
  readonly #with = new Map<string, { member: Member; at: number }>()
  readonly #dead = new Map<Member, Death>()
  readonly #waiting = new Map<string, Death>()
  readonly #times = new Map<Loss, number[]>()
  /** When each request was first with a contributor. */
  readonly #begun = new Map<string, number>()

  /** A contributor's engine begins with a request. */
  asked(member: Member, tag: string, at: number): void {
    if (!this.#begun.has(tag)) this.#begun.set(tag, at)
    const death = this.#waiting.get(tag)
    // Several choices of one request are with several contributors.
    if (death !== undefined && at >= death.at) {
      this.#times.set(death.how, [...(this.#times.get(death.how) ?? []), at - death.at])
      this.#waiting.delete(tag)
      this.cuts++
    }
    this.#with.set(tag, { member, at })
  }

  lost(member: Member, how: Loss, at: number): void {
    this.count++
    this.#dead.set(member, { how, at })
    for (const [tag, place] of this.#with) {
      if (place.member !== member) continue
      this.#waiting.set(tag, { how, at })
      this.#with.delete(tag)
    }
  }

  back(member: Member): void {
    this.#dead.delete(member)
  }

  /** Times from a loss to the next contributor's engine, and from a question to the first, as lines of a table. */
  table(outcomes: Outcome[]): string[] {
    const first = outcomes.flatMap(({ tag, at }) => {
      const begun = this.#begun.get(tag)
      return begun === undefined ? [] : [begun - at]
    })
    return [
      row('asked to the first engine', first),
      ...[...this.#times].map(([how, times]) => row(`${how} to the next engine`, times))
    ]
  }
}

function row(name: string, times: number[]): string {
  const sorted = times.toSorted((a, b) => a - b)
  const at = (part: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0
  return `${name.padEnd(32)} p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, longest ${at(1)} ms (${times.length})`
}
