import type { Loss, Member } from './fleet.ts'
import type { Outcome } from './load.ts'

/** A loss, in milliseconds since 1970. */
interface Death {
  how: Loss
  at: number
  /** Requests that it was answering, and of which its consumer has not asked another yet. */
  unnoticed: number
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
  readonly #noticed = new Map<Loss, number[]>()
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
    const death = { how, at, unnoticed: 0 }
    this.#dead.set(member, death)
    for (const [tag, place] of this.#with) {
      if (place.member !== member) continue
      this.#waiting.set(tag, death)
      this.#with.delete(tag)
      death.unnoticed++
    }
  }

  /** The consumer gives a contributor up, and asks another in the same moment. */
  noticed(peer: string, at = Date.now()): void {
    const death = [...this.#dead].find(([member]) => member.peer === peer)?.[1]
    if (death === undefined || death.unnoticed-- <= 0) return
    this.#noticed.set(death.how, [...(this.#noticed.get(death.how) ?? []), at - death.at])
  }

  /** A request is over. */
  over(tag: string): void {
    this.#with.delete(tag)
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
      ...[...this.#noticed].map(([how, times]) => row(`${how}, to the next asked`, times)),
      ...[...this.#times].map(([how, times]) => row(`${how}, to the next engine at work`, times))
    ]
  }
}

function row(name: string, times: number[]): string {
  const sorted = times.toSorted((a, b) => a - b)
  const at = (part: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0
  return `${name.padEnd(32)} p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, longest ${at(1)} ms (${times.length})`
}
