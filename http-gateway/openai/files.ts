import { Readable } from 'node:stream'
import { z } from 'zod'
import { FileWriter, readFile, type FileRecord } from '../../node/jobs/index.ts'
import { BadRequestError } from '../../protocols/errors.ts'
import { newId } from '../answer/identifiers.ts'
import type { GatewayContext } from '../context.ts'
import { NotFoundError, NotKeptError } from '../jobs/errors.ts'
import type { Jobs } from '../jobs/jobs.ts'
import { DAY_SECONDS } from '../jobs/limits.ts'
import { readForm } from '../jobs/multipart.ts'
import { scopeOf } from '../keys/index.ts'
import { route } from '../route.ts'
import { nowInSeconds } from './fields.ts'
import { pageQuery, toList } from './paging.ts'

const SHORTEST_LIFE_S = 3600
const LONGEST_LIFE_S = 30 * DAY_SECONDS

/** Describes the form for the OpenAPI document; the handler reads the form itself. */
const uploadForm = z.unknown().meta({
  type: 'object',
  properties: { file: { type: 'string', format: 'binary' }, purpose: { const: 'batch' } },
  required: ['file', 'purpose']
})

/** `POST /v1/files`: the input of a batch. */
export const uploadFile = route({
  method: 'POST',
  path: '/v1/files',
  summary: 'Upload a file for a batch',
  multipart: true,
  body: uploadForm,
  async handle(context, { request }) {
    const { store, limits } = jobsOf(context)
    await store.admit(Number(request.headers['content-length'] ?? 0))
    const createdAt = nowInSeconds()
    const id = newId('file-')
    const writer = await FileWriter.open(store, {
      id,
      owner: scopeOf(request.caller),
      purpose: 'batch',
      filename: '',
      createdAt,
      expiresAt: null
    })
    try {
      const { fields, filename } = await readForm(request, {
        fileBytes: limits.fileBytes,
        write: async (piece) => {
          await store.admit(piece.byteLength)
          await writer.write(piece)
        }
      })
      if (filename === undefined)
        throw new BadRequestError("Missing required parameter: 'file'", { param: 'file' })
      if (writer.bytes === 0) throw new BadRequestError('The file is empty', { param: 'file' })
      checkPurpose(fields.get('purpose'))
      return toFile(await writer.finish(createdAt + lifeOf(fields, limits.fileDays), filename))
    } catch (err) {
      await writer.abandon()
      throw err
    }
  }
})

/** `GET /v1/files`. */
export const files = route({
  method: 'GET',
  path: '/v1/files',
  summary: 'List the files of this key',
  query: pageQuery(10_000, 10_000).extend({ purpose: z.string().optional() }),
  async handle(context, { query: { purpose, ...page }, request }) {
    const { data, more } = await jobsOf(context).store.call(
      'listFiles',
      scopeOf(request.caller),
      purpose,
      page
    )
    return toList(data.map(toFile), more)
  }
})

/** `GET /v1/files/<id>`. */
export const file = route({
  method: 'GET',
  path: '/v1/files/:id',
  summary: 'Retrieve one file without its content',
  handle: async (context, { params: { id = '' }, request }) =>
    toFile(await findFile(context, request.caller, id))
})

/** `GET /v1/files/<id>/content`. */
export const fileContent = route({
  method: 'GET',
  path: '/v1/files/:id/content',
  summary: "Download a file's content",
  type: 'application/octet-stream',
  async handle(context, { params: { id = '' }, request, reply }) {
    const { bytes } = await findFile(context, request.caller, id)
    return reply
      .headers({ 'content-type': 'application/octet-stream', 'content-length': bytes })
      .send(Readable.from(readFile(jobsOf(context).store, id)))
  }
})

/** `DELETE /v1/files/<id>`. */
export const deleteFile = route({
  method: 'DELETE',
  path: '/v1/files/:id',
  summary: 'Delete a file',
  async handle(context, { params: { id = '' }, request }) {
    if (!(await jobsOf(context).store.call('deleteFile', scopeOf(request.caller), id))) throw noFile(id)
    return { id, object: 'file', deleted: true }
  }
})

/** The kept work of a gateway. Throws NotKeptError where nothing is kept. */
export function jobsOf({ jobs }: GatewayContext): Jobs {
  if (jobs === undefined) throw new NotKeptError()
  return jobs
}

/** A caller's file. Throws NotFoundError. */
export async function findFile(
  context: GatewayContext,
  caller: Parameters<typeof scopeOf>[0],
  id: string
): Promise<FileRecord> {
  const found = await jobsOf(context).store.call('getFile', scopeOf(caller), id)
  if (found === undefined) throw noFile(id)
  return found
}

function noFile(id: string): NotFoundError {
  return new NotFoundError(`No such File object: ${id.slice(0, 128)}`)
}

function checkPurpose(purpose: string | undefined): void {
  if (purpose === 'batch') return
  if (purpose === undefined)
    throw new BadRequestError("Missing required parameter: 'purpose'", { param: 'purpose' })
  throw new BadRequestError('Files are for batches only here: upload with purpose batch', {
    param: 'purpose'
  })
}

function lifeOf(fields: ReadonlyMap<string, string>, days: number): number {
  const anchor = fields.get('expires_after[anchor]')
  const seconds = fields.get('expires_after[seconds]')
  if (anchor === undefined && seconds === undefined) return days * DAY_SECONDS
  if (anchor !== 'created_at')
    throw new BadRequestError("'expires_after[anchor]' must be created_at", {
      param: 'expires_after[anchor]'
    })
  const life = Number(seconds)
  if (!Number.isInteger(life) || life < SHORTEST_LIFE_S || life > LONGEST_LIFE_S)
    throw new BadRequestError(
      `'expires_after[seconds]' must be a whole number from ${SHORTEST_LIFE_S} to ${LONGEST_LIFE_S}`,
      { param: 'expires_after[seconds]' }
    )
  return life
}

function toFile({ id, bytes, createdAt, expiresAt, filename, purpose }: FileRecord) {
  return {
    id,
    object: 'file' as const,
    bytes,
    created_at: createdAt,
    ...(expiresAt === null ? {} : { expires_at: expiresAt }),
    filename,
    purpose,
    // Clients poll until a file is processed; nothing is left to do with this one.
    status: 'processed' as const,
    status_details: null
  }
}
