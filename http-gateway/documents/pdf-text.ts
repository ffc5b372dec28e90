import {
  MAX_PDF_MEMORY_BYTES,
  MAX_PDF_TEXT_LENGTH,
  PDF_DEADLINE_MS,
  REQUEST_DEADLINE_MS
} from './constants.ts'
import { asDocument, leftOut } from './file.ts'
import type { PdfFault, PdfResult } from './messages.ts'

/** Why a PDF was not read, as the rest of a sentence that begins with it. */
const FAULTS: Readonly<Record<PdfFault, string>> = {
  aborted: `was not read within the ${REQUEST_DEADLINE_MS / 1000} s that all PDFs of a request have: send fewer, or their text`,
  broken: 'is not a valid PDF: repair it, or send its text',
  characters: 'names a table of characters that is unknown here: save it with its fonts, or send its text',
  deadline: `takes longer than ${PDF_DEADLINE_MS / 1000} s to read: send a part of it, or its text`,
  empty: 'has no text in it, as a scan has none: send its pages as images',
  encrypted: 'is locked with a password: send it unlocked, or send its text',
  failed: 'could not be read: send its text',
  long: `has more than ${MAX_PDF_TEXT_LENGTH.toLocaleString('en')} characters of text, with the PDFs before it: send a part of it`,
  memory: `takes more than ${MAX_PDF_MEMORY_BYTES / 2 ** 20} MiB of memory to read: send a part of it, or its text`
}

export interface PdfTextInit {
  bytes: Buffer
  /** The value that the client sent, by which an error finds the field. */
  sent: string
  name?: string | null | undefined
  context?: string | null | undefined
  /** Whether the model is told of a PDF that cannot be read, instead of the client. */
  noted: boolean
}

/** A text part that stands for a PDF, and has its text once the PDF has been read. */
export class PdfText {
  readonly type = 'text'
  text = ''
  readonly #init: PdfTextInit

  constructor(init: PdfTextInit) {
    this.#init = init
  }

  get bytes(): Buffer {
    return this.#init.bytes
  }

  get sent(): string {
    return this.#init.sent
  }

  /** Takes what came of the PDF. Returns what is wrong with it where the client must be told. */
  settle(result: PdfResult): string | undefined {
    const { name, context, noted } = this.#init
    if ('text' in result) this.text = asDocument(result.text, name, context)
    else if (noted) this.text = leftOut(name, FAULTS[result.fault])
    else return FAULTS[result.fault]
    return undefined
  }
}
