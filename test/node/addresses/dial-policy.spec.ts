import assert from 'node:assert/strict'
import { multiaddr } from '@multiformats/multiaddr'
import { DialPolicy, type DialPolicyInit } from '../../../node/addresses/index.ts'

const FRIEND = '12D3KooWQPqyma2AFCEPicdgUtU9DcuGPXWnXTbQ4WjRKDdMFH3V'
const STRANGER = '12D3KooWSZ5rbFE8pU8K7CUDWfYdourpwpZcrx7cBKbMZTyjbbsH'

const isNear = (ip: string): boolean => ip.startsWith('192.168.10.')

async function judged(
  text: string,
  init: DialPolicyInit = {},
  peer = STRANGER,
  isCertified = true
): Promise<string[]> {
  const policy = new DialPolicy({ isNear, isFriend: (other) => other === FRIEND, ...init })
  return (await policy.judge({ address: multiaddr(text), peer, isCertified })).map(String)
}

describe('node/addresses/dial-policy', () => {
  it('has public addresses dialled at anybody’s word, by each transport', async () => {
    for (const text of [
      '/ip4/5.10.0.10/tcp/4001',
      '/ip4/5.10.0.10/tcp/443/tls/ws',
      '/ip4/5.10.0.10/udp/17476/quic-v1',
      '/ip6/2a01:4f8::2/tcp/4001/ws'
    ])
      assert.deepEqual(await judged(text), [text])
  })

  it('refuses ports of system services, paths, and sockets of this machine', async () => {
    for (const text of [
      '/ip4/5.10.0.10/tcp/22',
      '/ip4/5.10.0.10/udp/53/quic-v1',
      '/ip4/5.10.0.10/tcp/4001/http-path/admin/ws',
      '/unix/%2Fvar%2Frun%2Fdocker.sock',
      '/dnsaddr/bootstrap.example'
    ])
      assert.deepEqual(await judged(text), [], text)
  })

  it('has private addresses dialled for friends and members, where this machine is on their network', async () => {
    const address = '/ip4/192.168.10.7/tcp/4001'
    assert.deepEqual(await judged(address), [])
    assert.deepEqual(await judged(address, {}, FRIEND), [address])
    // Another peer can say anything in a friend's name.
    assert.deepEqual(await judged(address, {}, FRIEND, false), [])
    assert.deepEqual(await judged(address, { privateMesh: true }, STRANGER, false), [address])
    assert.deepEqual(await judged('/ip4/192.168.253.7/tcp/4001', { privateMesh: true }), [])
  })

  it('takes what the local network told of a peer, and of no other', async () => {
    const policy = new DialPolicy({ isNear })
    const address = multiaddr('/ip4/192.168.10.7/tcp/4001')
    policy.meet(FRIEND, [address, multiaddr('/ip4/127.0.0.1/tcp/4001')])
    const judge = async (peer: string, to = address): Promise<number> =>
      (await policy.judge({ address: to, peer, isCertified: false })).length
    assert.equal(await judge(FRIEND), 1)
    assert.equal(await judge(STRANGER), 0)
    assert.equal(await judge(FRIEND, multiaddr('/ip4/127.0.0.1/tcp/4001')), 0)
  })

  it('never has loopback, link-local or metadata addresses dialled, for friends either', async () => {
    for (const ip of [
      '127.0.0.1',
      '169.254.169.254',
      '100.100.100.200',
      '0.0.0.0',
      '224.0.0.1',
      '192.88.99.1'
    ])
      assert.deepEqual(await judged(`/ip4/${ip}/tcp/4001`, { privateMesh: true }, FRIEND), [], ip)
    for (const ip of [
      '::1',
      'fe80::1',
      'fd00:ec2::254',
      '::ffff:127.0.0.1',
      '64:ff9b::a9fe:a9fe',
      '2002:7f00:1::'
    ])
      assert.deepEqual(await judged(`/ip6/${ip}/tcp/4001`, { privateMesh: true }, FRIEND), [], ip)
  })

  it('judges a name by what it resolves to, once, and dials that', async () => {
    let lookups = 0
    const lookup = async (_: string, version: 4 | 6): Promise<string[]> => {
      lookups++
      return version === 6 ? ['::1'] : lookups > 2 ? ['127.0.0.1'] : ['5.10.0.10', '127.0.0.1', '10.0.0.1']
    }
    assert.deepEqual(await judged('/dns/relay.example/tcp/443/wss', { lookup }), [
      '/ip4/5.10.0.10/tcp/443/tls/sni/relay.example/ws'
    ])
    assert.deepEqual(await judged('/dns4/relay.example/tcp/443/tls/ws', { lookup }), [])
    const failing = async (): Promise<string[]> => Promise.reject(new DOMException('no such name'))
    assert.deepEqual(await judged('/dns4/relay.invalid/tcp/4001', { lookup: failing }), [])
  })

  it('takes the user at his word', async () => {
    const policy = new DialPolicy()
    const typed = ['/ip4/127.0.0.1/tcp/22', `/dns4/localhost/tcp/4001/p2p/${STRANGER}`].map((text) =>
      multiaddr(text)
    )
    policy.trust(typed)
    for (const address of typed)
      assert.deepEqual(await policy.judge({ address, peer: STRANGER, isCertified: false }), [address])
  })
})
