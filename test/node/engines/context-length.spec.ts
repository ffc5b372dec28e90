import assert from 'node:assert/strict'
import { contextLengthIn } from '../../../node/engines/context-length.ts'

const SAID: [server: string, words: string, tokens: number | undefined][] = [
  [
    'llama-server',
    '{"error":{"code":400,"message":"the request exceeds the available context size","type":"exceed_context_size_error","n_prompt_tokens":9000,"n_ctx":8192}}',
    8192
  ],
  ['a body in a body', '{"error":"{\\"n_prompt_tokens\\":9000,\\"n_ctx\\":4096}"}', 4096],
  [
    'OpenAI and vLLM',
    "This model's maximum context length is 16384 tokens. However, you requested 20000 tokens",
    16384
  ],
  [
    'LM Studio',
    'However, the model is loaded with context length of only 4096 tokens, which is not enough',
    4096
  ],
  ['TGI', '`inputs` tokens + `max_new_tokens` must be <= 2048. Given: 3000', 2048],
  ['llama.cpp before', 'input is larger than the available context size (512 tokens)', 512],
  ['one that names no number', 'the prompt is too long for the context window', undefined]
]

describe('node/engines/context-length', () => {
  for (const [server, words, tokens] of SAID) {
    it(`reads what ${server} says`, () => assert.equal(contextLengthIn(words), tokens))
  }
})
