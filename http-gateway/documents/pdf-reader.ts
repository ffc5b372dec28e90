import { createHash } from 'node:crypto'
import { BusyError } from '../../protocols/errors.ts'
import { BoundedMap } from '../bounded-map.ts'
import {
  KEPT_ENTRY_LENGTH,
  MAX_KEPT_LENGTH,
  MAX_PDF_MEMORY_BYTES,
  MAX_PDF_PROCESSES,
  MAX_PDF_TEXT_LENGTH,
  MAX_WAITING_BYTES,
  MAX_WAITING_PDFS,
  PDF_DEADLINE_MS
} from './constants.ts'
import type { PdfResult } from './messages.ts'
import { readInProcess } from './pdf-process.ts'

export interface PdfReaderInit {
  /** Reads one PDF, and ends when `signal` aborts. @default in a process of its own */
  run?: (bytes: Uint8Array, signal: AbortSignal) => Promise<PdfResult>
}

/**
 * Reads PDFs, a few at once, each in a process that ends with it. Agents send the same files with every turn, so
 * what came of the latest is kept.
 */
export class PdfReader {
  readonly #read: NonNullable<PdfReaderInit['run']>
  readonly #kept = new BoundedMap<PdfResult>({ maxLength: MAX_KEPT_LENGTH, lengthOf })
  #running = 0
  #bytes = 0
  #count = 0
  readonly #turns = new Set<() => void>()

  constructor({ run = runWithinBounds }: PdfReaderInit = {}) {
    this.#read = run
  }

  /** Reads a PDF. Throws BusyError while too many wait. */
  async read(bytes: Uint8Array, signal: AbortSignal): Promise<PdfResult> {
    const hash = createHash('sha256').update(bytes).digest('base64')
    const kept = this.#kept.get(hash)
    if (kept !== undefined) return kept
    if (this.#count >= MAX_WAITING_PDFS || this.#bytes + bytes.length > MAX_WAITING_BYTES) {
      throw new BusyError('Too many PDF files are being read at once: send the request again')
    }
    this.#count++
    this.#bytes += bytes.length
    try {
      await this.#turn(signal)
      const result = await this.#read(bytes, signal).finally(() => this.#turnOver())
      if (!('fault' in result && TRANSIENT.has(result.fault))) this.#kept.set(hash, result)
      return result
    } finally {
      this.#count--
      this.#bytes -= bytes.length
    }
  }

  /** Takes a place among the processes, or one beyond them once `signal` aborts: then none is started. */
  async #turn(signal: AbortSignal): Promise<void> {
    while (this.#running >= MAX_PDF_PROCESSES && !signal.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>()
      const wake = (): void => {
        this.#turns.delete(wake)
        signal.removeEventListener('abort', wake)
        resolve()
      }
      this.#turns.add(wake)
      signal.addEventListener('abort', wake)
      await promise
    }
    this.#running++
  }

  #turnOver(): void {
    this.#running--
    const [next] = this.#turns
    next?.()
  }
}

function runWithinBounds(bytes: Uint8Array, signal: AbortSignal): Promise<PdfResult> {
  const job = { bytes, maxLength: MAX_PDF_TEXT_LENGTH, maxMemory: MAX_PDF_MEMORY_BYTES }
  return readInProcess(job, PDF_DEADLINE_MS, signal)
}

/** Faults of the moment, not of the file. */
const TRANSIENT: ReadonlySet<string> = new Set(['aborted', 'failed', 'deadline'])

function lengthOf(result: PdfResult): number {
  return KEPT_ENTRY_LENGTH + ('text' in result ? result.text.length : 0)
}
