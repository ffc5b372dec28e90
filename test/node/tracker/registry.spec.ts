import assert from 'node:assert/strict'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { Registry, type Origin } from '../../../node/tracker/registry.ts'
import { TrackerRefusalError } from '../../../node/tracker/index.ts'
import { MAX_PER_HOST, MAX_PER_SUBNET, MAX_TTL_MS } from '../../../node/tracker/constants.ts'
import { signedPresence, signedWithdrawal } from '../../support/presences.ts'
import { CONTRIBUTOR, NOW, STRANGER, type Party } from '../../support/records.ts'

const HOME: Origin = { host: '198.51.100.7', subnet: '198.51.100' }

function origin(subnet: number, host: number): Origin {
  return { host: `10.0.${subnet}.${host}`, subnet: `10.0.${subnet}` }
}

async function party(): Promise<Party> {
  const privateKey = await generateKeyPair('Ed25519')
  return { privateKey, peer: peerIdFromPrivateKey(privateKey).toString() }
}

async function refused(action: Promise<unknown>): Promise<string> {
  let code = ''
  await assert.rejects(action, (err: unknown) => {
    assert.ok(err instanceof TrackerRefusalError)
    code = err.code
    return true
  })
  return code
}

describe('node/tracker/registry', () => {
  let now = NOW
  let registry: Registry
  beforeEach(() => {
    now = NOW
    registry = new Registry({}, { now: () => now })
  })

  it('lists a peer as it signed itself, of its own mesh alone, until the record expires', async () => {
    const record = await signedPresence()
    assert.equal(await registry.announce(record, HOME), 600_000)
    assert.deepEqual(registry.list('public', 10), [record])
    assert.deepEqual(registry.list('0'.repeat(32), 10), [])
    now += 600_000
    assert.deepEqual(registry.list('public', 10), [])
  })

  it('keeps no record for longer than it grants', async () => {
    const record = await signedPresence({ expiresAt: NOW + 3_600_000 })
    assert.equal(await registry.announce(record, HOME), MAX_TTL_MS)
    now += MAX_TTL_MS
    assert.deepEqual(registry.list('public', 10), [])
  })

  it('answers a repeated announcement alike, since the first answer may be lost', async () => {
    const record = await signedPresence()
    await registry.announce(record, HOME)
    now += 1000
    assert.equal(await registry.announce(record, HOME), 599_000)
  })

  it('refuses what is forged, stale, from the future, expired or for too long', async () => {
    const record = await signedPresence()
    const forged = { ...record, payload: record.payload.replace('198.51', '203.0') }
    assert.equal(await refused(registry.announce(forged, HOME)), 'invalid_record')
    assert.equal(await refused(registry.announce(await signedWithdrawal(NOW), HOME)), 'invalid_record')
    for (const issuedAt of [NOW - 300_001, NOW + 300_001]) {
      const off = await signedPresence({ issuedAt, expiresAt: issuedAt + 900_000 })
      assert.equal(await refused(registry.announce(off, HOME)), 'stale')
      assert.equal(await refused(registry.withdraw(await signedWithdrawal(issuedAt))), 'stale')
    }
    const ended = await signedPresence({ issuedAt: NOW - 2000, expiresAt: NOW - 1000 })
    assert.equal(await refused(registry.announce(ended, HOME)), 'invalid_record')
    const long = await signedPresence({ expiresAt: NOW + 3_600_001 })
    assert.equal(await refused(registry.announce(long, HOME)), 'invalid_record')
    assert.equal(registry.size, 0)
  })

  it('lets nobody bring back what its peer replaced or withdrew', async () => {
    const first = await signedPresence()
    const second = await signedPresence({ issuedAt: NOW + 1, addresses: [] })
    await registry.announce(first, HOME)
    await registry.announce(second, HOME)
    assert.equal(await refused(registry.announce(first, HOME)), 'replayed')
    await registry.withdraw(await signedWithdrawal(NOW + 2))
    assert.deepEqual(registry.list('public', 10), [])
    for (const record of [first, second])
      assert.equal(await refused(registry.announce(record, HOME)), 'replayed')
    // It is remembered for as long as an old record could still pass for fresh.
    now += 300_000
    registry.sweep()
    assert.equal(await refused(registry.announce(second, HOME)), 'replayed')
    now += 3
    registry.sweep()
    assert.equal(registry.size, 0)
    assert.equal(await refused(registry.announce(second, HOME)), 'stale')
  })

  it('takes a withdrawal from the peer alone', async () => {
    await registry.announce(await signedPresence(), HOME)
    await registry.withdraw(await signedWithdrawal(NOW + 1, STRANGER))
    assert.equal(registry.list('public', 10).length, 1)
    const stolen = await signedWithdrawal(NOW + 1, STRANGER)
    const forged = { ...stolen, payload: stolen.payload.replace(STRANGER.peer, CONTRIBUTOR.peer) }
    assert.equal(await refused(registry.withdraw(forged)), 'invalid_record')
    assert.equal(registry.list('public', 10).length, 1)
  })

  it('gives one address and one network only so many places, withdrawn ones included', async () => {
    for (let n = 0; n < MAX_PER_HOST; n++) {
      const by = await party()
      await registry.announce(await signedPresence({}, by), origin(1, 1))
      if (n % 2 === 0) await registry.withdraw(await signedWithdrawal(NOW + 1, by))
    }
    assert.equal(
      await refused(registry.announce(await signedPresence({}, await party()), origin(1, 1))),
      'too_many'
    )
    for (let n = MAX_PER_HOST; n < MAX_PER_SUBNET; n++)
      await registry.announce(await signedPresence({}, await party()), origin(1, n))
    assert.equal(
      await refused(registry.announce(await signedPresence({}, await party()), origin(1, 250))),
      'too_many'
    )
    await registry.announce(await signedPresence({}, await party()), origin(2, 1))
    assert.equal(registry.size, MAX_PER_SUBNET + 1)
  })

  it('when it is full, takes a place from the network that has most', async () => {
    registry = new Registry({ maxEntries: 10 }, { now: () => now })
    const honest = await Promise.all([party(), party()])
    for (const [n, by] of honest.entries())
      await registry.announce(await signedPresence({}, by), origin(n, 1))
    for (let n = 0; n < 8; n++) await registry.announce(await signedPresence({}, await party()), origin(9, n))
    await registry.announce(await signedPresence(), HOME)
    assert.equal(registry.size, 10)
    const listed = registry
      .list('public', 10)
      .map(({ payload }) => (JSON.parse(payload) as { peer: string }).peer)
    for (const { peer } of [...honest, CONTRIBUTOR]) assert.ok(listed.includes(peer))
    assert.equal(
      await refused(registry.announce(await signedPresence({}, await party()), origin(9, 99))),
      'full'
    )
  })

  it('lists from each network in turn, so that one with many peers crowds out nobody', async () => {
    for (let n = 0; n < 30; n++)
      await registry.announce(await signedPresence({}, await party()), origin(9, n))
    await registry.announce(await signedPresence(), HOME)
    const listed = registry
      .list('public', 2)
      .map(({ payload }) => (JSON.parse(payload) as { peer: string }).peer)
    assert.equal(listed.length, 2)
    assert.ok(listed.includes(CONTRIBUTOR.peer))
  })
})
