import type { FastifyInstance } from 'fastify'
import { refuseVast } from './vast-bodies.ts'

/** Reads JSON bodies, and no others. */
export function readBodies(app: FastifyInstance): void {
  app.removeContentTypeParser('text/plain')
  // A tool's schema may hold any key; zod copies only what it knows.
  const parseJson = app.getDefaultJsonParser('remove', 'ignore')
  app.addContentTypeParser<string>('application/json', { parseAs: 'string' }, (request, body, done) => {
    try {
      refuseVast(body)
    } catch (err) {
      done(err as Error)
      return
    }
    void parseJson(request, body, done)
  })
}
