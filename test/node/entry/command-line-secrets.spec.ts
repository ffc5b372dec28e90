import assert from 'node:assert/strict'
import { refuseSecrets } from '../../../node/entry/command-line-secrets.ts'
import { runProcess } from '../../support/node-process.ts'

describe('node/entry/command-line-secrets', () => {
  const refusal = (flags: Record<string, unknown>): string => {
    try {
      refuseSecrets(flags)
    } catch (err) {
      return String(err)
    }
    return ''
  }

  it('refuses keys and invites that others can read, and names another way', () => {
    const said = refusal({
      apiKeys: ['sk-1'],
      engineKey: 'ek-1',
      bootstrap: ['/ip4/192.0.2.1/tcp/1,lobstah1abc']
    })
    assert.match(said, /--api-keys is refused.*LOBSTAH_API_KEYS.*keys add/)
    assert.match(said, /--engine-key is refused.*LOBSTAH_ENGINE_KEY.*config\.json/)
    assert.match(said, /An invite in --bootstrap.*lobstah-node join < invite\.txt.*LOBSTAH_BOOTSTRAP/)
    assert.doesNotMatch(said, /sk-1|ek-1|lobstah1abc/)
  })

  it('has nothing to say of other flags', () => {
    assert.equal(refusal({ bootstrap: ['/ip4/192.0.2.1/tcp/1'], contribute: true, engineUrl: 'x' }), '')
  })

  it('ends the program before anything starts', async function () {
    this.timeout(60_000)
    const { code, stderr } = await runProcess(['--bootstrap', 'lobstah1abc', '--home', '/nonexistent/home'])
    assert.equal(code, 2)
    assert.match(stderr, /lobstah-node join < invite\.txt/)
    assert.doesNotMatch(stderr, /lobstah1abc/)
  })
})
