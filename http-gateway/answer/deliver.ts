import type { ServerResponse } from 'node:http'
import type { FastifyReply } from 'fastify'
import { ModelDepartedError, ModelNotFoundError } from '../../protocols/errors.ts'
import type { Delta, InferenceRequest } from '../../protocols/inference/index.ts'
import type { GatewayContext } from '../context.ts'
import { toFailure, type Failure } from '../failures.ts'
import { fallbackOf, isOff } from '../model-chain.ts'
import { modelNotFoundMessage } from '../model-names.ts'
import type { EndEvent } from './answer.ts'
import { Answers, type Ends } from './answers.ts'
import { ownHeaders, placeHeaders, receiptHeader } from './headers.ts'
import { keptAnswer } from '../jobs/running-job.ts'
import { SseWriter } from './sse-writer.ts'
import { tierOf } from './tier.ts'
import { SERVER_SENT_EVENTS, type StreamKind } from './stream-kind.ts'

/** One request, or one for each of several choices of the same model. */
export type Requests = [InferenceRequest, ...InferenceRequest[]]

/** One surface's way to write an answer as a stream. Every call writes whole events. */
export interface StreamFormat {
  /** Server-sent events, unless it says otherwise. */
  readonly kind?: StreamKind
  /** Text before the first delta. */
  start?(out: SseWriter): void
  delta(delta: Delta, out: SseWriter, choice: number): void
  /** One choice of several has ended. */
  choiceEnd?(choice: number, end: EndEvent, out: SseWriter): void
  /** All have ended. */
  end(ends: Ends, out: SseWriter): Promise<void> | void
  /** The event that tells of a failure in mid-stream. */
  failure(failure: Failure): string
}

/** One surface's way to write an answer as one document. */
export interface DocumentFormat {
  delta(delta: Delta, choice: number): void
  /** The body, to be sent as JSON. */
  end(ends: Ends, model: string): Promise<object> | object
}

interface Asked {
  answers: Answers
  signal: AbortSignal
  /** Throws SpendingLimitError once receipts have used up what the caller may spend. */
  checkSpending: () => void
}

/**
 * Has requests answered as one stream; `format` is given the model that answers. A failure before the 200 is
 * thrown, and becomes an HTTP error; what fails after it is told by a last event, then the connection breaks.
 */
export async function streamAnswer(
  context: GatewayContext,
  reply: FastifyReply,
  requests: Requests,
  createFormat: (model: string) => StreamFormat
): Promise<FastifyReply> {
  const { settings } = context
  const asked = ask(context, reply, requests)
  const { answers, signal } = asked
  try {
    await answers.begun(settings.firstByteMs)
    signal.throwIfAborted()
  } catch (err) {
    await answers.abandon(err)
    throw explain(context, requests, signal, err)
  }
  const format = createFormat(answers.accepted[0]?.model ?? requests[0].model)
  const kind = format.kind ?? SERVER_SENT_EVENTS
  const response = openStream(context, reply, answers, kind)
  const out = new SseWriter(response, { ...settings, ping: kind.ping })
  try {
    format.start?.(out)
    await format.end(await writeDeltas(asked, requests.length, format, out), out)
    out.end()
  } catch (err) {
    const failure = toFailure(explain(context, requests, signal, err))
    if (!response.closed) reply.request.broken = failure
    context.components.logger.info('answer failed in mid-stream', {
      request: reply.request.id,
      code: failure.code
    })
    out.cut(format.failure(failure))
    await answers.abandon(err)
    return reply
  }
  await settle(context, reply, answers)
  return reply
}

/** Has requests answered as one document. Throws on failure. */
export async function documentAnswer(
  context: GatewayContext,
  reply: FastifyReply,
  requests: Requests,
  format: DocumentFormat
): Promise<FastifyReply> {
  const asked = ask(context, reply, requests, true)
  const { answers, signal } = asked
  try {
    const ends = await eachDelta(asked, requests.length, (delta, choice) => format.delta(delta, choice))
    const body = await format.end(ends, answers.accepted[0]?.model ?? requests[0].model)
    reply.headers({ ...placeHeaders(answers.accepted), ...receiptHeader(ends) })
    reply.send(body)
  } catch (err) {
    await answers.abandon(err)
    throw explain(context, requests, signal, err)
  }
  await settle(context, reply, answers)
  return reply
}

function writeDeltas(asked: Asked, count: number, format: StreamFormat, out: SseWriter): Promise<Ends> {
  return eachDelta(
    asked,
    count,
    async (delta, choice) => {
      format.delta(delta, out, choice)
      if (out.full) await out.drained()
      asked.signal.throwIfAborted()
    },
    (choice, end) => format.choiceEnd?.(choice, end, out)
  )
}

/** Sees every delta, and every answer's end, as they come; returns the ends. */
async function eachDelta(
  { answers, checkSpending }: Asked,
  count: number,
  onDelta: (delta: Delta, choice: number) => Promise<void> | void,
  onEnd?: (choice: number, end: EndEvent) => void
): Promise<Ends> {
  const ends: EndEvent[] = []
  for (let ended = 0; ended < count;) {
    const { choice, event } = await answers.next()
    if (event.type === 'delta') {
      // Not at an end: what is whole is paid, and is given.
      checkSpending()
      await onDelta(event.delta, choice)
    } else {
      ended++
      ends[choice] = event
      onEnd?.(choice, event)
    }
  }
  return ends as Ends
}

function openStream(
  context: GatewayContext,
  reply: FastifyReply,
  answers: Answers,
  kind: StreamKind
): ServerResponse {
  const response = reply.hijack().raw
  // A client that is gone is noticed by `close`; without a listener the error would end the process.
  response.on('error', (err) => context.components.logger.debug('write failed', { error: err.message }))
  response.writeHead(200, {
    ...ownHeaders(reply),
    'content-type': kind.contentType,
    'cache-control': 'no-cache',
    // For nginx and the like in front of the gateway: pass each event on as it comes.
    'x-accel-buffering': 'no',
    ...placeHeaders(answers.accepted)
  })
  if (!answers.ready) response.flushHeaders()
  return response
}

function ask(
  { calls, components, keys, metrics, ownRequests }: GatewayContext,
  reply: FastifyReply,
  requests: Requests,
  held = false
): Asked {
  const { caller, traceparent, exactCase, headers, id } = reply.request
  const spellings = (model: string): string[] =>
    components.consumer.spellings?.(model, { exactCase }) ?? [model]
  keys.enter(caller, ...spellings(requests[0].model))
  const fallback = fallbackOf(reply.request)
  metrics.opened(reply.raw)
  const { job } = reply.request
  const open = calls.open(reply.raw)
  const signal = job === undefined ? open : AbortSignal.any([open, job.signal])
  const session = headers['x-session-affinity']
  const tier = tierOf(reply.request)
  const options = {
    ...(traceparent === undefined ? {} : { traceparent }),
    ...(typeof session === 'string' ? { session } : {}),
    ...(tier === undefined ? {} : { tier }),
    ...(caller === undefined || caller.owner ? {} : { key: caller.name }),
    ...(headers['x-lobstah-resume'] === 'off' ? { resume: false } : {}),
    ...(fallback === undefined ? {} : { fallback }),
    // It gives no receipts, so that no key's limit could bound its cost.
    lastResort: !isOff(headers['x-lobstah-fallback']) && caller?.spendPerDay === undefined,
    exactCase,
    requestId: id,
    allowsModel: (model: string) => keys.allows(caller, spellings(model)),
    committed: () => reply.raw.headersSent,
    ...(held ? { held } : {}),
    onSpent: (microCredits: number) => keys.spent(caller, microCredits)
  }
  const answers = new Answers(
    (request, shared, onRoute, choice) =>
      metrics.follow(
        keptAnswer(job, choice, (kept) =>
          ownRequests.follow(
            (asked, asks) => components.consumer.infer(asked, asks),
            request,
            { ...options, ...kept, signal: shared, onRoute },
            caller?.name
          )
        )
      ),
    requests,
    signal
  )
  return { answers, signal, checkSpending: () => keys.checkSpending(caller) }
}

/** The consumer may still have to acknowledge the last receipt; the client does not wait for that. */
async function settle(context: GatewayContext, reply: FastifyReply, answers: Answers): Promise<void> {
  try {
    await answers.settled()
  } catch (err) {
    const { code } = toFailure(err)
    context.components.logger.warn('answer delivered but not settled', { request: reply.request.id, code })
  }
}

/** Why it really failed: what aborted the call, and for an unknown model, which ones are known. */
function explain(context: GatewayContext, requests: Requests, signal: AbortSignal, err: unknown): unknown {
  if (signal.aborted) return signal.reason
  const departed = err instanceof ModelDepartedError ? err.message : undefined
  if (departed === undefined && !(err instanceof ModelNotFoundError)) return err
  // Of another name than a model's own, and of a chain, the consumer knows more.
  const { consumer } = context.components
  const [{ model }] = requests
  if (/@|^auto(:latest)?$/i.test(model) || (err instanceof ModelNotFoundError && /chain/.test(err.message)))
    return err
  const served = [...consumer.models(), ...(consumer.names?.() ?? [])].map(({ id }) => id)
  return new ModelNotFoundError(modelNotFoundMessage(model, served, departed), { cause: err })
}
