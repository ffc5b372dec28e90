import assert from 'node:assert/strict'
import { networkInterfaces } from 'node:os'
import { multiaddr } from '@multiformats/multiaddr'
import { isOnOwnNetwork, leadsThere, localAddresses } from '../../../node/addresses/index.ts'

const RELAY = '/ip4/192.168.201.7/tcp/443/p2p/12D3KooWQPqyma2AFCEPicdgUtU9DcuGPXWnXTbQ4WjRKDdMFH3V'

/** Whether this machine is on the network of an address, as far as its first bytes tell. */
function mine(address: string): boolean {
  const start = address.slice(0, 7)
  return Object.values(networkInterfaces()).some((entries) =>
    entries?.some((entry) => entry.address.startsWith(start))
  )
}

describe('node/addresses/interfaces', () => {
  const elsewhere = ['192.168.201.7', '172.30.201.7', 'fd12:3456::1'].filter((address) => !mine(address))

  it('tells private addresses of other networks, to which a dial leads nowhere', () => {
    assert.ok(elsewhere.length > 0)
    for (const address of elsewhere) {
      const family = address.includes(':') ? 6 : 4
      assert.equal(leadsThere(multiaddr(`/ip${family}/${address}/tcp/4001`)), false, address)
      assert.equal(isOnOwnNetwork(address), false, address)
    }
  })

  it('takes every other address for one that may lead there', () => {
    const good = ['/ip4/127.0.0.1/tcp/1', '/ip4/5.10.0.10/tcp/1', '/dns4/relay.example/tcp/1']
    const here = localAddresses().map((address) => `/ip4/${address}/tcp/1`)
    for (const text of [...good, ...here, `${RELAY}/p2p-circuit`])
      assert.equal(leadsThere(multiaddr(text)), true, text)
  })

  it('knows this machine’s own networks', () => {
    for (const address of ['127.0.0.1', '::1', '::ffff:127.0.0.1', ...localAddresses()])
      assert.equal(isOnOwnNetwork(address), true, address)
    assert.equal(isOnOwnNetwork('localhost'), false)
  })
})
