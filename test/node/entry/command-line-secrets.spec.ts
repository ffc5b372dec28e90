import assert from 'node:assert/strict'
import { refuseInvites, secretWarnings } from '../../../node/entry/command-line-secrets.ts'
import { runProcess } from '../../support/node-process.ts'

const FLAGS = {
  apiKeys: ['sk-1'],
  engineKey: 'ek-1',
  bootstrap: ['/ip4/192.0.2.1/tcp/1,lobstah1abc']
}

describe('node/entry/command-line-secrets', () => {
  it('warns of keys that others can read, and names another way', () => {
    const said = secretWarnings(FLAGS).join('\n')
    assert.match(said, /--api-keys exposes a secret.*LOBSTAH_API_KEYS.*keys add/)
    assert.match(said, /--engine-key exposes a secret.*LOBSTAH_ENGINE_KEY.*config\.json/)
    assert.doesNotMatch(said, /sk-1|ek-1|lobstah1abc/)
  })

  it('refuses invites, and names another way', () => {
    assert.throws(
      () => refuseInvites(FLAGS),
      (err) => {
        assert.match(
          String(err),
          /An invite in --bootstrap.*lobstah-node join < invite\.txt.*LOBSTAH_BOOTSTRAP/
        )
        assert.doesNotMatch(String(err), /lobstah1abc/)
        return true
      }
    )
  })

  it('has nothing to say of other flags', () => {
    const others = { bootstrap: ['/ip4/192.0.2.1/tcp/1'], contribute: true, engineUrl: 'x' }
    assert.deepEqual(secretWarnings(others), [])
    refuseInvites(others)
  })

  it('ends the program before anything starts', async function () {
    this.timeout(60_000)
    const { code, stderr } = await runProcess(['--bootstrap', 'lobstah1abc', '--home', '/nonexistent/home'])
    assert.equal(code, 2)
    assert.match(stderr, /lobstah-node join < invite\.txt/)
    assert.doesNotMatch(stderr, /lobstah1abc/)
  })

  it('says its warnings where the program goes on', async function () {
    this.timeout(60_000)
    const { stderr } = await runProcess(['mesh', '--engine-key', 'ek-1', '--home', '/nonexistent/home'])
    assert.match(stderr, /Warning: --engine-key exposes a secret/)
    assert.doesNotMatch(stderr, /ek-1/)
  })
})
