import { setTimeout as delay } from 'node:timers/promises'
import { LINE_PAGE, MAX_TRIES } from './constants.ts'
import { judge, waitFor, type LineOutcome, type Verdict } from './line-outcome.ts'
import { newRequestId } from './output-files.ts'
import { Pace } from './pace.ts'
import type { BatchRecord, Line } from './records.ts'
import type { SchedulerComponents } from './scheduler.ts'

export interface LineRunSignals {
  /** No line is asked after it. */
  halt: AbortSignal
  /** Ends the lines that are being asked. */
  kill: AbortSignal
}

/** Asks the lines of a batch that wait, a few at once. */
export class LineRun {
  readonly #batch: BatchRecord
  readonly #components: SchedulerComponents
  readonly #signals: LineRunSignals
  readonly #pace: Pace
  readonly #running = new Set<Promise<void>>()
  readonly #failures: unknown[] = []
  #free: (() => void) | undefined

  constructor(
    batch: BatchRecord,
    concurrency: number,
    components: SchedulerComponents,
    signals: LineRunSignals
  ) {
    this.#batch = batch
    this.#components = components
    this.#signals = signals
    this.#pace = new Pace(concurrency)
  }

  /** Resolves when no line is asked any more. Throws the store's failures. */
  async run(): Promise<void> {
    try {
      for (let after = 0; !this.#over();) {
        const lines = await this.#components.store.call('waitingLines', this.#batch.id, after, LINE_PAGE)
        if (lines.length === 0) break
        for (const line of lines) {
          after = line.n
          while (this.#running.size >= this.#pace.limit) await this.#freed()
          if (this.#over()) break
          this.#begin(line)
        }
      }
    } finally {
      await Promise.all(this.#running)
    }
    const [failure] = this.#failures
    if (failure instanceof Error) throw failure
  }

  #over(): boolean {
    return this.#signals.halt.aborted || this.#failures.length > 0
  }

  #begin(line: Line): void {
    const asked = this.#ask(line)
      .catch((err: unknown) => {
        this.#failures.push(err)
      })
      .finally(() => {
        this.#running.delete(asked)
        this.#free?.()
      })
    this.#running.add(asked)
  }

  async #freed(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#free = resolve
    await promise
  }

  /** Asks one line until it is settled, or the batch comes to its end. */
  async #ask(line: Line): Promise<void> {
    for (let tries = 0, waits = 0; ; waits++) {
      let outcome: LineOutcome
      try {
        outcome = await this.#components.execute({ batch: this.#batch, line }, this.#signals.kill)
      } catch (err) {
        if (this.#signals.kill.aborted) return
        throw err
      }
      const verdict = judge(outcome)
      if (verdict === 'retry') tries++
      if (verdict === 'done' || verdict === 'failed' || tries >= MAX_TRIES) {
        await this.#settle(line, verdict === 'done' ? 'done' : 'failed', outcome)
        return
      }
      if (!(await this.#wait(verdict, waits, outcome.retryAfterMs))) return
    }
  }

  /** Waits before a line is asked again; false where it is not to be. */
  async #wait(verdict: Verdict, waits: number, retryAfterMs: number | undefined): Promise<boolean> {
    if (verdict === 'busy') this.#pace.refused()
    try {
      const wait = waitFor(verdict, waits, retryAfterMs, Math.random)
      await delay(wait, undefined, { signal: this.#signals.halt })
      return true
    } catch {
      return false
    }
  }

  async #settle(line: Line, state: 'done' | 'failed', outcome: LineOutcome): Promise<void> {
    const { status, requestId, body } = outcome
    const response = { status_code: status, request_id: requestId, body }
    const answer = { id: newRequestId(), custom_id: line.customId, response, error: null }
    if (!(await this.#components.store.call('settleLine', this.#batch.id, line.n, state, answer))) return
    this.#batch.counts[state === 'done' ? 'completed' : 'failed']++
    if (state === 'done') this.#pace.answered()
  }
}
