import assert from 'node:assert/strict'
import type { CircuitRelayService } from '@libp2p/circuit-relay-v2'
import type { PeerId } from '@libp2p/interface'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { boundByAddress } from '../../../node/patches/index.ts'

describe('node/patches/reservations-by-address', () => {
  function relay(
    places: number,
    onRefused?: (peer: string) => void
  ): (peer: string, address: string) => boolean {
    const reservations = new Map<unknown, { addr: Multiaddr }>()
    const reservationStore = {
      reserve: (peer: PeerId, addr: Multiaddr) => {
        reservations.set(peer, { addr })
        return { status: 'OK' }
      }
    }
    boundByAddress({ reservations, reservationStore } as unknown as CircuitRelayService, places, onRefused)
    return (peer, address) =>
      reservationStore.reserve(peer as unknown as PeerId, multiaddr(address)).status === 'OK'
  }

  const given = (count: number, reserve: (n: number) => boolean): number =>
    Array.from({ length: count }, (_, n) => reserve(n)).filter((ok) => ok).length

  it('gives one address, one /64 and one /24 a part of the places, and others theirs', () => {
    const reserve = relay(1600)
    assert.equal(
      given(2000, (n) => reserve(`a${n}`, '/ip4/5.10.0.10/tcp/1')),
      100
    )
    assert.equal(
      given(2000, (n) => reserve(`b${n}`, `/ip6/2a01:4f8::${(n + 1).toString(16)}/tcp/1`)),
      100
    )
    assert.equal(
      given(2000, (n) => reserve(`c${n}`, `/ip4/5.10.0.${n % 250}/tcp/1`)),
      300
    )
    assert.equal(reserve('honest', '/ip4/23.50.0.2/tcp/1'), true)
    assert.equal(reserve('a0', '/ip4/5.10.0.10/tcp/1'), true)
  })

  it('tells of each peer that it refuses', () => {
    const refused: string[] = []
    const reserve = relay(16, (peer) => refused.push(peer))
    for (let n = 0; n < 18; n++) reserve(`a${n}`, '/ip4/5.10.0.10/tcp/1')
    assert.deepEqual(refused, ['a16', 'a17'])
  })
})
