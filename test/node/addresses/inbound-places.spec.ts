import assert from 'node:assert/strict'
import { multiaddr } from '@multiformats/multiaddr'
import { InboundPlaces, MAX_PER_HOST, MAX_PER_SUBNET } from '../../../node/addresses/index.ts'

describe('node/addresses/inbound-places', () => {
  /** Opens as many connections as are admitted, at most 3,000; resolves to how many those were. */
  function fill(places: InboundPlaces, address: (n: number) => string): number {
    let admitted = 0
    for (let n = 0; n < 3000; n++) {
      const from = multiaddr(address(n))
      if (!places.admits(from)) continue
      places.opened(from)
      admitted++
    }
    return admitted
  }

  it('gives one address, one /64 and one /24 a part, and leaves others theirs', () => {
    const places = new InboundPlaces()
    assert.equal(
      fill(places, (n) => `/ip4/5.10.0.1/tcp/${n + 1}`),
      MAX_PER_HOST
    )
    assert.equal(
      fill(places, (n) => `/ip6/2a01:4f8::${(n + 1).toString(16)}/tcp/1/ws`),
      MAX_PER_HOST
    )
    assert.equal(
      fill(places, (n) => `/ip4/5.10.0.${n % 250}/tcp/1`),
      MAX_PER_SUBNET - MAX_PER_HOST
    )
    assert.ok(places.admits(multiaddr('/ip4/23.50.0.2/udp/1/quic-v1')))
  })

  it('gives places back', () => {
    const places = new InboundPlaces()
    const from = multiaddr('/ip4/5.10.0.1/tcp/1')
    fill(places, () => from.toString())
    assert.equal(places.admits(from), false)
    places.closed(from)
    assert.equal(places.admits(from), true)
  })

  it('does not count what stands for many: proxies, bridges and relays', () => {
    const places = new InboundPlaces()
    const relay = '/ip4/5.10.0.9/tcp/1/p2p/12D3KooWBnSFMLmoUh7JB7HyPG9idBiVizVs4WQk7EdAmTLVRCuD/p2p-circuit'
    for (const address of ['/ip4/127.0.0.1/tcp/1', '/ip4/172.17.0.1/tcp/1', relay])
      assert.equal(
        fill(places, () => address),
        3000
      )
  })
})
