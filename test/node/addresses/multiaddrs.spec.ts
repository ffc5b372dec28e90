import assert from 'node:assert/strict'
import { multiaddr } from '@multiformats/multiaddr'
import { farthestFirst, isPrivateAddress, isPublicAddress } from '../../../node/addresses/index.ts'

const ID = '12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA'

describe('node/addresses/multiaddrs', () => {
  for (const [address, privately, publicly] of [
    ['/ip4/10.1.2.3/tcp/1', true, false],
    ['/ip4/172.31.0.1/tcp/1', true, false],
    ['/ip4/172.32.0.1/tcp/1', false, true],
    ['/ip4/100.64.0.1/tcp/1', true, false],
    ['/ip4/100.128.0.1/tcp/1', false, true],
    ['/ip4/169.254.1.1/tcp/1', true, false],
    ['/ip4/127.0.0.1/udp/1/quic-v1', true, false],
    ['/ip6/fd00::1/tcp/1', true, false],
    ['/ip6/fe80::1/tcp/1', true, false],
    ['/ip6/2606:4700::1/tcp/1', false, true],
    ['/ip6/::ffff:5.10.0.10/tcp/1', false, true],
    ['/ip4/5.10.0.10/tcp/1', false, true],
    // To look a name up is to ask somebody outside.
    ['/dns4/printer.local/tcp/1', false, true],
    [`/ip4/5.10.0.10/tcp/1/p2p/${ID}/p2p-circuit`, false, false],
    [`/ip4/10.0.0.1/tcp/1/p2p/${ID}/p2p-circuit`, true, false]
  ] as const) {
    it(`takes ${address} for ${privately ? 'private' : publicly ? 'public' : 'neither'}`, () => {
      assert.equal(isPrivateAddress(multiaddr(address)), privately)
      assert.equal(isPublicAddress(multiaddr(address)), publicly)
    })
  }

  it('puts those first that reach farthest, and else keeps their order', () => {
    const loopback = ['/ip4/127.0.0.1/tcp/1', '/ip6/::1/tcp/1']
    const local = ['/ip4/10.0.0.5/tcp/1', '/ip4/10.0.0.5/tcp/2/ws']
    const outer = ['/ip4/5.10.0.10/tcp/1', '/dns4/relay.example/tcp/443']
    assert.deepEqual(farthestFirst([...loopback, ...local, ...outer]), [...outer, ...local, ...loopback])
  })
})
