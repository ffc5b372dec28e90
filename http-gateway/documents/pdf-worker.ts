/** Extracts the text of one PDF, page by page, and stops as soon as it is too long. */
import { parentPort, workerData } from 'node:worker_threads'
import { getDocumentProxy } from 'unpdf'
import { CMaps } from './cmaps.ts'
import type { PdfJob, PdfResult } from './messages.ts'

type Pdf = Awaited<ReturnType<typeof getDocumentProxy>>
type Page = Awaited<ReturnType<Pdf['getPage']>>

/** pdf.js' names of errors for files that it cannot open. */
const FAULTS: Readonly<Record<string, 'broken' | 'encrypted'>> = {
  PasswordException: 'encrypted',
  InvalidPDFException: 'broken',
  FormatError: 'broken',
  UnknownErrorException: 'broken'
}

/** The text of the pages, a blank line between them. */
async function read({ bytes, maxLength }: Pick<PdfJob, 'bytes' | 'maxLength'>): Promise<PdfResult> {
  const pdf = await getDocumentProxy(bytes, {
    useSystemFonts: false,
    disableFontFace: true,
    useWorkerFetch: false,
    BinaryDataFactory: CMaps,
    stopAtErrors: true,
    verbosity: 0
  })
  let text = ''
  for (let number = 1; number <= pdf.numPages; number++) {
    const page = await pdf.getPage(number)
    for await (const piece of piecesOf(page)) {
      text += piece
      if (text.length > maxLength) return { fault: 'long' }
    }
    page.cleanup()
    text = `${text.trimEnd()}\n\n`
  }
  if (CMaps.missing) return { fault: 'characters' }
  text = text.trim()
  return text === '' ? { fault: 'empty' } : { text }
}

async function* piecesOf(page: Page): AsyncGenerator<string> {
  const reader = (page.streamTextContent() as ReadableStream<{ items: object[] }>).getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    for (const item of value.items) {
      if ('str' in item && typeof item.str === 'string') yield item.str
      if ('hasEOL' in item && item.hasEOL === true) yield '\n'
    }
  }
}

try {
  parentPort?.postMessage(await read(workerData as PdfJob))
} catch (err) {
  const name = err instanceof Error ? err.name : ''
  parentPort?.postMessage({ fault: FAULTS[name] ?? 'failed' } satisfies PdfResult)
}
