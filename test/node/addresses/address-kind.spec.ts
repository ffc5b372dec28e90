import assert from 'node:assert/strict'
import { addressKind, isPrivateIp, type AddressKind } from '../../../node/addresses/index.ts'

const KINDS: Record<AddressKind, string[]> = {
  loopback: ['127.0.0.1', '127.255.255.254', '::1', '::ffff:127.0.0.1', '::ffff:7f00:1', '64:ff9b::7f00:1'],
  'link-local': [
    '169.254.1.1',
    '169.254.169.254',
    'fe80::1',
    'febf::1',
    'fe80::1%eth0',
    '::ffff:169.254.169.254',
    '64:ff9b::a9fe:a9fe'
  ],
  private: [
    '10.1.2.3',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.0.1',
    '100.64.0.1',
    '100.127.255.255',
    'fc00::1',
    'fd12::1',
    '::ffff:10.0.0.1',
    '64:ff9b::c0a8:1'
  ],
  public: [
    '1.1.1.1',
    '5.10.0.10',
    '23.50.0.2',
    '172.15.255.255',
    '172.32.0.1',
    '100.63.255.255',
    '100.128.0.1',
    '192.167.255.255',
    '192.169.0.1',
    '2606:4700::1',
    '2a01:4f8::2',
    '::ffff:5.10.0.10',
    '64:ff9b::808:808'
  ],
  never: [
    '0.0.0.0',
    '0.1.2.3',
    '224.0.0.1',
    '240.0.0.1',
    '255.255.255.255',
    '192.0.2.1',
    '198.18.0.1',
    '198.51.100.1',
    '203.0.113.1',
    '192.0.0.192',
    '100.100.100.200',
    'fd00:ec2::254',
    '::',
    '::7f00:1',
    'ff02::1',
    '2001:db8::1',
    '2001::1',
    '2002:7f00:1::',
    '4000::1',
    'localhost',
    '',
    '127.1',
    '0x7f.0.0.1',
    '2130706433',
    '010.0.0.1',
    '1.2.3.4.5'
  ]
}

describe('node/addresses/address-kind', () => {
  for (const [kind, addresses] of Object.entries(KINDS)) {
    it(`knows what is ${kind}`, () => {
      for (const address of addresses) assert.equal(addressKind(address), kind, address)
    })
  }

  it('takes what stays inside for private, and a metadata service for nothing', () => {
    for (const address of [...KINDS.private, ...KINDS.loopback, ...KINDS['link-local']])
      assert.equal(isPrivateIp(address), true, address)
    for (const address of [...KINDS.public, ...KINDS.never])
      assert.equal(isPrivateIp(address), false, address)
  })
})
