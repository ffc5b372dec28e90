/** A process: the least that a Fastify gateway can do. Bytes go to the engine of argv and back, unread. */
import { Readable } from 'node:stream'
import type { ReadableStream } from 'node:stream/web'
import { fastify } from 'fastify'
import { serveUntilTold } from './serve.ts'

const upstream = process.argv[2] ?? ''
const app = fastify()
app.removeAllContentTypeParsers()
app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, payload, done) => done(null, payload))
app.post('/v1/chat/completions', async (request, reply) => {
  const response = await fetch(`${upstream}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: request.body as Buffer<ArrayBuffer>
  })
  reply.code(response.status).header('content-type', response.headers.get('content-type'))
  return reply.send(Readable.fromWeb(response.body as ReadableStream))
})

await app.ready()
await serveUntilTold(app.server)
