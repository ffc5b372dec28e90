import assert from 'node:assert/strict'
import { addressesToTry } from '../../../node/reach/address.ts'
import type { Endpoint } from '../../../protocols/index.ts'

function endpoint(observed: string, local: string[] = []): Endpoint {
  return {
    observed: [{ address: observed, port: 5000 }],
    local: local.map((address) => ({ address, port: 6000 })),
    mapping: 'stable'
  }
}

const tried = (mine: Endpoint, theirs: Endpoint): string[] =>
  addressesToTry(mine, theirs).map(({ address, port }) => `${address}:${port}`)

describe('node/reach/address', () => {
  it('tries the observed address of a peer elsewhere, and none of its local ones', () => {
    assert.deepEqual(tried(endpoint('23.50.0.2'), endpoint('31.60.0.2', ['192.168.1.2'])), ['31.60.0.2:5000'])
  })

  it('tries local addresses first when both are seen at one address', () => {
    const here = endpoint('23.50.0.2', ['192.168.1.3', '10.0.0.9'])
    assert.deepEqual(tried(endpoint('23.50.0.2'), here), [
      '192.168.1.3:6000',
      '10.0.0.9:6000',
      '23.50.0.2:5000'
    ])
  })

  it('tries local addresses when a relay in the local network sees both', () => {
    const here = endpoint('192.168.1.3', ['192.168.1.3'])
    assert.deepEqual(tried(endpoint('192.168.1.2'), here), ['192.168.1.3:6000', '192.168.1.3:5000'])
  })

  it('never takes a public, loopback or link-local address for a local one', () => {
    const liar = endpoint('23.50.0.2', ['8.8.8.8', '127.0.0.1', '169.254.169.254', '224.0.0.1'])
    assert.deepEqual(tried(endpoint('23.50.0.2'), liar), ['23.50.0.2:5000'])
  })

  it('never tries a private or loopback address of a peer elsewhere', () => {
    for (const address of ['192.168.1.2', '127.0.0.1', '169.254.1.1', '224.0.0.1', '0.0.0.0']) {
      assert.deepEqual(tried(endpoint('23.50.0.2'), endpoint(address, ['192.168.1.2'])), [])
    }
  })

  it('tries no public address from within a private network', () => {
    assert.deepEqual(tried(endpoint('192.168.1.2'), endpoint('31.60.0.2', ['192.168.1.9'])), [])
  })

  it('tries a global IPv6 address, and no other', () => {
    const mine = endpoint('2a01:4f8::2')
    assert.deepEqual(tried(mine, endpoint('2a01:4f9::2')), ['2a01:4f9::2:5000'])
    for (const address of ['fd12::1', 'fe80::1', '::1', '2001:db8::1', 'ff02::1', '::ffff:23.50.0.2']) {
      assert.deepEqual(tried(mine, endpoint(address)), [], address)
    }
  })

  it('tries each address once', () => {
    const twice = endpoint('192.168.1.3', ['192.168.1.3', '192.168.1.3'])
    assert.equal(tried(endpoint('192.168.1.2'), twice).length, 2)
  })
})
