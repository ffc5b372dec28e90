import assert from 'node:assert/strict'
import { describeConfig, resolveConfig } from '../../../node/config/index.ts'

describe('node/config/describe-config', () => {
  it('has a complete row for each setting', () => {
    const rows = describeConfig()
    assert.equal(rows[0]?.name, 'home')
    for (const row of rows) assert.notEqual(row.text, '', row.name)
    assert.deepEqual(
      rows.find(({ name }) => name === 'gatewayPort'),
      {
        name: 'gatewayPort',
        flag: '--gateway-port',
        env: 'LOBSTAH_GATEWAY_PORT',
        type: 'number',
        default: '17475',
        text: 'Port the gateway listens on; 0 picks a free one'
      }
    )
    const types = Object.fromEntries(rows.map(({ name, type }) => [name, type]))
    assert.deepEqual(
      [
        types.bootstrap,
        types.relay,
        types.engine,
        types.threads,
        types.creditLine,
        types.maxPrice,
        types.engineUrl
      ],
      ['list', 'boolean', 'text', 'number', 'json', 'json', 'text']
    )
  })

  it('says defaults as flags and variables take them', () => {
    const homeDir = '/nobody'
    const byDefault = resolveConfig({ flags: {}, env: {}, homeDir })
    const rows = describeConfig().filter(({ name }) => name !== 'home')
    for (const { name, env, default: text } of rows) {
      assert.deepEqual(
        resolveConfig({ flags: { [name]: text || undefined }, env: {}, homeDir }),
        byDefault,
        name
      )
      assert.deepEqual(resolveConfig({ flags: {}, env: { [env]: text }, homeDir }), byDefault, env)
    }
  })
})
