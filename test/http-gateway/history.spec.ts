import assert from 'node:assert/strict'
import type { LightMyRequestResponse } from 'fastify'
import type { ChatRequest } from '../../protocols/inference/index.ts'
import { testGateway, type TestGateway } from '../support/gateway/gateway.ts'
import { answering } from '../support/gateway/scripts.ts'
import { readSse } from '../support/gateway/sse.ts'

describe('http-gateway: what agents send again', () => {
  let test: TestGateway

  beforeEach(() => {
    test = testGateway()
  })

  const post = (url: string, body: object): Promise<LightMyRequestResponse> =>
    test.http.inject({
      url,
      method: 'POST',
      headers: { host: 'localhost' },
      payload: { model: 'tiny', ...body }
    })

  const asked = async (url: string, body: object): Promise<ChatRequest> => {
    const response = await post(url, body)
    assert.equal(response.statusCode, 200, response.payload)
    const request = test.consumer.requests.at(-1)
    assert.ok(request?.kind === 'chat')
    return request
  }

  describe('/v1/responses', () => {
    const user = { role: 'user', content: 'hi' }

    it('passes over items that say nothing, and items of types that it does not know', async () => {
      for (const item of [
        { type: 'compaction', encrypted_content: 'x' },
        { type: 'web_search_call', id: 'w', status: 'completed', action: {} },
        { type: 'image_generation_call', id: 'i', result: 'AAAA', status: 'completed' },
        { type: 'mcp_list_tools', id: 'm', server_label: 's', tools: [] },
        { type: 'reasoning', id: 'r', summary: [], encrypted_content: 'x' },
        { type: 'made_up_next_year', id: 'n' }
      ]) {
        const { messages } = await asked('/v1/responses', { input: [user, item] })
        assert.deepEqual(messages, [user], item.type)
      }
    })

    it('tells calls of every kind, and their results', async () => {
      const { messages } = await asked('/v1/responses', {
        input: [
          user,
          { type: 'custom_tool_call', call_id: 'a', name: 'patch', input: 'text' },
          { type: 'custom_tool_call_output', call_id: 'a', output: 'done' },
          { type: 'local_shell_call', call_id: 'b', action: { command: ['ls'] }, status: 'completed' },
          { type: 'function_call_output', call_id: 'b', output: [{ type: 'input_text', text: 'files' }] },
          { type: 'mcp_call', id: 'c', name: 'find', arguments: '{}', server_label: 's', output: 'found' }
        ]
      })
      const calls = messages.flatMap((message) =>
        message.role === 'assistant' ? (message.tool_calls ?? []).map((call) => call.function) : []
      )
      assert.deepEqual(calls, [
        { name: 'patch', arguments: '{"input":"text"}' },
        { name: 'local_shell', arguments: '{"command":["ls"]}' },
        { name: 'find', arguments: '{}' }
      ])
      const results = messages.filter((message) => message.role === 'tool')
      assert.deepEqual(
        results.map(({ content }) => content),
        ['done', 'files', 'found']
      )
    })

    it('tells the model of a file that a tool returned and that it cannot read', async () => {
      const file = {
        type: 'input_file',
        filename: 'report.pdf',
        file_data: 'data:application/pdf;base64,AAAA'
      }
      const { statusCode } = await post('/v1/responses', {
        input: [
          { type: 'function_call', call_id: 'a', name: 'read', arguments: '{}' },
          { type: 'function_call_output', call_id: 'a', output: [file] },
          { role: 'user', content: 'Well?' }
        ]
      })
      assert.equal(statusCode, 200)
      const asked = test.consumer.requests.at(-1)
      assert.match(JSON.stringify(asked), /The file \\"report\.pdf\\" is left out/)
    })

    it('refuses a schema where a text is completed, which would be dropped', async () => {
      const format = { type: 'json_schema', json_schema: { name: 'a', schema: { type: 'object' } } }
      for (const field of [
        { response_format: format },
        { guided_json: {} },
        { response_format: { type: 'json_object' } }
      ]) {
        const { statusCode, payload } = await post('/v1/completions', { prompt: 'a', ...field })
        assert.equal(statusCode, 400, payload)
        assert.match(payload, /chat\/completions/)
      }
      const text = await post('/v1/completions', { prompt: 'a', response_format: { type: 'text' } })
      assert.equal(text.statusCode, 200)
      const raw = await post('/api/generate', { prompt: 'a', raw: true, format: 'json' })
      assert.equal(raw.statusCode, 400)
      assert.match(raw.payload, /neither raw nor suffix/)
    })

    it('knows its own latest items by their ids, and passes over others', async () => {
      test.consumer.script = answering([{ reasoning: 'hm' }, { content: 'four' }])
      const first = await post('/v1/responses', { input: 'two and two?' })
      const { output } = JSON.parse(first.payload) as { output: { id: string; type: string }[] }
      assert.deepEqual(
        output.map(({ type }) => type),
        ['reasoning', 'message']
      )
      const references = output.map(({ id }) => ({ type: 'item_reference', id }))
      const { messages } = await asked('/v1/responses', {
        input: [user, ...references, { id: 'msg_of_another_server' }, { role: 'user', content: 'sure?' }]
      })
      assert.deepEqual(messages, [
        user,
        { role: 'assistant', content: 'four', reasoning_content: 'hm' },
        { role: 'user', content: 'sure?' }
      ])
      const stream = await post('/v1/responses', { input: 'again?', stream: true })
      const id = /"id":"(msg_[^"]+)"/.exec(stream.payload)?.[1]
      const after = await asked('/v1/responses', { input: [user, { type: 'item_reference', id }] })
      assert.deepEqual(after.messages, [user, { role: 'assistant', content: 'four' }])
    })

    it('does not keep the items of a response that is not to be stored', async () => {
      const first = await post('/v1/responses', { input: 'hi', store: false })
      const { output } = JSON.parse(first.payload) as { output: { id: string }[] }
      const input = [user, { type: 'item_reference', id: output[0]?.id }]
      assert.deepEqual((await asked('/v1/responses', { input })).messages, [user])
    })

    it('calls a free-form tool, and one of a namespace, by what the client called them', async () => {
      test.consumer.script = answering(
        [
          { toolCalls: [{ index: 0, id: 'a', name: 'patch', arguments: '{"inp' }] },
          { toolCalls: [{ index: 0, arguments: 'ut":"one\\' }] },
          { toolCalls: [{ index: 0, arguments: 'ntwo"}' }] },
          { toolCalls: [{ index: 1, id: 'b', name: 'mcp__find', arguments: '{}' }] }
        ],
        { finishReason: 'tool_calls' }
      )
      const tools = [
        {
          type: 'custom',
          name: 'patch',
          format: { type: 'grammar', syntax: 'lark', definition: 'start: x' }
        },
        { type: 'namespace', name: 'mcp', description: 'd', tools: [{ type: 'function', name: 'find' }] }
      ]
      const response = await post('/v1/responses', { input: [user], tools, stream: true })
      const events = readSse(response.payload).data.map(
        (text) => JSON.parse(text) as { type: string; delta: string; response: { output: object[] } }
      )
      const deltas = events.filter(({ type }) => type === 'response.custom_tool_call_input.delta')
      assert.deepEqual(
        deltas.map(({ delta }) => delta),
        ['one', '\ntwo']
      )
      const [patch, find] = events.at(-1)!.response.output as (Record<string, unknown> | undefined)[]
      assert.ok(patch !== undefined && find !== undefined)
      assert.equal(patch['type'], 'custom_tool_call')
      assert.equal(patch['input'], 'one\ntwo')
      assert.equal(find['name'], 'find')
      assert.equal(find['namespace'], 'mcp')
    })
  })

  describe('/v1/messages', () => {
    it('takes blocks with text as text, and passes over the rest', async () => {
      const { messages } = await asked('/v1/messages', {
        max_tokens: 9,
        messages: [
          {
            role: 'user',
            content: [
              { type: 'document', title: 'T', source: { type: 'text', media_type: 'text/plain', data: 'D' } },
              { type: 'container_upload', file_id: 'f' },
              { type: 'made_up_next_year' }
            ]
          },
          {
            role: 'assistant',
            content: [
              { type: 'server_tool_use', id: 's', name: 'web_search', input: { query: 'q' } },
              {
                type: 'web_search_tool_result',
                tool_use_id: 's',
                content: [{ type: 'web_search_result', title: 'found', url: 'u', encrypted_content: 'zz' }]
              },
              { type: 'text', text: 'so' }
            ]
          },
          { role: 'user', content: 'go on' }
        ]
      })
      assert.deepEqual(
        messages.map(({ role, content }) => [role, content]),
        [
          ['user', '<document name="T">\nD\n</document>\n'],
          ['assistant', 'so'],
          ['tool', 'found\nu'],
          ['user', 'go on']
        ]
      )
    })
  })

  describe('/v1/chat/completions', () => {
    const messages = [{ role: 'user', content: 'hi' }]
    const schema = { type: 'object', properties: {} }

    it('keeps a schema wherever a client puts it, and refuses what is none', async () => {
      for (const form of [
        { response_format: { type: 'json_object', schema } },
        { response_format: { type: 'json_schema', schema } },
        { response_format: { type: 'json_schema', json_schema: { schema } } },
        { guided_json: schema },
        { guided_json: JSON.stringify(schema) },
        { structured_outputs: { json: schema } }
      ]) {
        const { response_format: format } = await asked('/v1/chat/completions', { messages, ...form })
        assert.deepEqual(format, { type: 'json_schema', json_schema: { name: 'output', schema } })
      }
      for (const form of [
        { guided_regex: 'a' },
        { grammar: 'x' },
        { structured_outputs: { choice: ['a'] } }
      ]) {
        assert.equal((await post('/v1/chat/completions', { messages, ...form })).statusCode, 400)
      }
    })

    it('offers only the allowed tools, and takes -1 as no limit', async () => {
      const tools = ['a', 'b'].map((name) => ({ type: 'function', function: { name } }))
      const request = await asked('/v1/chat/completions', {
        messages,
        tools,
        max_tokens: -1,
        top_k: -1,
        tool_choice: {
          type: 'allowed_tools',
          allowed_tools: { mode: 'required', tools: [{ type: 'function', function: { name: 'b' } }] }
        }
      })
      assert.deepEqual(
        request.tools?.map((tool) => tool.function.name),
        ['b']
      )
      assert.equal(request.tool_choice, 'required')
      assert.equal(request.max_tokens, undefined)
      assert.equal(request.top_k, undefined)
    })
  })
})
