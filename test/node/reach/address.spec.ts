import assert from 'node:assert/strict'
import { networkInterfaces } from 'node:os'
import { multiaddr } from '@multiformats/multiaddr'
import { addressesToTry, isPublic, kindOf, leadsThere, localAddresses } from '../../../node/reach/address.ts'
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

/** Whether this machine is on the network of an address, as far as its first bytes tell. */
function mine(address: string): boolean {
  const start = address.slice(0, 7)
  return Object.values(networkInterfaces()).some((entries) =>
    entries?.some((entry) => entry.address.startsWith(start))
  )
}

describe('node/reach/address', () => {
  it('knows what an address is good for', () => {
    const kinds = {
      '127.0.0.1': 'loopback',
      '10.1.2.3': 'private',
      '172.31.255.255': 'private',
      '192.168.0.1': 'private',
      '100.64.0.1': 'private',
      '172.32.0.1': 'public',
      '8.8.8.8': 'public',
      '0.0.0.0': 'never',
      '169.254.169.254': 'never',
      '224.0.0.1': 'never',
      '255.255.255.255': 'never',
      '::1': 'loopback',
      'fd12::1': 'private',
      'fe80::1': 'private',
      '2a01:4f8::2': 'public',
      '2001:db8::1': 'never',
      '2002:1f3c::1': 'never',
      'ff02::1': 'never',
      '::': 'never'
    }
    for (const [address, kind] of Object.entries(kinds)) assert.equal(kindOf(address), kind, address)
  })

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

  it('knows public multiaddrs from relayed, private and named ones', () => {
    const relay = '/ip4/5.10.0.10/tcp/443/p2p/12D3KooWQPqyma2AFCEPicdgUtU9DcuGPXWnXTbQ4WjRKDdMFH3V'
    const judged = {
      '/ip4/5.10.0.10/tcp/4001': true,
      '/ip6/2a01:4f8::2/udp/4001/quic-v1': true,
      '/ip4/192.168.1.2/tcp/4001': false,
      '/ip6/fe80::1/tcp/4001': false,
      '/dns4/relay.example/tcp/4001': false,
      [`${relay}/p2p-circuit`]: false
    }
    for (const [text, good] of Object.entries(judged)) assert.equal(isPublic(multiaddr(text)), good, text)
  })

  it('knows addresses that lead nowhere from here: private ones of other networks', () => {
    const elsewhere = ['192.168.201.7', '172.30.201.7', 'fd12:3456::1'].filter((address) => !mine(address))
    assert.ok(elsewhere.length > 0)
    for (const address of elsewhere) {
      assert.equal(
        leadsThere(multiaddr(`/ip${address.includes(':') ? 6 : 4}/${address}/tcp/4001`)),
        false,
        address
      )
    }
    const relayed = '/ip4/192.168.201.7/tcp/443/p2p/12D3KooWQPqyma2AFCEPicdgUtU9DcuGPXWnXTbQ4WjRKDdMFH3V'
    const good = [
      '/ip4/127.0.0.1/tcp/1',
      '/ip4/5.10.0.10/tcp/1',
      '/dns4/relay.example/tcp/1',
      `${relayed}/p2p-circuit`
    ]
    const here = localAddresses().map((address) => `/ip4/${address}/tcp/1`)
    for (const text of [...good, ...here]) assert.equal(leadsThere(multiaddr(text)), true, text)
  })

  it('tries each address once', () => {
    const twice = endpoint('192.168.1.3', ['192.168.1.3', '192.168.1.3'])
    assert.equal(tried(endpoint('192.168.1.2'), twice).length, 2)
  })
})
