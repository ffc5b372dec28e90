import { randomUUID } from 'node:crypto'
import { LINE_PAGE } from './constants.ts'
import { FileWriter } from './file-writer.ts'
import type { BatchRecord } from './records.ts'
import type { JobStore } from './store.ts'

/** OpenAI's id of one answered line. */
export function newRequestId(): string {
  return `batch_req_${randomUUID().replaceAll('-', '')}`
}

/** Makes a batch's files of its lines; they are visible when the batch ends. */
export class OutputFiles {
  readonly #store: JobStore
  readonly #batch: BatchRecord
  readonly #expiresAt: number
  readonly #now: number
  readonly usage = { input: 0, output: 0, cached: 0, reasoning: 0 }

  /** `now` and `expiresAt` are seconds since 1970. */
  constructor(store: JobStore, batch: BatchRecord, now: number, expiresAt: number) {
    this.#store = store
    this.#batch = batch
    this.#now = now
    this.#expiresAt = expiresAt
  }

  /** The file of answers; null where there is none. */
  async output(): Promise<string | null> {
    const writer = new LazyFile(() => this.#open('output'))
    for await (const json of this.#answers('done')) {
      this.#count(json)
      await writer.line(json)
    }
    return await writer.close()
  }

  /** The file of failures, those of lines that were not asked included; null where there is none. */
  async errors(unasked: { code: string; message: string } | undefined): Promise<string | null> {
    const writer = new LazyFile(() => this.#open('error'))
    for await (const json of this.#answers('failed')) await writer.line(json)
    for (let after = 0; unasked !== undefined;) {
      const lines = await this.#store.call('waitingLines', this.#batch.id, after, LINE_PAGE)
      for (const { n, customId } of lines) {
        after = n
        const line = { id: newRequestId(), custom_id: customId, response: null, error: unasked }
        await writer.line(JSON.stringify(line))
      }
      if (lines.length === 0) break
    }
    return await writer.close()
  }

  async *#answers(state: 'done' | 'failed'): AsyncGenerator<string> {
    for (let after = 0; ;) {
      const page = await this.#store.call('lineAnswers', this.#batch.id, state, after, LINE_PAGE)
      for (const { n, json } of page) {
        after = n
        yield json
      }
      if (page.length === 0) return
    }
  }

  async #open(kind: 'output' | 'error'): Promise<{ id: string; writer: FileWriter }> {
    const id = `file-${randomUUID().replaceAll('-', '')}`
    const writer = await FileWriter.open(this.#store, {
      id,
      owner: this.#batch.owner,
      purpose: 'batch_output',
      filename: `${this.#batch.id}_${kind}.jsonl`,
      createdAt: this.#now,
      expiresAt: this.#expiresAt
    })
    return { id, writer }
  }

  /** Adds up the tokens, by the names of either of OpenAI's APIs. */
  #count(json: string): void {
    const { response } = JSON.parse(json) as { response?: { body?: { usage?: Record<string, unknown> } } }
    const usage = response?.body?.usage ?? {}
    this.usage.input += number(usage.prompt_tokens ?? usage.input_tokens)
    this.usage.output += number(usage.completion_tokens ?? usage.output_tokens)
    const input = Object(usage.prompt_tokens_details ?? usage.input_tokens_details) as Record<string, unknown>
    const output = Object(usage.completion_tokens_details ?? usage.output_tokens_details) as Record<
      string,
      unknown
    >
    this.usage.cached += number(input.cached_tokens)
    this.usage.reasoning += number(output.reasoning_tokens)
  }
}

/** A file that exists only where it has a line. */
class LazyFile {
  readonly #open: () => Promise<{ id: string; writer: FileWriter }>
  #file: { id: string; writer: FileWriter } | undefined

  constructor(open: () => Promise<{ id: string; writer: FileWriter }>) {
    this.#open = open
  }

  async line(json: string): Promise<void> {
    this.#file ??= await this.#open()
    await this.#file.writer.write(Buffer.from(`${json}\n`))
  }

  async close(): Promise<string | null> {
    await this.#file?.writer.flush()
    return this.#file?.id ?? null
  }
}

function number(value: unknown): number {
  return typeof value === 'number' ? value : 0
}
