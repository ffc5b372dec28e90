import { z } from 'zod'
import { BadRequestError } from '../../protocols/errors.ts'
import { ownHeaders } from '../answer/headers.ts'
import { route } from '../route.ts'
import { MAX_LOOK_BACK_MS } from './constants.ts'

/** `GET /lobstah/events`: the state of the node as it changes, at most once a second. */
export const events = route({
  method: 'GET',
  path: '/lobstah/events',
  summary: 'State of the dashboard, as server-sent events whenever it changes',
  type: 'text/event-stream',
  handle({ subscribers, components }, { reply }) {
    subscribers.checkRoom()
    const response = reply.hijack().raw
    response.on('error', (err) => components.logger.debug('write failed', { error: err.message }))
    response.writeHead(200, {
      ...ownHeaders(reply),
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no'
    })
    subscribers.add(response)
    return reply
  }
})

const historyQuery = z.object({
  by: z.enum(['hour', 'day', 'month']).default('hour'),
  since: z.coerce.number().int().min(0).optional()
})

const LOOK_BACK_MS = { hour: 24 * 3600 * 1000, day: 30 * 24 * 3600 * 1000, month: 366 * 24 * 3600 * 1000 }

const tokens = z.int().describe('tokens')

const historyAnswer = z.object({
  by: z.enum(['hour', 'day', 'month']),
  sums: z.array(
    z.object({
      at: z.int().describe('begin of the hour, day or month, in milliseconds since 1970'),
      side: z.enum(['asked', 'served']),
      model: z.string(),
      peer: z.string(),
      requests: z.int(),
      failed: z.int(),
      promptTokens: tokens,
      completionTokens: tokens,
      credits: z.int().describe('micro-credits'),
      decodeMs: z.int().describe('milliseconds between the first and the last token, in total')
    })
  )
})

/** `GET /lobstah/history`: what was asked and served before. */
export const history = route({
  method: 'GET',
  path: '/lobstah/history',
  summary: 'Requests, tokens and credits by hour, day or month, model and peer',
  query: historyQuery,
  answer: historyAnswer,
  handle({ components }, { query: { by, since } }): z.infer<typeof historyAnswer> {
    const now = Date.now()
    const from = Math.max(since ?? now - LOOK_BACK_MS[by], now - MAX_LOOK_BACK_MS)
    return { by, sums: components.history?.read({ by, since: from }) ?? [] }
  }
})

/** `POST /lobstah/stop`: ends one of the requests that the events tell of. */
export const stop = route({
  method: 'POST',
  path: '/lobstah/stop',
  summary: 'Stop a running request, of this node or of a peer, by its id',
  owner: true,
  body: z.object({ id: z.string().min(1).max(128) }),
  answer: z.object({ stopped: z.string() }),
  handle({ ownRequests, components }, { body: { id } }) {
    if (!ownRequests.stop(id) && components.served?.stop(id) !== true)
      throw new BadRequestError('No request with this id is running: it may have ended', { param: 'id' })
    return { stopped: id }
  }
})
