/**
 * A process: an OpenAI-compatible server whose tokens are the time at which each was sent. It lists one model for
 * each mesh path, `/<model>/v1`, so that a contributor that is pointed there offers that model only.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { json } from 'node:stream/consumers'
import { z } from 'zod'
import { nowUs } from './clock.ts'
import { serveUntilTold } from './serve.ts'
import { Ticker } from './ticker.ts'

const body = z.object({ model: z.string(), max_tokens: z.number().int().min(1) })

const ticker = new Ticker()

function chunk(choices: object[], rest: object = {}): string {
  return `data: ${JSON.stringify({ id: 'chatcmpl-bench', object: 'chat.completion.chunk', created: 0, model: 'bench', choices, ...rest })}\n\n`
}

const [head, tail] = chunk([{ index: 0, delta: { content: '@' }, finish_reason: null }]).split('@')

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { max_tokens: tokens } = body.parse(await json(request))
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
  let sent = 0
  const token = (): void => {
    response.write(`${head}${nowUs()} ${tail}`)
    if (++sent < tokens) return
    stop()
    response.write(chunk([{ index: 0, delta: {}, finish_reason: 'length' }]))
    response.write(
      chunk([], { usage: { prompt_tokens: 10, completion_tokens: tokens, total_tokens: 10 + tokens } })
    )
    response.end('data: [DONE]\n\n')
  }
  const stop = ticker.add(token)
  response.once('close', stop)
  token()
}

const server = createServer((request, response) => {
  const [, model = ''] = /^\/([\w-]+)\/v1\/models$/.exec(request.url ?? '') ?? []
  if (request.method === 'POST') {
    answer(request, response).catch((err: unknown) =>
      response.destroy(err instanceof Error ? err : undefined)
    )
  } else if (model !== '') {
    response.setHeader('content-type', 'application/json')
    response.end(
      JSON.stringify({
        object: 'list',
        data: [{ id: model, object: 'model', created: 0, owned_by: 'bench' }]
      })
    )
  } else response.writeHead(404).end()
})

await serveUntilTold(server)
