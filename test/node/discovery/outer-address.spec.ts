import assert from 'node:assert/strict'
import { multiaddr } from '@multiformats/multiaddr'
import { OuterAddress, type OuterAddressComponents } from '../../../node/discovery/index.ts'

describe('node/discovery/outer-address', () => {
  let events: EventTarget
  let mapped: string[]
  let outer: OuterAddress

  beforeEach(() => {
    events = new EventTarget()
    mapped = []
    outer = new OuterAddress({
      events: events as OuterAddressComponents['events'],
      transportManager: {
        getAddrs: () =>
          [
            '/ip4/127.0.0.1/tcp/17476',
            '/ip4/10.0.0.5/tcp/17476',
            '/ip4/10.0.0.5/tcp/17477/ws',
            '/ip4/10.0.0.5/udp/17476/quic-v1'
          ].map((text) => multiaddr(text))
      },
      addressManager: {
        addPublicAddressMapping: (...mapping) => void mapped.push(mapping.join(' '))
      }
    })
    outer.start()
  })
  afterEach(() => {
    outer.stop()
  })

  /** A peer connects, and says where it sees this node. */
  function identify(
    observed: string | undefined,
    direction = 'inbound',
    from = '/ip4/31.60.0.2/tcp/40000'
  ): void {
    const detail = {
      observedAddr: observed === undefined ? undefined : multiaddr(observed),
      connection: { direction, remoteAddr: multiaddr(from) }
    }
    events.dispatchEvent(new CustomEvent('peer:identify', { detail }))
  }

  it('has all ports looked into at the address that a peer has dialled, once', () => {
    identify('/ip4/5.10.0.10/tcp/17476')
    identify('/ip4/5.10.0.10/udp/17476/quic-v1')
    assert.deepEqual(mapped, [
      '10.0.0.5 17476 5.10.0.10 17476 tcp',
      '10.0.0.5 17477 5.10.0.10 17477 tcp',
      '10.0.0.5 17476 5.10.0.10 17476 udp'
    ])
  })

  it('believes nobody else: not whom this node dialled, nor other ports, nor private or relayed addresses', () => {
    identify('/ip4/5.10.0.10/tcp/17476', 'outbound')
    identify('/ip4/5.10.0.10/tcp/51234')
    identify('/ip4/192.168.1.1/tcp/17476')
    identify('/dns4/relay.example/tcp/17476')
    identify(undefined)
    const relayed = '/ip4/9.9.9.9/tcp/1/p2p/12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA/p2p-circuit'
    identify('/ip4/5.10.0.10/tcp/17476', 'inbound', relayed)
    assert.deepEqual(mapped, [])
  })

  it('looks into four addresses, whatever peers make up', () => {
    for (let i = 1; i < 10; i++) identify(`/ip4/5.10.0.${i}/tcp/17476`)
    assert.equal(new Set(mapped.map((line) => line.split(' ')[2])).size, 4)
  })

  it('hears nothing once stopped', () => {
    outer.stop()
    identify('/ip4/5.10.0.10/tcp/17476')
    assert.deepEqual(mapped, [])
  })
})
