import type { DatabaseSync } from 'node:sqlite'
import type { Sealer } from '../sealer.ts'

/** Answers that are paid for, until their line is settled. */
export class KeptTable {
  readonly #db: DatabaseSync
  readonly #sealer: Sealer

  constructor(db: DatabaseSync, sealer: Sealer) {
    this.#db = db
    this.#sealer = sealer
  }

  /** Keeps an answer that is about to be paid for. */
  keep(job: string, choice: number, answer: unknown): void {
    this.#db
      .prepare(
        'INSERT INTO kept (job, choice, data) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET data = excluded.data'
      )
      .run(job, choice, this.#sealer.sealJson(answer, `${job}#${choice}`))
  }

  /** The answers kept for a job, by choice. */
  of(job: string): { choice: number; answer: unknown }[] {
    return this.#db
      .prepare('SELECT choice, data FROM kept WHERE job = ?')
      .all(job)
      .map(({ choice, data }) => ({
        choice: Number(choice),
        answer: this.#sealer.openJson(data as Uint8Array, `${job}#${Number(choice)}`)
      }))
  }
}
