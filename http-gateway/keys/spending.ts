import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import { KeyFileError } from './errors.ts'
import { replaceFile } from './replace-file.ts'

const spendingFile = z.object({
  version: z.literal(1),
  /** `2026-01-31`, in UTC. */
  day: z.string(),
  /** Micro-credits by key's name. */
  spent: z.record(z.string(), z.int().min(0))
})

export interface SpendingInit {
  /** Where it is kept; without, it is forgotten at the end of the process. */
  file: string | undefined
  /** Milliseconds since 1970. */
  now: () => number
  onError: (err: unknown) => void
}

/** Each key's spending today. A crash loses at most the last write of the file. */
export class Spending {
  readonly #init: SpendingInit
  #day = ''
  #spent = new Map<string, number>()
  #writing: Promise<void> | undefined
  #changed = false

  constructor(init: SpendingInit) {
    this.#init = init
  }

  /** Reads what was spent before. Throws KeyFileError. */
  async load(): Promise<void> {
    const { file } = this.#init
    if (file === undefined) return
    try {
      const { day, spent } = spendingFile.parse(JSON.parse(await readFile(file, 'utf8')))
      this.#day = day
      this.#spent = new Map(Object.entries(spent))
    } catch (err) {
      if (err instanceof Error && 'code' in err && err.code === 'ENOENT') return
      throw new KeyFileError(`${file} is damaged: delete it to begin the day's count anew`, { cause: err })
    }
  }

  /** Micro-credits that a key has spent today. */
  of(key: string): number {
    this.#turnPage()
    return this.#spent.get(key) ?? 0
  }

  add(key: string, microCredits: number): void {
    const before = this.of(key)
    this.#spent.set(key, before + microCredits)
    this.#changed = true
    this.#writing ??= this.#write()
  }

  /** Resolves when all is on disk. */
  async flushed(): Promise<void> {
    await this.#writing
  }

  #turnPage(): void {
    const today = new Date(this.#init.now()).toISOString().slice(0, 10)
    if (today === this.#day) return
    this.#day = today
    this.#spent = new Map()
  }

  /** Writes until nothing has changed; what comes meanwhile goes into the next write together. */
  async #write(): Promise<void> {
    const { file, onError } = this.#init
    try {
      while (this.#changed && file !== undefined) {
        this.#changed = false
        const spent = Object.fromEntries(this.#spent)
        await replaceFile(file, JSON.stringify({ version: 1, day: this.#day, spent }))
      }
    } catch (err) {
      onError(err)
    } finally {
      this.#writing = undefined
    }
  }
}
