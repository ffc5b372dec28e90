import { startOfDate, wallTime } from './zone.ts'

/** Tokens served to peers since a time, in milliseconds since 1970. */
export type TokensSince = (since: number) => Promise<number>

/** Tokens served to peers today and this month: what the ledger has at the start, and what is added after it. */
export class TokensServed {
  #zone: string
  #date = ''
  #day = 0
  #month = 0
  /** Everything added so far. */
  #added = 0

  constructor(zone: string) {
    this.#zone = zone
  }

  /** Counts anew from the ledger; what is served meanwhile is rather counted twice than not at all. */
  async load(since: TokensSince, zone: string, now: number): Promise<void> {
    const { date } = wallTime(now, zone)
    const before = this.#added
    const [day, month] = await Promise.all([
      since(startOfDate(date, zone)),
      since(startOfDate(`${date.slice(0, 7)}-01`, zone))
    ])
    this.#zone = zone
    this.#date = date
    this.#day = day + this.#added - before
    this.#month = month + this.#added - before
  }

  add(tokens: number, now: number): void {
    this.#turnPage(now)
    this.#added += tokens
    this.#day += tokens
    this.#month += tokens
  }

  at(now: number): { day: number; month: number } {
    this.#turnPage(now)
    return { day: this.#day, month: this.#month }
  }

  #turnPage(now: number): void {
    const { date } = wallTime(now, this.#zone)
    if (date === this.#date) return
    this.#day = 0
    if (date.slice(0, 7) !== this.#date.slice(0, 7)) this.#month = 0
    this.#date = date
  }
}
