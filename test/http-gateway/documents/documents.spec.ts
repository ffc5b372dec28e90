import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import type { LightMyRequestResponse } from 'fastify'
import { PdfReader } from '../../../http-gateway/documents/index.ts'
import { testGateway, type TestGateway } from '../../support/gateway/gateway.ts'
import { lockedPdf, pdfBomb, pdfOf, pdfWith } from '../../support/pdf.ts'

const PDF = pdfWith('the answer is 42').toString('base64')
const TEXT = Buffer.from('a,b\n1,2\n').toString('base64')
const LONG_MS = 60_000

/** How each API sends a file: in a user's message, and as what a tool returned. */
const SURFACES: Record<
  string,
  {
    path: string
    /** The field that holds the data, in the message of `sent`. */
    param: string
    sent: (data: string, type: string) => object
    returned: (data: string, type: string) => object
  }
> = {
  chat: {
    path: '/v1/chat/completions',
    param: 'messages[0].content[1].file.file_data',
    sent: (data, type) => ({
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'Read: ' },
            { type: 'file', file: { filename: 'f.x', file_data: `data:${type};base64,${data}` } }
          ]
        }
      ]
    }),
    returned: (data, type) => ({
      messages: [
        { role: 'user', content: 'hi' },
        {
          role: 'assistant',
          tool_calls: [{ id: 'a', type: 'function', function: { name: 'read', arguments: '{}' } }]
        },
        {
          role: 'tool',
          tool_call_id: 'a',
          content: [{ type: 'file', file: { filename: 'f.x', file_data: `data:${type};base64,${data}` } }]
        }
      ]
    })
  },
  responses: {
    path: '/v1/responses',
    param: 'input[1].content[0].file_data',
    sent: (data, type) => ({
      input: [
        // Passed over, and yet counted where an error names the place.
        { type: 'web_search_call', id: 'w', status: 'completed' },
        {
          role: 'user',
          content: [{ type: 'input_file', filename: 'f.x', file_data: `data:${type};base64,${data}` }]
        }
      ]
    }),
    returned: (data, type) => ({
      input: [
        { role: 'user', content: 'hi' },
        { type: 'function_call', call_id: 'a', name: 'read', arguments: '{}' },
        {
          type: 'function_call_output',
          call_id: 'a',
          output: [{ type: 'input_file', filename: 'f.x', file_data: `data:${type};base64,${data}` }]
        }
      ]
    })
  },
  messages: {
    path: '/v1/messages',
    param: 'messages[0].content[1].source.data',
    sent: (data, type) => ({
      max_tokens: 9,
      messages: [
        {
          role: 'user',
          content: [
            { type: 'container_upload', file_id: 'f' },
            { type: 'document', title: 'f.x', source: { type: 'base64', media_type: type, data } }
          ]
        }
      ]
    }),
    returned: (data, type) => ({
      max_tokens: 9,
      messages: [
        { role: 'user', content: 'hi' },
        { role: 'assistant', content: [{ type: 'tool_use', id: 'a', name: 'read', input: {} }] },
        {
          role: 'user',
          content: [
            {
              type: 'tool_result',
              tool_use_id: 'a',
              content: [
                { type: 'document', title: 'f.x', source: { type: 'base64', media_type: type, data } }
              ]
            }
          ]
        }
      ]
    })
  }
}

describe('http-gateway/documents', function () {
  this.timeout(LONG_MS)
  let test: TestGateway

  beforeEach(() => {
    test = testGateway()
  })
  afterEach(() => test.http.stop())

  const post = (url: string, body: object): Promise<LightMyRequestResponse> =>
    test.http.inject({
      url,
      method: 'POST',
      headers: { host: 'localhost' },
      payload: { model: 'tiny', ...body }
    })

  /** The text shown to the model, by role. */
  const shown = async (url: string, body: object): Promise<Record<string, unknown>> => {
    const { statusCode, payload } = await post(url, body)
    assert.equal(statusCode, 200, payload)
    const request = test.consumer.requests.at(-1)
    assert.ok(request?.kind === 'chat')
    return Object.fromEntries(request.messages.map(({ role, content }) => [role, content]))
  }

  /** The error's message and the field that it names. */
  const refusal = async (url: string, body: object): Promise<{ message: string; param: string }> => {
    const { statusCode, payload } = await post(url, body)
    assert.equal(statusCode, 400, payload)
    return (JSON.parse(payload) as { error: { message: string; param: string } }).error
  }

  for (const [name, { path, param, sent, returned }] of Object.entries(SURFACES)) {
    describe(name, () => {
      it('shows the text of files that a user sends and that tools return', async () => {
        const pdf = '<document name="f.x">\nthe answer is 42\n</document>\n'
        const csv = '<document name="f.x">\na,b\n1,2\n\n</document>\n'
        assert.match(String((await shown(path, sent(PDF, 'application/pdf')))['user']), new RegExp(pdf))
        assert.match(String((await shown(path, sent(TEXT, 'text/csv')))['user']), new RegExp(csv))
        assert.equal((await shown(path, returned(PDF, 'application/pdf')))['tool'], pdf)
        assert.equal((await shown(path, returned(TEXT, 'text/csv')))['tool'], csv)
      })

      const faults: [what: string, data: () => Buffer, message: RegExp][] = [
        ['too much memory', () => pdfBomb(2048), /takes more than 512 MiB of memory/],
        ['a password', lockedPdf, /locked with a password/],
        ['no text', () => pdfOf([{ content: 'q Q' }]), /has no text in it/],
        ['no PDF inside', () => Buffer.from('%PDF-1.4'), /not a valid PDF/],
        ['too many bytes', () => Buffer.from(`%PDF-1.4${' '.repeat(32 * 2 ** 20)}`), /larger than 32 MiB/],
        [
          'another kind',
          () => Buffer.from('PK\u0003\u0004\0\0\0'),
          /neither a PDF nor text but a ZIP archive/
        ],
        ['no kind', () => Buffer.from([0, 1, 2, 254]), /is neither a PDF nor text/]
      ]
      it('names what is wrong with a file: to the client, or to the model for a tool', async () => {
        for (const [what, data, message] of faults) {
          const bytes = data().toString('base64')
          const err = await refusal(path, sent(bytes, 'application/pdf'))
          assert.match(err.message, message, what)
          assert.equal(err.param, param, what)
          assert.ok(err.message.startsWith(`'${param}' `), err.message)
          const tool = String((await shown(path, returned(bytes, 'application/pdf')))['tool'])
          assert.match(tool, /^\[The file "f\.x" is left out: it /, what)
          assert.match(tool, message, what)
        }
      })
    })
  }

  it('refuses files that are stored or elsewhere, and fetches nothing', async () => {
    const user = (part: object): object => ({ messages: [{ role: 'user', content: [part] }], max_tokens: 9 })
    const item = (part: object): object => ({ input: [{ role: 'user', content: [part] }] })
    const address = 'http://127.0.0.1:1/f.pdf'
    const cases: [path: string, body: object, param: string, message: RegExp][] = [
      [
        '/v1/chat/completions',
        user({ type: 'file', file: { file_id: 'f' } }),
        'file.file_id',
        /no files are stored/
      ],
      [
        '/v1/chat/completions',
        user({ type: 'file', file: { file_data: address } }),
        'file.file_data',
        /nothing is fetched/
      ],
      ['/v1/chat/completions', user({ type: 'file', file: { filename: 'f' } }), 'file', /has no file_data/],
      [
        '/v1/chat/completions',
        user({ type: 'file', file: { file_data: 'no base 64!' } }),
        'file.file_data',
        /base64/
      ],
      ['/v1/responses', item({ type: 'input_file', file_id: 'f' }), 'file_id', /no files are stored/],
      ['/v1/responses', item({ type: 'input_file', file_url: address }), 'file_url', /nothing is fetched/],
      [
        '/v1/messages',
        user({ type: 'document', source: { type: 'url', url: address } }),
        'source.url',
        /nothing is fetched/
      ],
      [
        '/v1/messages',
        user({ type: 'document', source: { type: 'file', file_id: 'f' } }),
        'source.file_id',
        /no files are stored/
      ]
    ]
    for (const [path, body, param, message] of cases) {
      const err = await refusal(path, body)
      assert.match(err.message, message)
      assert.match(err.param, new RegExp(`^(messages|input)\\[0\\]\\.content\\[0\\]\\.${param}$`))
    }
  })

  it('reads text in other encodings, and text that is not in base64', async () => {
    const file = (data: string): object => ({
      messages: [{ role: 'user', content: [{ type: 'file', file: { file_data: data } }] }]
    })
    for (const data of [
      `data:text/plain;charset=iso-8859-1;base64,${Buffer.from('na\u00efve', 'latin1').toString('base64')}`,
      `data:;base64,${Buffer.from('\ufeffna\u00efve', 'utf16le').toString('base64')}`,
      'data:text/plain,na%C3%AFve',
      Buffer.from('na\u00efve').toString('base64')
    ]) {
      const { user } = await shown('/v1/chat/completions', file(data))
      assert.equal(user, '<document>\nna\u00efve\n</document>\n', data)
    }
  })

  it('counts the tokens of a PDF', async () => {
    const count = async (body: object): Promise<number> => {
      const { payload } = await post('/v1/messages/count_tokens', body)
      return (JSON.parse(payload) as { input_tokens: number }).input_tokens
    }
    const { sent } = SURFACES['messages']!
    const long = pdfWith(...Array<string>(20).fill('x'.repeat(40))).toString('base64')
    assert.ok(
      (await count(sent(long, 'application/pdf'))) > (await count(sent(PDF, 'application/pdf'))) + 150
    )
  })

  it('shows the page that a vendor fetched, and no picture as text', async () => {
    const { messages } = await (async () => {
      const source = { type: 'base64', media_type: 'application/pdf', data: PDF }
      const { statusCode, payload } = await post('/v1/messages', {
        max_tokens: 9,
        messages: [
          { role: 'user', content: 'hi' },
          {
            role: 'assistant',
            content: [
              { type: 'server_tool_use', id: 's', name: 'web_fetch', input: {} },
              {
                type: 'web_fetch_tool_result',
                tool_use_id: 's',
                content: { type: 'web_fetch_result', url: 'u', content: { type: 'document', source } }
              },
              {
                type: 'mcp_tool_result',
                tool_use_id: 'm',
                content: [
                  { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'iVBOR' } }
                ]
              },
              {
                type: 'web_fetch_tool_result',
                tool_use_id: 't',
                content: { type: 'web_fetch_tool_result_error', error_code: 'url_not_accessible' }
              }
            ]
          },
          { role: 'user', content: 'go on' }
        ]
      })
      assert.equal(statusCode, 200, payload)
      const request = test.consumer.requests.at(-1)
      assert.ok(request?.kind === 'chat')
      return request
    })()
    const results = messages.filter(({ role }) => role === 'tool').map(({ content }) => content)
    assert.deepEqual(results, ['u\n<document>\nthe answer is 42\n</document>\n', '', 'url_not_accessible'])
  })

  it('tells the model of images that tools returned and that are elsewhere', async () => {
    const tool = String(
      (
        await shown('/v1/responses', {
          input: [
            { role: 'user', content: 'hi' },
            { type: 'function_call', call_id: 'a', name: 'look', arguments: '{}' },
            { type: 'function_call_output', call_id: 'a', output: [{ type: 'input_image', file_id: 'f' }] }
          ]
        })
      )['tool']
    )
    assert.match(tool, /image is left out/)
    const { tool: block } = await shown('/v1/messages', {
      max_tokens: 9,
      messages: [
        { role: 'user', content: 'hi' },
        { role: 'assistant', content: [{ type: 'tool_use', id: 'a', name: 'look', input: {} }] },
        {
          role: 'user',
          content: [
            {
              type: 'tool_result',
              tool_use_id: 'a',
              content: [{ type: 'image', source: { type: 'url', url: 'http://127.0.0.1:1/i.png' } }]
            }
          ]
        }
      ]
    })
    assert.match(String(block), /image is left out/)
  })

  it('shows the images within a document, and says where they belong', async () => {
    const image = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'aGk=' } }
    const elsewhere = { type: 'image', source: { type: 'url', url: 'https://example.com/a.png' } }
    const made = (...content: object[]) => ({
      type: 'document',
      title: 'f.x',
      source: { type: 'content', content }
    })
    const ask = (...blocks: object[]) => ({
      max_tokens: 9,
      messages: [
        { role: 'assistant', content: [{ type: 'tool_use', id: 'a', name: 'read', input: {} }] },
        { role: 'user', content: blocks }
      ]
    })
    const text = '<document name="f.x">\nabove\n[Image 1 of 1, shown below]\nunder\n</document>\n'
    const part = { type: 'image_url', image_url: { url: 'data:image/png;base64,aGk=' } }
    const document = made({ type: 'text', text: 'above' }, image, { type: 'text', text: 'under' })
    assert.deepEqual((await shown('/v1/messages', ask(document)))['user'], [{ type: 'text', text }, part])
    const result = { type: 'tool_result', tool_use_id: 'a' }
    const told = await shown('/v1/messages', ask({ ...result, content: [document] }))
    assert.deepEqual([told['tool'], told['user']], [text, [part]])
    // A user's can be mended; what a tool returned cannot.
    const { param } = await refusal('/v1/messages', ask(made(elsewhere)))
    assert.equal(param, 'messages[1].content[0].source.content[0].source.type')
    const left = await shown('/v1/messages', ask({ ...result, content: [made(elsewhere)] }))
    assert.match(String(left['tool']), /^<document name="f\.x">\n\[An image is left out: .*\n<\/document>/s)
    const words = ask({ type: 'document', source: { type: 'content', content: 'bare' } })
    assert.equal((await shown('/v1/messages', words))['user'], '<document>\nbare\n</document>\n')
  })

  it('bounds the text of all PDFs of a request together', async () => {
    let index = 0
    const reader = new PdfReader({ run: async () => ({ text: 'x'.repeat(3_000_000 + index++) }) })
    test = testGateway({}, { pdfs: reader })
    const file = (name: string): object => ({
      type: 'file',
      file: { filename: name, file_data: Buffer.from(`%PDF-${name}`).toString('base64') }
    })
    const { message, param } = await refusal('/v1/chat/completions', {
      messages: [{ role: 'user', content: [file('a'), file('b')] }]
    })
    assert.match(message, /more than 4,000,000 characters of text, with the PDFs before it/)
    assert.equal(param, 'messages[0].content[1].file.file_data')
  })

  it('ends the work when the client hangs up, and when the gateway stops', async () => {
    const ends: string[] = []
    const started: (() => void)[] = []
    const reader = new PdfReader({
      run: async (_, signal) => {
        started.shift()?.()
        await once(signal, 'abort')
        ends.push((signal.reason as Error).name)
        return { fault: 'aborted' }
      }
    })
    test = testGateway({ drainMs: 50 }, { pdfs: reader })
    await test.http.start()
    const body = JSON.stringify({ model: 'tiny', ...SURFACES['chat']!.sent(PDF, 'application/pdf') })
    const ask = async (): Promise<ReturnType<typeof httpRequest>> => {
      const running = Promise.withResolvers<void>()
      started.push(() => running.resolve())
      const request = httpRequest(`${test.http.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' }
      })
      request.on('error', () => undefined).end(body)
      await running.promise
      return request
    }
    const hungUp = await ask()
    hungUp.destroy()
    const served = await ask()
    const answered = once(served, 'response') as Promise<[{ statusCode: number }]>
    await test.http.stop()
    assert.equal((await answered)[0].statusCode, 503)
    assert.deepEqual(ends, ['CancelledError', 'ShuttingDownError'])
    assert.equal(test.consumer.requests.length, 0)
  })

  it('says how long a PDF may take', async () => {
    test = testGateway({}, { pdfs: { read: async () => ({ fault: 'deadline' }) } })
    const { path, sent, param } = SURFACES['responses']!
    const err = await refusal(path, sent(PDF, 'application/pdf'))
    assert.equal(err.param, param)
    assert.match(err.message, /takes longer than 10 s to read/)
  })
})
