import assert from 'node:assert/strict'
import { listModels } from '../../../../node/consumer/choice/list-models.ts'
import type { OfferedModel } from '../../../../protocols/index.ts'

const MODEL: OfferedModel = {
  id: 'llama3.2:3b',
  digest: null,
  contextLength: 4096,
  parameters: null,
  capabilities: ['chat'],
  price: { prompt: 1, completion: 2 }
}

describe('node/consumer/choice/list-models', () => {
  it('lists a model once, with the largest context and what any of its peers tells of it', () => {
    const [listed, ...others] = listModels([
      { peer: 'a', models: [{ ...MODEL, family: 'llama' }] },
      {
        peer: 'b',
        models: [
          { ...MODEL, contextLength: 8192, family: 'other', size: 7, demonstration: true, capabilities: [] }
        ]
      }
    ])
    assert.deepEqual(others, [])
    assert.deepEqual(listed, { ...MODEL, contextLength: 8192, family: 'llama', size: 7, peers: ['a', 'b'] })
  })
})
