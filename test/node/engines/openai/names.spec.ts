import assert from 'node:assert/strict'
import { namesOf, withoutFolders } from '../../../../node/engines/openai/names.ts'

const HASH = '0123456789abcdef0123456789abcdef01234567'

describe('node/engines/openai/names', () => {
  for (const [id, name] of [
    ['/home/bob/secret-client/tiny.gguf', 'tiny.gguf'],
    ['C:\\Users\\John Smith\\models\\tiny.gguf', 'tiny.gguf'],
    ['C:/Users/John Smith/tiny.gguf', 'tiny.gguf'],
    ['D:tiny.gguf', 'tiny.gguf'],
    ['\\\\nas\\share\\tiny.gguf', 'tiny.gguf'],
    ['.\\models\\tiny.gguf', 'tiny.gguf'],
    ['./tiny.gguf', 'tiny.gguf'],
    ['../up/tiny.gguf', 'tiny.gguf'],
    ['~/models/tiny.gguf', 'tiny.gguf'],
    ['file:///srv/models/tiny.gguf', 'tiny.gguf'],
    ['models/tiny.gguf', 'tiny.gguf'],
    ['TheBloke/Tiny-GGUF/tiny.Q4_K_M.gguf', 'tiny.Q4_K_M.gguf'],
    ['/data/models/Qwen3-8B/', 'Qwen3-8B'],
    ['models/Qwen3-8B', 'Qwen3-8B'],
    ['/', 'model'],
    [`/root/.cache/huggingface/hub/models--Qwen--Qwen3-8B/snapshots/${HASH}`, 'Qwen/Qwen3-8B'],
    [`/root/.cache/huggingface/hub/models--Qwen--Qwen3-8B/snapshots/${HASH}/`, 'Qwen/Qwen3-8B'],
    [`C:\\Users\\x\\hub\\models--Qwen--Qwen3-8B\\snapshots\\${HASH}`, 'Qwen/Qwen3-8B'],
    [`/hub/models--ggml-org--tiny-GGUF/snapshots/${HASH}/tiny.gguf`, 'tiny.gguf'],
    [`/hub/models--Qwen--Qwen3-8B/blobs/${HASH}`, 'Qwen/Qwen3-8B'],
    // Names of hubs and services stay as they are.
    ['Qwen/Qwen3-8B', 'Qwen/Qwen3-8B'],
    ['ggml-org/gemma-3-270m-GGUF:Q4_K_M', 'ggml-org/gemma-3-270m-GGUF:Q4_K_M'],
    ['qwen3:8b', 'qwen3:8b'],
    ['tiny.gguf', 'tiny.gguf'],
    ['gpt-4o', 'gpt-4o']
  ] as const) {
    it(`offers ${id} as ${name}`, () => assert.deepEqual([...namesOf([id])], [[name, id]]))
  }

  it('tells models of the same name in different folders apart, always in the same way', () => {
    const ids = ['/b/tiny.gguf', '/a/tiny.gguf', '/c/tiny', 'tiny:latest', 'tiny.gguf']
    const names = namesOf(ids)
    assert.deepEqual(names, namesOf(ids.toReversed()))
    assert.deepEqual(Object.fromEntries(names), {
      'tiny.gguf': 'tiny.gguf',
      'tiny:latest': 'tiny:latest',
      'tiny-2.gguf': '/a/tiny.gguf',
      'tiny-3.gguf': '/b/tiny.gguf',
      'tiny-2': '/c/tiny'
    })
  })

  it('takes the folders out of a server’s words', () => {
    const names = namesOf(['C:\\Users\\John Smith\\tiny.gguf', '/home/bob/my models/big.gguf'])
    for (const [text, expected] of [
      ['failed to load /home/bob/my models/big.gguf', 'failed to load big.gguf'],
      ['failed to load C:\\Users\\John Smith\\tiny.gguf now', 'failed to load tiny.gguf now'],
      ['{"path":"C:\\\\Users\\\\John Smith\\\\tiny.gguf"}', '{"path":"tiny.gguf"}'],
      ["cannot open '/srv/other/mmproj.gguf'", "cannot open 'mmproj.gguf'"],
      ['File "/opt/vllm/serving.py", line 5', 'File "serving.py", line 5'],
      [
        'POST /v1/chat/completions and http://127.0.0.1:1234/v1/models',
        'POST /v1/chat/completions and http://127.0.0.1:1234/v1/models'
      ],
      ['Qwen/Qwen3-8B has 3/4 of input/output', 'Qwen/Qwen3-8B has 3/4 of input/output']
    ] as const) {
      assert.equal(withoutFolders(text, names), expected)
    }
  })
})
