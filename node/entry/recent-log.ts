/** Lines that are kept for the dashboard. */
const MAX_LINES = 300

/** Longest message that is kept, in characters. */
const MAX_LENGTH = 600

/** A line of the log. */
export interface RecentLine {
  /** Milliseconds since 1970. */
  at: number
  level: string
  component: string
  message: string
}

/** The latest lines of the log, in memory. */
export class RecentLog {
  readonly #lines: RecentLine[] = []

  add(line: RecentLine): void {
    this.#lines.push({ ...line, message: line.message.slice(0, MAX_LENGTH) })
    if (this.#lines.length > MAX_LINES) this.#lines.shift()
  }

  list(): RecentLine[] {
    return [...this.#lines]
  }
}
