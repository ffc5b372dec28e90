import assert from 'node:assert/strict'
import { secretWarnings } from '../../../node/entry/command-line-secrets.ts'
import { runProcess } from '../../support/node-process.ts'

const FLAGS = {
  apiKeys: ['sk-1'],
  engineKey: 'ek-1',
  bootstrap: ['/ip4/192.0.2.1/tcp/1,lobstah1abc']
}

describe('node/entry/command-line-secrets', () => {
  it('warns of keys and invites that others can read, and names another way', () => {
    const said = secretWarnings(FLAGS).join('\n')
    assert.match(said, /--api-keys exposes a secret.*LOBSTAH_API_KEYS.*keys add/)
    assert.match(said, /--engine-key exposes a secret.*LOBSTAH_ENGINE_KEY.*config\.json/)
    assert.match(said, /invite in --bootstrap.*lobstah-node join < invite\.txt.*LOBSTAH_BOOTSTRAP/)
    assert.doesNotMatch(said, /sk-1|ek-1|lobstah1abc/)
  })

  it('has nothing to say of other flags', () => {
    const others = { bootstrap: ['/ip4/192.0.2.1/tcp/1'], contribute: true, engineUrl: 'x' }
    assert.deepEqual(secretWarnings(others), [])
  })

  it('says its warnings where the program goes on', async function () {
    this.timeout(60_000)
    const { stderr } = await runProcess(['mesh', '--engine-key', 'ek-1', '--home', '/nonexistent/home'])
    assert.match(stderr, /Warning: --engine-key exposes a secret/)
    assert.doesNotMatch(stderr, /ek-1/)
  })
})
