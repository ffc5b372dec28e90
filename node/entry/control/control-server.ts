import { createHash, timingSafeEqual } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { NodeReport } from './node-report.ts'

/** Connections at once: its only clients are the commands of the node's owner. */
const MAX_CONNECTIONS = 32

/** Time for a request to arrive, in milliseconds. */
const REQUEST_MS = 5000

export interface ControlInit {
  /** The home's token: only its owner can read it. */
  token: string
  report: () => Promise<NodeReport>
  stop: () => void
}

/** The door by which commands reach a node that may have no gateway. */
export interface ControlServer {
  readonly url: string
  close(): Promise<void>
}

/** Answers `GET /status` and `POST /stop` on a free port of the loopback interface, to holders of the token only. */
export async function startControl(init: ControlInit): Promise<ControlServer> {
  const server = createServer(
    { headersTimeout: REQUEST_MS, requestTimeout: REQUEST_MS },
    (request, response) => {
      answer(init, request, response).catch((err: unknown) => {
        reply(response, 500, { error: err instanceof Error ? err.message : String(err) })
      })
    }
  )
  server.maxConnections = MAX_CONNECTIONS
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  // It never keeps a node alive that is about to end.
  server.unref()
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    close: async () => {
      if (!server.listening) return
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    }
  }
}

async function answer(
  { token, report, stop }: ControlInit,
  request: IncomingMessage,
  response: ServerResponse
): Promise<void> {
  // A body is never read, and its connection is not used again.
  response.setHeader('connection', 'close')
  if (!matches(request.headers.authorization, token)) return reply(response, 401, { error: 'wrong token' })
  switch (`${request.method} ${request.url}`) {
    case 'GET /status':
      return reply(response, 200, await report())
    case 'POST /stop':
      reply(response, 202, { stopping: true })
      // The answer leaves first: a second request ends the process at once.
      return void response.once('close', stop)
    default:
      return reply(response, 404, { error: 'no such route' })
  }
}

function matches(authorization: string | undefined, token: string): boolean {
  const hash = (text: string): Buffer => createHash('sha256').update(text).digest()
  return timingSafeEqual(hash(authorization ?? ''), hash(`Bearer ${token}`))
}

function reply(response: ServerResponse, status: number, body: object): void {
  if (response.headersSent) return
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}
