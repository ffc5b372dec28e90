import assert from 'node:assert/strict'
import { chatBody, toChatRequest } from '../../http-gateway/openai/chat-request.ts'
import { parse } from '../../http-gateway/parse.ts'
import { LobstahError } from '../../protocols/errors.ts'
import { chatRequest, type ChatRequest } from '../../protocols/inference/index.ts'

const user = { role: 'user', content: 'hi' }
const call = { id: 'call1', type: 'function', function: { name: 'f', arguments: '{}' } }
const tool = { type: 'function', function: { name: 'f' } }

function translate(fields: object): ChatRequest {
  return toChatRequest(parse(chatBody, { model: 'tiny', messages: [user], ...fields }))
}

function refusal(body: unknown): { code: string; param: string | undefined; message: string } {
  try {
    toChatRequest(parse(chatBody, body))
  } catch (err) {
    assert.ok(err instanceof LobstahError, String(err))
    return { code: err.code, param: err.param, message: err.message }
  }
  assert.fail('not refused')
}

describe('http-gateway/openai/chat-request', () => {
  it('passes the least request on as it is', () => {
    assert.deepEqual(translate({}), { kind: 'chat', model: 'tiny', messages: [user] })
  })

  it('translates every role and kind of content', () => {
    const { messages } = translate({
      messages: [
        {
          role: 'developer',
          content: [
            { type: 'text', text: 'Be ' },
            { type: 'text', text: 'kind.' }
          ]
        },
        { role: 'system', content: 'S', name: 'n' },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'a' },
            { type: 'text', text: 'b' }
          ]
        },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'see' },
            { type: 'image_url', image_url: { url: 'data:,', detail: null } }
          ]
        },
        { role: 'assistant', content: null, tool_calls: [{ ...call, type: undefined }] },
        { role: 'tool', content: [{ type: 'text', text: 'r' }], tool_call_id: 'call1', name: 'f' },
        {
          role: 'assistant',
          content: [{ type: 'refusal', refusal: 'no' }],
          tool_calls: [],
          refusal: null,
          audio: null
        },
        { role: 'assistant', reasoning_content: 'hm', content: '' }
      ]
    })
    assert.deepEqual(messages, [
      { role: 'system', content: 'Be kind.' },
      { role: 'system', content: 'S', name: 'n' },
      { role: 'user', content: 'ab' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'see' },
          { type: 'image_url', image_url: { url: 'data:,' } }
        ]
      },
      { role: 'assistant', content: null, tool_calls: [call] },
      { role: 'tool', content: 'r', tool_call_id: 'call1' },
      { role: 'assistant', content: 'no' },
      { role: 'assistant', content: '', reasoning_content: 'hm' }
    ])
  })

  it('makes requests that the wire accepts', () => {
    const request = translate({
      temperature: 0,
      top_p: 1,
      top_k: 40,
      min_p: 0.1,
      seed: 7,
      stop: 'END',
      presence_penalty: 0,
      frequency_penalty: -1,
      logit_bias: { '50256': -100 },
      max_completion_tokens: 64,
      max_tokens: 32,
      logprobs: true,
      top_logprobs: 2,
      tools: [
        tool,
        { type: 'web_search' },
        {
          type: 'function',
          function: { name: 'g', description: null, parameters: { type: 'object' }, strict: true }
        }
      ],
      tool_choice: { type: 'function', function: { name: 'g' } },
      parallel_tool_calls: false,
      response_format: {
        type: 'json_schema',
        json_schema: { name: 's', schema: { type: 'object' }, strict: true }
      },
      reasoning_effort: 'low'
    })
    assert.deepEqual(chatRequest.parse(request), request)
    assert.deepEqual(request, {
      kind: 'chat',
      model: 'tiny',
      messages: [user],
      temperature: 0,
      top_p: 1,
      top_k: 40,
      min_p: 0.1,
      seed: 7,
      stop: ['END'],
      presence_penalty: 0,
      frequency_penalty: -1,
      logit_bias: { '50256': -100 },
      max_tokens: 64,
      top_logprobs: 2,
      tools: [
        tool,
        { type: 'function', function: { name: 'g', parameters: { type: 'object' }, strict: true } }
      ],
      tool_choice: { type: 'function', function: { name: 'g' } },
      parallel_tool_calls: false,
      response_format: {
        type: 'json_schema',
        json_schema: { name: 's', schema: { type: 'object' }, strict: true }
      },
      reasoning_effort: 'low'
    })
  })

  it('takes null for left out, and ignores what it does not know', () => {
    const nothing = Object.fromEntries(
      [
        'temperature',
        'max_tokens',
        'stop',
        'tools',
        'tool_choice',
        'response_format',
        'n',
        'stream',
        'seed',
        'logprobs',
        'functions',
        'stream_options'
      ].map((name) => [name, null])
    )
    const ignored = {
      user: 'u',
      metadata: {},
      store: true,
      service_tier: 'auto',
      prediction: 1,
      stream_options: {}
    }
    assert.deepEqual(translate({ ...nothing, ...ignored }), translate({}))
    assert.deepEqual(
      translate({ n: 1, stop: [''], functions: [], tools: [], tool_choice: 'auto' }),
      translate({})
    )
    assert.deepEqual(translate({ tools: [{ type: 'namespace' }], parallel_tool_calls: true }), translate({}))
  })

  it('takes functions for the tools that they became', () => {
    const request = translate({
      functions: [{ name: 'f', parameters: { type: 'object' } }],
      function_call: { name: 'f' },
      messages: [
        user,
        { role: 'assistant', content: null, function_call: { name: 'f', arguments: '{}' } },
        { role: 'function', name: 'f', content: 'done' },
        { role: 'assistant', content: null, function_call: { name: 'f', arguments: '{"a":1}' } },
        { role: 'function', name: 'f', content: 'again' }
      ]
    })
    assert.deepEqual(chatRequest.parse(request), request)
    assert.deepEqual(request.tools, [
      { type: 'function', function: { name: 'f', parameters: { type: 'object' } } }
    ])
    assert.deepEqual(request.tool_choice, { type: 'function', function: { name: 'f' } })
    assert.equal(request.parallel_tool_calls, false)
    const calls = request.messages.flatMap((message) =>
      message.role === 'assistant' ? (message.tool_calls ?? []) : []
    )
    const results = request.messages.flatMap((message) => (message.role === 'tool' ? [message] : []))
    assert.deepEqual(
      calls.map(({ id }) => id),
      results.map((result) => result.tool_call_id)
    )
    assert.notEqual(calls[0]!.id, calls[1]!.id)
  })

  it('says logprobs by top_logprobs', () => {
    assert.equal(translate({ logprobs: true }).top_logprobs, 0)
    assert.equal(translate({ logprobs: false, top_logprobs: 0 }).top_logprobs, undefined)
  })

  const message = (value: object): object => ({ model: 'tiny', messages: [user, value] })
  const refused: [string, unknown, string | undefined, string?][] = [
    ['no body', undefined, undefined],
    ['an array', [], undefined],
    ['no model', { messages: [user] }, 'model'],
    ['an empty model', { model: '', messages: [user] }, 'model'],
    ['no messages', { model: 'tiny' }, 'messages'],
    ['no message', { model: 'tiny', messages: [] }, 'messages'],
    ['speech', { model: 'tiny', messages: [user], modalities: ['text', 'audio'] }, 'modalities[1]'],
    ['an unknown role', message({ role: 'critic', content: '' }), 'messages[1].role'],
    [
      'an image that is somewhere else',
      message({
        role: 'user',
        content: [{ type: 'image_url', image_url: { url: 'https://example.com/a.png' } }]
      }),
      'messages[1].content[0].image_url.url'
    ],
    [
      'a part of an unknown type',
      message({ role: 'user', content: [{ type: 'input_text', text: '' }] }),
      'messages[1].content[0].type'
    ],
    [
      'an image in a system message',
      message({ role: 'system', content: [{ type: 'image_url', image_url: { url: '' } }] }),
      'messages[1].content[0].type'
    ],
    ['a user without content', message({ role: 'user' }), 'messages[1].content'],
    ['a tool result without its call', message({ role: 'tool', content: '' }), 'messages[1].tool_call_id'],
    [
      'arguments that are no text',
      message({ role: 'assistant', tool_calls: [{ ...call, function: { name: 'f', arguments: {} } }] }),
      'messages[1].tool_calls[0].function.arguments'
    ],
    ['a temperature out of range', { model: 'tiny', messages: [user], temperature: 3 }, 'temperature'],
    ['no tokens', { model: 'tiny', messages: [user], max_completion_tokens: 0 }, 'max_completion_tokens'],
    [
      'a tool without a name',
      { model: 'tiny', messages: [user], tools: [{ type: 'function', function: {} }] },
      'tools[0].function.name'
    ],
    [
      'an unknown tool choice',
      { model: 'tiny', messages: [user], tools: [tool], tool_choice: 'any' },
      'tool_choice'
    ],
    [
      'a demand for a tool without tools',
      { model: 'tiny', messages: [user], tool_choice: 'required' },
      'tool_choice'
    ],
    [
      'a demand for another tool',
      {
        model: 'tiny',
        messages: [user],
        tools: [tool],
        tool_choice: { type: 'function', function: { name: 'x' } }
      },
      'tool_choice'
    ],
    [
      'a schema without a schema',
      { model: 'tiny', messages: [user], response_format: { type: 'json_schema' } },
      'response_format.json_schema'
    ],
    ['top_logprobs alone', { model: 'tiny', messages: [user], top_logprobs: 3 }, 'top_logprobs'],
    ['nine choices', { model: 'tiny', messages: [user], n: 9 }, 'n'],
    ['no choice', { model: 'tiny', messages: [user], n: 0 }, 'n'],
    [
      'a demand for another function',
      { model: 'tiny', messages: [user], functions: [{ name: 'f' }], function_call: { name: 'g' } },
      'function_call'
    ],
    ['stream that is no boolean', { model: 'tiny', messages: [user], stream: 'yes' }, 'stream']
  ]
  for (const [what, body, param, code = 'bad_request'] of refused) {
    it(`refuses ${what}`, () => {
      const err = refusal(body)
      assert.equal(err.code, code)
      assert.equal(err.param, param)
      if (param !== undefined) assert.ok(err.message.includes(param.replace(/\[\d+\].*/, '')), err.message)
    })
  }

  it('shows a short value that is at fault, and no long one', () => {
    const part = (type: string): unknown => message({ role: 'user', content: [{ type }] })
    assert.match(refusal(part('input_text')).message, /"input_text"/)
    assert.doesNotMatch(refusal(part('x'.repeat(500))).message, /xxx/)
  })
})
