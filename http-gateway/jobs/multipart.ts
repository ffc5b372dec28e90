import type { Readable } from 'node:stream'
import { Busboy } from '@fastify/busboy'
import type { FastifyRequest } from 'fastify'
import { BadRequestError } from '../../protocols/errors.ts'
import { BodyTooLargeError } from '../errors.ts'

/** Most fields of a form, and their size in bytes. */
const MAX_FIELDS = 16
const MAX_FIELD_BYTES = 1024
/** Longest file name, in characters. */
const MAX_FILENAME_LENGTH = 255

export interface FormInit {
  /** Largest file, in bytes. */
  fileBytes: number
  /** Takes the file's content piece by piece; the next comes when it resolves. */
  write: (piece: Uint8Array) => Promise<void>
}

/** A form with one file. */
export interface Form {
  fields: Map<string, string>
  /** Undefined where the form has no part `file`. */
  filename: string | undefined
}

/** Reads a form with the one file `file`. Throws BadRequestError or BodyTooLargeError, and what `write` throws. */
export async function readForm(request: FastifyRequest, { fileBytes, write }: FormInit): Promise<Form> {
  const body = request.body
  if (!isStream(body))
    throw new BadRequestError('Send a form (multipart/form-data) with the parts file and purpose')
  const fields = new Map<string, string>()
  let filename: string | undefined
  let written: Promise<void> = Promise.resolve()
  const done = Promise.withResolvers<void>()
  const fail = (err: unknown): void => done.reject(err)
  const form = parser(request, fileBytes)
  form.on('field', (name, value) => fields.set(name, value))
  form.on('file', (name, stream, given) => {
    if (name !== 'file' || filename !== undefined) {
      stream.resume()
      return
    }
    filename = cleanName(given)
    written = (async () => {
      for await (const piece of stream) await write(piece as Uint8Array)
      if (stream.truncated) throw new BodyTooLargeError(fileBytes)
    })()
    written.catch(fail)
  })
  form.once('finish', () => done.resolve())
  form.once('error', (err) => fail(new BadRequestError('The form is damaged: send it again', { cause: err })))
  // The client has gone, or its time is up.
  body.once('error', fail)
  body.once('close', () => {
    if (!body.readableEnded) fail(new BadRequestError('The upload broke off: send it again'))
  })
  body.pipe(form)
  try {
    await done.promise
    await written
  } finally {
    body.unpipe(form)
    body.resume()
    form.destroy()
  }
  return { fields, filename }
}

function parser(request: FastifyRequest, fileSize: number): InstanceType<typeof Busboy> {
  try {
    return new Busboy({
      headers: { ...request.headers, 'content-type': request.headers['content-type'] ?? '' },
      limits: {
        fieldNameSize: 100,
        fieldSize: MAX_FIELD_BYTES,
        fields: MAX_FIELDS,
        files: 2,
        parts: MAX_FIELDS + 2,
        fileSize,
        headerPairs: 32
      }
    })
  } catch (err) {
    throw new BadRequestError('The form names no boundary: send multipart/form-data', { cause: err })
  }
}

function cleanName(name: string): string {
  const clean = name.replace(/[\u0000-\u001f\u007f]/g, '').slice(0, MAX_FILENAME_LENGTH)
  return clean === '' ? 'upload' : clean
}

function isStream(body: unknown): body is Readable {
  return typeof body === 'object' && body !== null && 'pipe' in body
}
