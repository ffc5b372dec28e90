import { MAX_NAME_LENGTH, MAX_PDF_BYTES } from './constants.ts'

/** A file as a client sent it: base64, a data URL, or text. */
export interface SentFile {
  data: string
  /** Its media type, where the client says it apart from the data. */
  type?: string | null | undefined
  name?: string | null | undefined
}

/** A file that can be shown to a model: its text, or a PDF that has yet to be read. */
export type ReadableFile = { text: string } | { pdf: Buffer }

/** Signatures of files that are often sent but cannot be read. */
const KINDS: readonly [start: string, kind: string][] = [
  ['PK\u0003\u0004', 'a ZIP archive, as Word, Excel and PowerPoint files are'],
  ['\u00d0\u00cf\u0011\u00e0', 'an old Microsoft Office file'],
  ['\u0089PNG', 'a picture: send it as an image'],
  ['\u00ff\u00d8\u00ff', 'a picture: send it as an image'],
  ['GIF8', 'a picture: send it as an image'],
  ['\u001f\u008b', 'a gzip archive']
]

/** Where a PDF's header may begin, in bytes: readers take files with something before it. */
const PDF_HEADER_RANGE = 1024

/** Takes a file apart. Returns the rest of a sentence that begins with its name where it cannot be shown. */
export function readFile({ data, type }: SentFile): ReadableFile | string {
  if (/^[a-z][a-z\d+.-]{0,20}:\/\//i.test(data))
    return 'is an address, and nothing is fetched: send the file itself'
  const url = /^data:([^,]{0,256}),/i.exec(data)
  const media = url?.[1] ?? type ?? ''
  const body = url === null ? data : data.slice(url[0].length)
  const bytes = url === null || /;\s*base64\s*$/i.test(media) ? fromBase64(body) : fromPercents(body)
  if (bytes === undefined) return 'is not valid base64: send it as base64 or as a data: URL'
  if (bytes.subarray(0, PDF_HEADER_RANGE).includes('%PDF-')) {
    if (bytes.length <= MAX_PDF_BYTES) return { pdf: bytes }
    return `is larger than ${MAX_PDF_BYTES / 2 ** 20} MiB, the most that is read of a PDF: send a part of it, or its text`
  }
  const text = decode(bytes, /;\s*charset="?([\w-]{1,40})/i.exec(media)?.[1])
  if (text !== undefined) return { text }
  const start = bytes.subarray(0, 8).toString('latin1')
  const kind = KINDS.find(([magic]) => start.startsWith(magic))?.[1]
  return kind === undefined ? 'is neither a PDF nor text' : `is neither a PDF nor text but ${kind}`
}

/** A document as a model reads it. */
export function asDocument(text: string, name?: string | null, context?: string | null): string {
  const named = name == null || name === '' ? '' : ` name="${shortName(name)}"`
  const body = [context, text].filter((part) => part != null && part !== '').join('\n')
  return `<document${named}>\n${body}\n</document>\n`
}

/** Text for the model in place of a tool's file that cannot be shown: it may ask for the text instead. */
export function leftOut(name: string | null | undefined, fault: string): string {
  return `[The file${name ? ` "${shortName(name)}"` : ''} is left out: it ${fault}.]\n`
}

/** A file's name as it is told to models and clients: on one line, and short. */
export function shortName(name: string): string {
  return name.slice(0, MAX_NAME_LENGTH).replace(/[\s"<>\p{Cc}]+/gu, ' ')
}

function fromBase64(text: string): Buffer | undefined {
  return /[^\w+/=\s-]/.test(text) ? undefined : Buffer.from(text, 'base64')
}

function fromPercents(text: string): Buffer | undefined {
  try {
    return Buffer.from(decodeURIComponent(text))
  } catch {
    return undefined
  }
}

/** The text of a file that is one. Unless it says otherwise it is UTF-8, or UTF-16 with a byte order mark. */
function decode(bytes: Buffer, charset: string | undefined): string | undefined {
  const mark = bytes.subarray(0, 2).toString('latin1')
  const utf16 = mark === '\u00ff\u00fe' ? 'utf-16le' : mark === '\u00fe\u00ff' ? 'utf-16be' : undefined
  try {
    const text = new TextDecoder(utf16 ?? charset ?? 'utf-8', { fatal: true }).decode(bytes)
    return text.includes('\0') ? undefined : text
  } catch {
    return undefined
  }
}
