import assert from 'node:assert/strict'
import { readSse } from '../support/gateway/sse.ts'
import { MeshGateway } from '../support/gateway/mesh-gateway.ts'

const model = 'llama3.2:3b'
/** The fake engine says endless words, which depend on the seed. */
const prompt = 'endless'
const messages = [{ role: 'user', content: prompt }]
const limit = 8

interface Surface {
  path: string
  body: (seed: number) => object
  document: (body: never) => string
  /** The text of one event or line. */
  piece: (event: never) => string | undefined
  receipts: 'comment' | 'field'
}

const SURFACES: Surface[] = [
  {
    path: '/v1/chat/completions',
    body: (seed) => ({ messages, seed, max_tokens: limit }),
    document: (body: { choices: { message: { content: string } }[] }) => body.choices[0]!.message.content,
    piece: (event: { choices: { delta: { content?: string } }[] }) => event.choices[0]?.delta.content,
    receipts: 'comment'
  },
  {
    path: '/v1/completions',
    body: (seed) => ({ prompt, seed, max_tokens: limit }),
    document: (body: { choices: { text: string }[] }) => body.choices[0]!.text,
    piece: (event: { choices: { text: string }[] }) => event.choices[0]?.text,
    receipts: 'comment'
  },
  {
    path: '/v1/responses',
    body: (seed) => ({ input: prompt, seed, max_output_tokens: limit }),
    document: (body: { output: { content: { text: string }[] }[] }) => body.output[0]!.content[0]!.text,
    piece: (event: { type: string; delta?: string }) =>
      event.type === 'response.output_text.delta' ? event.delta : undefined,
    receipts: 'comment'
  },
  {
    path: '/v1/messages',
    body: (seed) => ({ messages, seed, max_tokens: limit }),
    document: (body: { content: { text: string }[] }) => body.content[0]!.text,
    piece: (event: { delta?: { text?: string } }) => event.delta?.text,
    receipts: 'comment'
  },
  {
    path: '/api/chat',
    body: (seed) => ({ messages, options: { seed, num_predict: limit } }),
    document: (body: { message: { content: string } }) => body.message.content,
    piece: (line: { message: { content: string } }) => line.message.content,
    receipts: 'field'
  },
  {
    path: '/api/generate',
    body: (seed) => ({ prompt, options: { seed, num_predict: limit } }),
    document: (body: { response: string }) => body.response,
    piece: (line: { response: string }) => line.response,
    receipts: 'field'
  }
]

describe('every surface of the gateway, through a mesh', () => {
  let gateway: MeshGateway

  before(async () => {
    gateway = await MeshGateway.start()
  })

  after(() => gateway.stop())

  const post = (path: string, body: object): Promise<Response> =>
    fetch(gateway.http.url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model, ...body })
    })

  async function documentText({ path, body, document }: Surface, seed: number): Promise<string> {
    const response = await post(path, { ...body(seed), stream: false })
    assert.equal(response.status, 200)
    assert.ok(response.headers.get('x-lobstah-receipt') !== null, 'a receipt in the header')
    return document((await response.json()) as never)
  }

  async function streamText({ path, body, piece, receipts }: Surface, seed: number): Promise<string> {
    const text = await (await post(path, { ...body(seed), stream: true })).text()
    if (receipts === 'comment') {
      const { data, comments } = readSse(text)
      const receipt = comments.find((comment) => comment.startsWith('lobstah-receipt '))
      assert.match(receipt ?? '', /"signature"/)
      const events = data.filter((event) => event !== '[DONE]').map((event) => JSON.parse(event) as never)
      return events.map((event) => piece(event) ?? '').join('')
    }
    const lines = text.trimEnd().split('\n')
    assert.match(lines.at(-1)!, /"lobstah_receipt":\{"payload"/)
    return lines.map((line) => piece(JSON.parse(line) as never) ?? '').join('')
  }

  it('gives the same text for the same request at the same seed', async () => {
    const texts = new Map<number, Set<string>>()
    for (const seed of [3, 11]) {
      const seen = new Set<string>()
      for (const surface of SURFACES) {
        seen.add(await documentText(surface, seed))
        seen.add(await streamText(surface, seed))
      }
      assert.equal(seen.size, 1, JSON.stringify([...seen]))
      texts.set(seed, seen)
    }
    const [one] = texts.get(3)!
    const [other] = texts.get(11)!
    assert.notEqual(one, other, 'the seed arrives')
    assert.equal(one!.trim().split(' ').length, limit, 'the limit arrives')
  })
})
