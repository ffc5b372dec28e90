import { z } from 'zod'
import type { BatchRecord } from '../../node/jobs/index.ts'
import { BadRequestError } from '../../protocols/errors.ts'
import { newId } from '../answer/identifiers.ts'
import type { GatewayContext } from '../context.ts'
import { ConflictError, NotFoundError, TooManyBatchesError } from '../jobs/errors.ts'
import { DAY_SECONDS } from '../jobs/limits.ts'
import { scopeOf } from '../keys/index.ts'
import { route } from '../route.ts'
import { nowInSeconds } from './fields.ts'
import { findFile, jobsOf } from './files.ts'
import { pageQuery, toList } from './paging.ts'

/** The paths that a batch may ask. */
const ENDPOINTS = ['/v1/chat/completions', '/v1/completions', '/v1/embeddings', '/v1/responses'] as const

/** OpenAI's bounds of metadata. */
const metadata = z
  .record(z.string().max(64), z.string().max(512))
  .refine((pairs) => Object.keys(pairs).length <= 16, { error: 'must have at most 16 pairs' })
  .nullish()

const batchBody = z.object({
  input_file_id: z.string(),
  endpoint: z.enum(ENDPOINTS),
  completion_window: z.enum(['24h']),
  metadata,
  output_expires_after: z
    .object({
      anchor: z.enum(['created_at']),
      seconds: z
        .number()
        .int()
        .min(3600)
        .max(30 * DAY_SECONDS)
    })
    .nullish()
})

/** `POST /v1/batches`: the batch is on disk when it is answered. */
export const createBatch = route({
  method: 'POST',
  path: '/v1/batches',
  summary: 'Create a batch from an uploaded file',
  body: batchBody,
  async handle(context, { body, request }) {
    const { batches, limits, store } = jobsOf(context)
    const owner = scopeOf(request.caller)
    const { bytes, purpose } = await findInput(context, request.caller, body.input_file_id)
    if (purpose !== 'batch')
      throw new BadRequestError("'input_file_id' must be of a file with purpose batch", {
        param: 'input_file_id'
      })
    if (batches.open(owner) >= limits.openBatches) throw new TooManyBatchesError(limits.openBatches)
    await store.admit(bytes)
    const batch = newBatch(owner, body)
    await batches.submit(batch)
    return toBatch(batch)
  }
})

/** `GET /v1/batches`. */
export const batches = route({
  method: 'GET',
  path: '/v1/batches',
  summary: 'List the batches of this key',
  query: pageQuery(100, 20).omit({ order: true }),
  async handle(context, { query, request }) {
    const jobs = jobsOf(context)
    const { data, more } = await jobs.store.call('listBatches', scopeOf(request.caller), query)
    return toList(
      data.map((batch) => toBatch(jobs.batches.current(batch.id) ?? batch)),
      more
    )
  }
})

/** `GET /v1/batches/<id>`. */
export const batch = route({
  method: 'GET',
  path: '/v1/batches/:id',
  summary: 'Retrieve one batch',
  handle: async (context, { params: { id = '' }, request }) =>
    toBatch(await findBatch(context, scopeOf(request.caller), id))
})

/** `POST /v1/batches/<id>/cancel`. */
export const cancelBatch = route({
  method: 'POST',
  path: '/v1/batches/:id/cancel',
  summary: 'Cancel a batch; what was answered by then is kept',
  async handle(context, { params: { id = '' }, request }) {
    const owner = scopeOf(request.caller)
    const found = await findBatch(context, owner, id)
    if (['completed', 'failed', 'expired', 'cancelled', 'finalizing'].includes(found.status))
      throw new ConflictError(`Cannot cancel a batch with status '${found.status}'`)
    await jobsOf(context).batches.cancel(id)
    return toBatch(await findBatch(context, owner, id))
  }
})

async function findInput(
  context: GatewayContext,
  caller: Parameters<typeof scopeOf>[0],
  id: string
): ReturnType<typeof findFile> {
  try {
    return await findFile(context, caller, id)
  } catch (err) {
    if (!(err instanceof NotFoundError)) throw err
    throw new BadRequestError(`${err.message}: upload the file with POST /v1/files first`, {
      param: 'input_file_id',
      cause: err
    })
  }
}

async function findBatch(context: GatewayContext, owner: string, id: string): Promise<BatchRecord> {
  const { batches: running, store } = jobsOf(context)
  const kept = await store.call('getBatch', owner, id)
  if (kept === undefined) throw new NotFoundError(`No batch found with id '${id.slice(0, 128)}'`)
  return running.current(id) ?? kept
}

function newBatch(owner: string, body: z.infer<typeof batchBody>): BatchRecord {
  const now = nowInSeconds()
  return {
    id: newId('batch_'),
    owner,
    endpoint: body.endpoint,
    inputFileId: body.input_file_id,
    completionWindow: body.completion_window,
    metadata: body.metadata ?? null,
    outputSeconds: body.output_expires_after?.seconds ?? null,
    status: 'validating',
    model: null,
    errors: [],
    outputFileId: null,
    errorFileId: null,
    counts: { total: 0, completed: 0, failed: 0 },
    usage: { input: 0, output: 0, cached: 0, reasoning: 0 },
    createdAt: now,
    expiresAt: now + DAY_SECONDS,
    inProgressAt: null,
    finalizingAt: null,
    completedAt: null,
    failedAt: null,
    expiredAt: null,
    cancellingAt: null,
    cancelledAt: null
  }
}

function toBatch(record: BatchRecord) {
  const { usage } = record
  return {
    id: record.id,
    object: 'batch' as const,
    endpoint: record.endpoint,
    ...(record.model === null ? {} : { model: record.model }),
    errors: record.errors.length === 0 ? null : { object: 'list', data: record.errors },
    input_file_id: record.inputFileId,
    completion_window: record.completionWindow,
    status: record.status,
    output_file_id: record.outputFileId,
    error_file_id: record.errorFileId,
    created_at: record.createdAt,
    in_progress_at: record.inProgressAt,
    expires_at: record.expiresAt,
    finalizing_at: record.finalizingAt,
    completed_at: record.completedAt,
    failed_at: record.failedAt,
    expired_at: record.expiredAt,
    cancelling_at: record.cancellingAt,
    cancelled_at: record.cancelledAt,
    request_counts: record.counts,
    usage: {
      input_tokens: usage.input,
      input_tokens_details: { cached_tokens: usage.cached },
      output_tokens: usage.output,
      output_tokens_details: { reasoning_tokens: usage.reasoning },
      total_tokens: usage.input + usage.output
    },
    metadata: record.metadata
  }
}
