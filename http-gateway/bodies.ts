import { promisify } from 'node:util'
import { brotliDecompress, constants, gunzip, inflate, zstdDecompress } from 'node:zlib'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { BadRequestError } from '../protocols/errors.ts'
import { REQUEST_BOUNDS, excess } from '../protocols/framing/index.ts'
import { BodyTooLargeError, UnsupportedBodyError } from './errors.ts'

/** zstd's window, as a power of two: 8 MiB, the least that RFC 8878 has every decoder take. */
const ZSTD_WINDOW_LOG = 23

type Decode = (body: Buffer, maxOutputLength: number) => Promise<Buffer>

const gzip = promisify(gunzip)
const deflate = promisify(inflate)
const brotli = promisify(brotliDecompress)
const zstd = promisify(zstdDecompress)

const DECODERS: ReadonlyMap<string, Decode> = new Map<string, Decode>([
  ['gzip', (body, maxOutputLength) => gzip(body, { maxOutputLength })],
  ['x-gzip', (body, maxOutputLength) => gzip(body, { maxOutputLength })],
  ['deflate', (body, maxOutputLength) => deflate(body, { maxOutputLength })],
  ['br', (body, maxOutputLength) => brotli(body, { maxOutputLength })],
  [
    'zstd',
    (body, maxOutputLength) =>
      zstd(body, { maxOutputLength, params: { [constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG } })
  ]
])

/** Reads JSON bodies, compressed or not, of at most `limit` bytes either way. */
export function readBodies(app: FastifyInstance, limit: number): void {
  app.removeAllContentTypeParsers()
  // A tool's schema may hold any key; zod copies only what it knows.
  const parseJson = app.getDefaultJsonParser('remove', 'ignore')
  app.addContentTypeParser<Buffer>('*', { parseAs: 'buffer' }, (request, body, done) => {
    readText(request, body, limit).then(
      (text) => void parseJson(request, text, done),
      (err: unknown) => done(err as Error)
    )
  })
  app.addContentTypeParser('multipart/form-data', (request, payload, done) => {
    if (request.routeOptions.config.multipart === true) return done(null, payload)
    try {
      checkContentType(request)
      done(new UnsupportedBodyError('This route takes no form: send JSON'))
    } catch (err) {
      done(err as Error)
    }
  })
}

/** A body's text, small enough to be parsed. Throws UnsupportedBodyError, BodyTooLargeError or BadRequestError. */
async function readText(request: FastifyRequest, body: Buffer, limit: number): Promise<string> {
  checkContentType(request)
  const json = await decode(request.headers['content-encoding'], body, limit)
  const fault = excess(json, REQUEST_BOUNDS)
  if (fault !== undefined) throw new BadRequestError(`The body ${fault}`)
  return json.toString('utf8')
}

/**
 * A web page can send a form's content type, or none, without asking first. The access policy has refused its
 * Origin by now; the content type is a second wall, which the surfaces that do without it do not have.
 */
function checkContentType(request: FastifyRequest): void {
  const type = request.headers['content-type'] ?? ''
  if (request.routeOptions.config.anyContentType === true) return
  if (/^\s*application\/([\w.-]+\+)?json\s*(;|$)/i.test(type)) return
  const sent = type === '' ? 'without a content type' : `as ${JSON.stringify(type.slice(0, 64))}`
  throw new UnsupportedBodyError(
    `The body came ${sent}: send JSON with the header content-type: application/json`
  )
}

async function decode(encoding: string | undefined, body: Buffer, limit: number): Promise<Buffer> {
  const name = encoding?.trim().toLowerCase() ?? ''
  if (name === '' || name === 'identity') return body
  const decoder = DECODERS.get(name)
  if (decoder === undefined) {
    throw new UnsupportedBodyError(
      `The content-encoding ${JSON.stringify(name.slice(0, 64))} is not known: use gzip, deflate, br or zstd, or none`,
      { 'accept-encoding': 'gzip, deflate, br, zstd' }
    )
  }
  try {
    return await decoder(body, limit)
  } catch (err) {
    if (err instanceof Error && 'code' in err && err.code === 'ERR_BUFFER_TOO_LARGE')
      throw new BodyTooLargeError(limit)
    throw new BadRequestError(`The body is not valid ${name}: compress it again, or send it as it is`, {
      cause: err
    })
  }
}
