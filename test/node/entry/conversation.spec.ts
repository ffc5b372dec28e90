import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import { runProcess } from '../../support/node-process.ts'
import { hasPseudoTerminals, pseudoTerminal, type PseudoTerminal } from '../../support/pseudo-terminal.ts'

interface Asked {
  model: string
  messages: { role: string; content: string }[]
}

describe('node/entry: a conversation', function () {
  this.timeout(240_000)
  let home: string
  let server: Server
  let asked: Asked[]
  let hungUp: Promise<unknown>
  let terminal: PseudoTerminal | undefined

  const models = ['small', 'large'].map((id) => ({
    id,
    context_length: 1000,
    lobstah: { peers: ['p'], capabilities: ['chat'] }
  }))
  const say = (response: ServerResponse, content: string): void => {
    response.write(`data: ${JSON.stringify({ choices: [{ delta: { content } }] })}\n\n`)
  }

  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'lobstah-talk-'))
    asked = []
    server = createServer((request, response) => {
      if (request.url === '/v1/models') return response.end(JSON.stringify({ data: models }))
      return void json(request).then((body) => {
        asked.push(body as Asked)
        const last = (body as Asked).messages.at(-1)?.content
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        say(response, `You said \u001b]0;owned\u0007${last}`)
        if (last === 'go on') hungUp = once(response, 'close')
        else response.end('data: [DONE]\n\n')
      })
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
  })
  afterEach(async () => {
    terminal?.kill()
    server.closeAllConnections()
    server.close()
    await rm(home, { recursive: true })
  })

  const args = (): string[] => [
    '--home',
    home,
    '--gateway-port',
    String((server.address() as AddressInfo).port),
    'chat'
  ]

  it('keeps its history, changes models, stops an answer, and ends by Ctrl-D', async function () {
    if (!hasPseudoTerminals()) this.skip()
    terminal = pseudoTerminal(args())
    await terminal.shows(/small\. \/help[^]*> /)
    terminal.type('one\r')
    await terminal.shows(/You said one[^]*> /)
    terminal.type('/model large\r')
    await terminal.shows(/large answers from now on[^]*> /)
    terminal.type('go on\r')
    await terminal.shows(/You said go on/)
    terminal.type('\x03')
    await hungUp
    await terminal.shows(/\(stopped\)[^]*> /)
    terminal.type('three\r')
    await terminal.shows(/You said three[^]*> /)
    terminal.type('\x04')
    assert.equal(await terminal.ended(), 0)
    assert.deepEqual(
      asked.map(({ model }) => model),
      ['small', 'large', 'large']
    )
    assert.deepEqual(
      asked.at(-1)?.messages.map(({ role }) => role),
      ['user', 'assistant', 'user', 'assistant', 'user']
    )
    assert.ok(!terminal.screen().includes('owned'), 'what a peer says does not act on the terminal')
  })

  it('wants a question where there is no terminal', async () => {
    const { code, stderr } = await runProcess(args())
    assert.equal(code, 2)
    assert.match(stderr, /There is no question: give one/)
  })
})
