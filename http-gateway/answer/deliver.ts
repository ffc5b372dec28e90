import type { FastifyReply } from 'fastify'
import { ModelNotFoundError } from '../../protocols/errors.ts'
import type { Delta, InferenceRequest } from '../../protocols/inference/index.ts'
import { MAX_RECEIPT_HEADER_LENGTH } from '../constants.ts'
import type { GatewayContext } from '../context.ts'
import { toFailure, type Failure } from '../errors.ts'
import { modelNotFoundMessage } from '../model-names.ts'
import { Answer, type EndEvent } from './answer.ts'
import { SseWriter } from './sse-writer.ts'

/** One surface's way to write an answer as a stream. Every call writes whole events. */
export interface StreamFormat {
  delta(delta: Delta, out: SseWriter): void
  end(end: EndEvent, out: SseWriter): void
  /** The event that tells of a failure in mid-stream. */
  failure(failure: Failure): string
}

/** One surface's way to write an answer as one document. */
export interface DocumentFormat {
  delta(delta: Delta): void
  /** The body, to be sent as JSON. */
  end(end: EndEvent, model: string): object
}

const SSE_HEADERS = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-cache',
  // For nginx and the like in front of the gateway: pass each event on as it comes.
  'x-accel-buffering': 'no'
}

/**
 * Has a request answered as a stream; `format` is given the model that answers. What fails before the 200 is
 * thrown, and becomes an HTTP error; what fails after it is told by a last event, then the connection breaks.
 */
export async function streamAnswer(
  context: GatewayContext,
  reply: FastifyReply,
  request: InferenceRequest,
  createFormat: (model: string) => StreamFormat
): Promise<FastifyReply> {
  const { settings } = context
  const { answer, signal } = ask(context, reply, request)
  try {
    await answer.begun(settings.firstByteMs)
    signal.throwIfAborted()
  } catch (err) {
    await answer.abandon()
    throw explain(context, request, signal, err)
  }
  const response = reply.hijack().raw
  // A client that is gone is noticed by `close`; without a listener the error would end the process.
  response.on('error', (err) => context.components.logger.debug('write failed', { error: err.message }))
  response.writeHead(200, { ...headers(reply), ...SSE_HEADERS, ...placeHeaders(answer) })
  if (!answer.ready) response.flushHeaders()
  const out = new SseWriter(response, settings)
  const format = createFormat(answer.accepted?.model ?? request.model)
  try {
    let event = await answer.next()
    while (event.type === 'delta') {
      format.delta(event.delta, out)
      if (out.full) await out.drained()
      signal.throwIfAborted()
      event = await answer.next()
    }
    format.end(event, out)
    out.end()
  } catch (err) {
    const failure = toFailure(explain(context, request, signal, err))
    context.components.logger.info('answer failed in mid-stream', {
      request: reply.request.id,
      code: failure.code
    })
    out.cut(format.failure(failure))
    await answer.abandon()
    return reply
  }
  await settle(context, reply, answer)
  return reply
}

/** Has a request answered as one document. What fails is thrown. */
export async function documentAnswer(
  context: GatewayContext,
  reply: FastifyReply,
  request: InferenceRequest,
  format: DocumentFormat
): Promise<FastifyReply> {
  const { answer, signal } = ask(context, reply, request)
  try {
    let event = await answer.next()
    while (event.type === 'delta') {
      format.delta(event.delta)
      event = await answer.next()
    }
    reply.headers({ ...placeHeaders(answer), ...receiptHeader(event) })
    reply.send(format.end(event, answer.accepted?.model ?? request.model))
  } catch (err) {
    await answer.abandon()
    throw explain(context, request, signal, err)
  }
  await settle(context, reply, answer)
  return reply
}

function ask(
  { calls, components }: GatewayContext,
  reply: FastifyReply,
  request: InferenceRequest
): { answer: Answer; signal: AbortSignal } {
  const signal = calls.open(reply.raw)
  return { answer: new Answer(components.consumer.infer(request, { signal })), signal }
}

/** The consumer may still have to acknowledge the last receipt; the client does not wait for that. */
async function settle(context: GatewayContext, reply: FastifyReply, answer: Answer): Promise<void> {
  try {
    await answer.settled()
  } catch (err) {
    const { code } = toFailure(err)
    context.components.logger.warn('answer delivered but not settled', { request: reply.request.id, code })
  }
}

/** Why it really failed: what aborted the call, and for an unknown model, which ones are known. */
function explain(
  context: GatewayContext,
  request: InferenceRequest,
  signal: AbortSignal,
  err: unknown
): unknown {
  if (signal.aborted) return signal.reason
  if (!(err instanceof ModelNotFoundError)) return err
  const served = context.components.consumer.models().map((model) => model.id)
  return new ModelNotFoundError(modelNotFoundMessage(request.model, served), { cause: err })
}

function placeHeaders({ accepted }: Answer): Record<string, string> {
  return accepted === undefined ? {} : { 'x-lobstah-peer': accepted.peer, 'x-lobstah-route': accepted.route }
}

function receiptHeader({ receipt }: EndEvent): Record<string, string> {
  if (receipt === undefined) return {}
  const text = Buffer.from(JSON.stringify(receipt)).toString('base64url')
  return text.length > MAX_RECEIPT_HEADER_LENGTH ? {} : { 'x-lobstah-receipt': text }
}

/** The headers that hooks have set, without the ones that they left undefined. */
function headers(reply: FastifyReply): Record<string, number | string | string[]> {
  const set: Record<string, number | string | string[]> = {}
  for (const [name, value] of Object.entries(reply.getHeaders())) {
    if (value !== undefined) set[name] = value
  }
  return set
}
