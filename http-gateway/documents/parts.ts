import { z } from 'zod'
import { asDocument, leftOut, readFile, type SentFile } from './file.ts'
import { PdfText } from './pdf-text.ts'

/** A document as a part of a message: text, some of it not known yet. */
export type DocumentPart = { type: 'text'; text: string } | PdfText

/** Where a document is: the client can mend what a user sends, and not what a tool returned some turns ago. */
export type Place = 'sent' | 'returned'

/** A file and the field that it came in, below the part. */
export interface PlacedFile extends SentFile {
  path: string[]
  context?: string | null | undefined
}

/** Puts a file into a message, or says what is wrong with it: to the client, or to the model for a tool's. */
export function filePart(
  { path, context, ...file }: PlacedFile,
  place: Place,
  issues: z.core.$RefinementCtx
): DocumentPart {
  const read = readFile(file)
  if (typeof read === 'string') return faultPart(read, path, file.name, place, issues)
  if ('text' in read) return { type: 'text', text: asDocument(read.text, file.name, context) }
  const { name, data: sent } = file
  return new PdfText({ bytes: read.pdf, sent, name, context, noted: place === 'returned' })
}

/** Handles a file that is not available; `fault` is the rest of a sentence that begins with it. */
export function faultPart(
  fault: string,
  path: string[],
  name: string | null | undefined,
  place: Place,
  issues: z.core.$RefinementCtx
): DocumentPart {
  if (place === 'returned') return { type: 'text', text: leftOut(name, fault) }
  issues.addIssue({ code: 'custom', message: fault, path })
  return z.NEVER
}

/** OpenAI's fields of a file, which chats put into an object of its own and responses do not. */
export const fileFields = {
  file_data: z.string().nullish(),
  file_id: z.string().nullish(),
  file_url: z.string().nullish(),
  filename: z.string().nullish()
}

/** OpenAI's file, of which the data must be there: nothing is stored, and nothing is fetched. */
export function openAiFilePart(
  file: z.infer<z.ZodObject<typeof fileFields>>,
  below: string[],
  place: Place,
  issues: z.core.$RefinementCtx
): DocumentPart {
  const { file_data: data, file_id: id, file_url: url, filename: name } = file
  if (data != null) return filePart({ data, name, path: [...below, 'file_data'] }, place, issues)
  if (id != null) return faultPart(STORED, [...below, 'file_id'], name, place, issues)
  if (url != null) return faultPart(ADDRESS, [...below, 'file_url'], name, place, issues)
  return faultPart('has no file_data: send the file itself there', below, name, place, issues)
}

/** Text for the model in place of a tool's image that is only an address or id. */
export const IMAGE_LEFT_OUT = '[An image is left out: it was not sent along.]\n'

export const STORED = 'names a stored file, and no files are stored here: send the file itself'
export const ADDRESS = 'is an address, and nothing is fetched: send the file itself'
