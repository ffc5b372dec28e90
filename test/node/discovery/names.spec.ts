import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { contributorsCid, modelCid } from '../../../node/discovery/index.ts'

/** The CID that protocols/README.md defines: version 1, raw, SHA-256 of the text. */
function cidOf(text: string): string {
  const digest = createHash('sha256').update(text).digest()
  return Buffer.concat([Buffer.of(0x01, 0x55, 0x12, 0x20), digest]).toString('hex')
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

describe('node/discovery/names', () => {
  it('are the CIDs of the spec', async () => {
    assert.equal(hex((await contributorsCid()).bytes), cidOf('lobstah/contributors'))
    assert.equal(hex((await modelCid('llama3.2:3b')).bytes), cidOf('lobstah/model/llama3.2:3b'))
  })

  it('are the same for all names of a model', async () => {
    const latest = cidOf('lobstah/model/llama3.2:latest')
    for (const name of ['llama3.2', ' llama3.2 ', 'llama3.2:latest', 'Llama3.2', 'library/llama3.2'])
      assert.equal(hex((await modelCid(name)).bytes), latest)
  })

  it('leave file names as they are', async () => {
    assert.equal(hex((await modelCid('tiny-Q8.GGUF')).bytes), cidOf('lobstah/model/tiny-Q8.GGUF'))
  })

  it('are others for other models', async () => {
    const names = ['a', 'b', 'a:1b', 'contributors']
    const cids = await Promise.all(names.map(async (name) => hex((await modelCid(name)).bytes)))
    assert.equal(new Set(cids).size, names.length)
  })
})
