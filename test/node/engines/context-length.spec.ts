import assert from 'node:assert/strict'
import { contextLengthIn, isContextOverflow } from '../../../node/engines/context-length.ts'

/** How servers say that a prompt does not fit, and the limit in it. */
const OVERFLOWS: [server: string, message: string, limit: number | undefined][] = [
  [
    'llama.cpp',
    'request (5000 tokens) exceeds the available context size (4096 tokens), try increasing it',
    4096
  ],
  [
    'llama.cpp, its body',
    '{"error":{"message":"the request exceeds the available context size","type":"exceed_context_size_error","n_prompt_tokens":9000,"n_ctx":8192}}',
    8192
  ],
  [
    'a body in a body',
    '{"error":"{\\"type\\":\\"exceed_context_size_error\\",\\"n_prompt_tokens\\":9000,\\"n_ctx\\":4096}"}',
    4096
  ],
  [
    'llama.cpp, older',
    'the request exceeds the available context size. try increasing the context size',
    undefined
  ],
  [
    'llama.cpp, embeddings',
    'input (700 tokens) is too large to process. increase the physical batch size (current batch size: 512)',
    512
  ],
  [
    'llama.cpp, embeddings',
    'input (700 tokens) is larger than the max context size (512 tokens). skipping',
    512
  ],
  ['llama.cpp, in mid-stream', 'Context size has been exceeded.', undefined],
  ['llama-cpp-python', 'Requested tokens (5000) exceed context window of 4096', 4096],
  [
    'vLLM, older',
    "This model's maximum context length is 16384 tokens. However, you requested 122946 tokens (112946 in the messages, 10000 in the completion). Please reduce the length of the messages or completion.",
    16384
  ],
  [
    'vLLM',
    "This model's maximum context length is 262144 tokens. However, you requested 0 output tokens and your prompt contains at least 262145 input tokens, for a total of at least 262145 tokens.",
    262144
  ],
  [
    'vLLM, max_tokens',
    "'max_tokens' or 'max_completion_tokens' is too large: 4096. This model's maximum context length is 8192 tokens and your request has 5000 input tokens (4096 > 8192 - 5000).",
    8192
  ],
  [
    'vLLM',
    "You passed 4097 input tokens and requested 1 output tokens. However, the model's context length is only 4096 tokens, resulting in a maximum input length of 4095 tokens.",
    4096
  ],
  [
    'vLLM',
    'The decoder prompt (length 5000) is longer than the maximum model length of 4096. Make sure that `max_model_len` is no smaller',
    4096
  ],
  [
    'TGI',
    'Input validation error: `inputs` tokens + `max_new_tokens` must be <= 1512. Given: 1000 `inputs` tokens and 1024 `max_new_tokens`',
    1512
  ],
  ['TGI', 'Input validation error: `inputs` must have less than 2048 tokens. Given: 2222', 2048],
  ['SGLang', "The input (12345 tokens) is longer than the model's context length (8192 tokens).", 8192],
  [
    'SGLang',
    "Requested token count exceeds the model's maximum context length of 202752 tokens. You requested a total of 202941 tokens: 170941 tokens from the input messages and 32000 tokens for the completion.",
    202752
  ],
  [
    'SGLang',
    'Input length (700001 tokens) exceeds the maximum allowed length (536826 tokens). Use a shorter input or enable --allow-auto-truncate.',
    536826
  ],
  [
    'LM Studio',
    'Trying to keep the first 15857 tokens when context the overflows. However, the model is loaded with context length of only 4096 tokens, which is not enough.',
    4096
  ],
  ['LM Studio', 'Cannot truncate prompt with n_keep (15028) >= n_ctx (7424)', 7424],
  [
    'LM Studio',
    'The number of tokens to keep from the initial prompt is greater than the context length.',
    undefined
  ],
  ['LM Studio, older', 'Input length 6491 exceeds context length 1500', 1500],
  ['TabbyAPI', 'Prompt length 5000 is greater than max_seq_len 4096', 4096],
  ['TabbyAPI', 'Context length 5000 is greater than max_seq_len 4096', 4096],
  [
    'TensorRT-LLM',
    'The sum of prompt length (5000.0), query length (0) and max_tokens (100) should not exceed max_num_tokens (4096)',
    4096
  ],
  ['Ollama', 'prompt too long; exceeded max context length by 12 tokens', undefined],
  [
    'OpenAI',
    "This model's maximum context length is 8,192 tokens. However, your messages resulted in 9000 tokens.",
    8192
  ],
  [
    'OpenAI',
    'Input tokens exceed the configured limit of 272000 tokens. Your messages resulted in 300000 tokens.',
    272000
  ],
  [
    'OpenAI',
    'Your input exceeds the context window of this model. Please adjust your input and try again.',
    undefined
  ],
  ['Anthropic', 'prompt is too long: 205000 tokens > 200000 maximum', 200000],
  [
    'Anthropic',
    'input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000, decrease input length',
    200000
  ],
  [
    'Gemini',
    'The input token count (1196265) exceeds the maximum number of tokens allowed (1048575).',
    1048575
  ],
  [
    'Mistral',
    'Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length',
    32768
  ],
  ['xAI', "This model's maximum prompt length is 131072 but the request contains 537812 tokens.", 131072],
  [
    'Cerebras',
    'Please reduce the length of the messages or completion. Current length is 9000 while limit is 8192',
    8192
  ],
  [
    'OpenRouter',
    "This endpoint's maximum context length is 65536 tokens. However, you requested about 70000 tokens",
    65536
  ]
]

describe('node/engines/context-length', () => {
  for (const [server, message, limit] of OVERFLOWS) {
    it(`${server}: ${message.slice(0, 60)}…`, () => {
      assert.ok(isContextOverflow(message))
      assert.equal(contextLengthIn(message), limit)
    })
  }

  it('takes nothing else for a prompt that is too long', () => {
    for (const message of [
      'max_tokens is too large: 100000. This model supports at most 16384 completion tokens',
      'CUDA out of memory',
      'Model is loading',
      'Invalid API key'
    ]) {
      assert.ok(!isContextOverflow(message), message)
    }
  })
})
