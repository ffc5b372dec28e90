import assert from 'node:assert/strict'
import { secretWarnings } from '../../../node/entry/command-line-secrets.ts'

describe('node/entry/command-line-secrets', () => {
  it('warns of keys and invites that others can read, and names another way', () => {
    const said = secretWarnings({
      apiKeys: ['sk-1'],
      engineKey: 'ek-1',
      bootstrap: ['/ip4/192.0.2.1/tcp/1,lobstah1abc']
    }).join('\n')
    assert.match(said, /--api-keys is on the command line.*LOBSTAH_API_KEYS/)
    assert.match(said, /--engine-key is on the command line.*LOBSTAH_ENGINE_KEY/)
    assert.match(said, /An invite is on the command line.*lobstah-node join < invite\.txt/)
    assert.doesNotMatch(said, /sk-1|ek-1|lobstah1abc/)
  })

  it('has nothing to say of other flags', () => {
    assert.deepEqual(
      secretWarnings({ bootstrap: ['/ip4/192.0.2.1/tcp/1'], contribute: true, engineUrl: 'x' }),
      []
    )
  })
})
