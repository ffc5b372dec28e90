import type { UnionName } from './unions.ts'

const PNG = 'data:image/png;base64,iVBORw0KGgo='
const TEXT = 'data:text/plain;base64,aGVsbG8='
const call = { call_id: 'c', id: 'i', status: 'completed' }
const lookup = { type: 'function', name: 'find', parameters: {}, strict: null }

/** One of each member of each union, as agents send it; a tool that only has its type is like `{ type }`. */
export const SAMPLES: Record<UnionName, Record<string, object>> = {
  ChatCompletionContentPart: {
    text: { text: 'hello' },
    image_url: { image_url: { url: PNG } },
    input_audio: { input_audio: { data: 'AAAA', format: 'wav' } },
    file: { file: { filename: 'a.txt', file_data: TEXT } }
  },
  ChatCompletionTool: {
    function: { function: { name: 'find', parameters: {} } },
    custom: { custom: { name: 'patch' } }
  },
  ResponseInputContent: {
    input_text: { text: 'hello' },
    input_image: { image_url: PNG, detail: 'auto' },
    input_file: { filename: 'a.txt', file_data: TEXT }
  },
  ResponseInputItem: {
    message: { role: 'user', content: 'hello' },
    file_search_call: { ...call, queries: ['q'], results: [{ filename: 'f', text: 't' }] },
    computer_call: { ...call, action: { type: 'screenshot' }, pending_safety_checks: [] },
    computer_call_output: { ...call, output: { type: 'computer_screenshot', image_url: PNG } },
    web_search_call: { ...call, action: { type: 'search', query: 'q' } },
    function_call: { ...call, name: 'find', arguments: '{}' },
    function_call_output: { ...call, output: 'found' },
    tool_search_call: { ...call, arguments: { query: 'q' }, execution: 'client' },
    tool_search_output: { ...call, tools: [lookup], execution: 'client' },
    additional_tools: { role: 'developer', tools: [lookup] },
    configuration_update: {},
    reasoning: { id: 'r', summary: [{ type: 'summary_text', text: 'hm' }] },
    compaction: { encrypted_content: 'x' },
    image_generation_call: { id: 'i', result: 'AAAA', status: 'completed' },
    code_interpreter_call: { ...call, code: '1', container_id: 'k', outputs: [{ type: 'logs', logs: '1' }] },
    local_shell_call: { ...call, action: { type: 'exec', command: ['ls'], env: {} } },
    local_shell_call_output: { id: 'c', output: 'files' },
    shell_call: { ...call, action: { commands: ['ls'] } },
    shell_call_output: {
      ...call,
      output: [{ stdout: 'files', stderr: '', outcome: { type: 'exit', exit_code: 0 } }]
    },
    apply_patch_call: { ...call, operation: { type: 'delete_file', path: 'f' } },
    apply_patch_call_output: { ...call, output: 'done' },
    mcp_list_tools: { id: 'm', server_label: 's', tools: [] },
    mcp_approval_request: { id: 'm', arguments: '{}', name: 'n', server_label: 's' },
    mcp_approval_response: { approval_request_id: 'm', approve: true },
    mcp_call: { id: 'm', arguments: '{}', name: 'n', server_label: 's', output: 'found' },
    custom_tool_call: { ...call, name: 'patch', input: 'text' },
    custom_tool_call_output: { ...call, output: 'done' },
    compaction_trigger: {},
    item_reference: { id: 'msg_of_another_server' },
    program: { ...call, code: '1', fingerprint: 'x' },
    program_output: { ...call, result: '1' }
  },
  Tool: {
    function: { name: 'find', parameters: {}, strict: null },
    custom: { name: 'patch' },
    namespace: { name: 'space', description: 'd', tools: [{ type: 'function', name: 'find' }] },
    file_search: { vector_store_ids: [] },
    mcp: { server_label: 's' },
    code_interpreter: { container: 'c' }
  },
  ContentBlockParam: {
    text: { text: 'hello' },
    image: { source: { type: 'base64', media_type: 'image/png', data: 'iVBORw0KGgo=' } },
    document: { source: { type: 'text', media_type: 'text/plain', data: 'hello' } },
    search_result: { title: 't', source: 's', content: [{ type: 'text', text: 'hello' }] },
    thinking: { thinking: 'hm', signature: '' },
    redacted_thinking: { data: 'x' },
    tool_use: { id: 'u', name: 'find', input: {} },
    tool_result: { tool_use_id: 'u', content: 'found' },
    server_tool_use: { id: 'u', name: 'web_search', input: {} },
    container_upload: { file_id: 'f' }
  },
  ToolUnion: { custom: { name: 'find', input_schema: { type: 'object' } } }
}

/** Blocks that a user sends; the others are the model's. */
const USER_BLOCKS = new Set(['text', 'image', 'document', 'search_result', 'tool_result', 'container_upload'])

/** The results of Anthropic's own tools are alike. */
const VENDOR_RESULT = { tool_use_id: 'u', content: [{ type: 'text', text: 'found' }] }

/** The body that holds one member, and where it is sent; without `type`, the body around it. */
export function bodyWith(union: UnionName, type?: string): { path: string; body: object } {
  const one =
    type === undefined
      ? []
      : [
          {
            type,
            ...(SAMPLES[union][type] ?? (type.endsWith('_tool_result') ? VENDOR_RESULT : { name: 'n' }))
          }
        ]
  const user = { role: 'user', content: 'hi' }
  const said = (content: object[]): object[] => [
    { role: 'user', content: [{ type: 'text', text: 'hi' }, ...content] }
  ]
  switch (union) {
    case 'ChatCompletionContentPart':
      return { path: '/v1/chat/completions', body: { messages: said(one) } }
    case 'ChatCompletionTool':
      return { path: '/v1/chat/completions', body: { messages: [user], tools: one } }
    case 'ResponseInputItem':
      return { path: '/v1/responses', body: { input: [user, ...one] } }
    case 'ResponseInputContent':
      return {
        path: '/v1/responses',
        body: { input: [{ role: 'user', content: [{ type: 'input_text', text: 'hi' }, ...one] }] }
      }
    case 'Tool':
      return { path: '/v1/responses', body: { input: [user], tools: one } }
    case 'ToolUnion':
      return { path: '/v1/messages', body: { max_tokens: 9, messages: [user], tools: one } }
    case 'ContentBlockParam': {
      // A block of the model's stands between two of the user's, with or without what is tried.
      const user = type === undefined || USER_BLOCKS.has(type)
      const own = [{ type: 'text', text: 'so' }, ...(user ? [] : one)]
      const messages = [...said(user ? one : []), { role: 'assistant', content: own }, ...said([])]
      return { path: '/v1/messages', body: { max_tokens: 9, messages } }
    }
  }
}
