import assert from 'node:assert/strict'
import {
  PRESENCE,
  WITHDRAWAL,
  holdsNow,
  meshTag,
  sealForMesh,
  unsealForMesh
} from '../../../protocols/presence/index.ts'
import { InvalidRecordError, open, seal } from '../../../protocols/records/index.ts'
import { assertGolden } from '../../support/golden.ts'
import { aPresence, signedPresence, signedWithdrawal } from '../../support/presences.ts'
import { CONTRIBUTOR, NOW, STRANGER } from '../../support/records.ts'

const KEY = new Uint8Array(32).fill(7)
const CONTACT = { addresses: ['/ip4/198.51.100.7/tcp/17476'], models: ['scripted:1b'], relay: false }

describe('protocols/presence', () => {
  it('has records as in their golden files', async () => {
    const signer = CONTRIBUTOR.peer
    const presence = await signedPresence()
    await assertGolden('record-presence', { domain: PRESENCE.domain, signer, record: presence })
    const withdrawal = await signedWithdrawal(NOW)
    await assertGolden('record-withdrawal', { domain: WITHDRAWAL.domain, signer, record: withdrawal })
    assert.deepEqual(await open(PRESENCE, presence), aPresence())
  })

  it('seals a contact as in its golden file, and only the mesh’s key opens it', async () => {
    const sealed = sealForMesh(JSON.stringify(CONTACT), KEY, new Uint8Array(32).fill(9))
    await assertGolden('presence-sealed', {
      key: Buffer.from(KEY).toString('base64url'),
      nonce: Buffer.alloc(32, 9).toString('base64url'),
      mesh: meshTag(KEY),
      contact: CONTACT,
      sealed
    })
    const other = new Uint8Array(32).fill(8)
    assert.equal(unsealForMesh(sealed, [other, KEY]), JSON.stringify(CONTACT))
    assert.equal(unsealForMesh(sealed, [other]), undefined)
    assert.equal(unsealForMesh(`${sealed.slice(0, -4)}AAA=`, [KEY]), undefined)
    assert.equal(unsealForMesh('', [KEY]), undefined)
    assert.notEqual(meshTag(KEY), meshTag(other))
  })

  it('refuses what is another’s, too long or not one of its kind', async () => {
    const foreign = await seal(PRESENCE, aPresence(), STRANGER.privateKey)
    await assert.rejects(open(PRESENCE, foreign), InvalidRecordError)
    const long = await seal(
      PRESENCE,
      { ...aPresence(), padding: 'x'.repeat(8192) } as ReturnType<typeof aPresence>,
      CONTRIBUTOR.privateKey
    )
    await assert.rejects(open(PRESENCE, long), InvalidRecordError)
    for (const wrong of [
      { addresses: Array.from({ length: 17 }, () => '/ip4/198.51.100.7/tcp/1') },
      { models: [''] },
      { mesh: 'elsewhere' },
      { nostr: 'x' }
    ])
      await assert.rejects(
        open(PRESENCE, await signedPresence(wrong)),
        InvalidRecordError,
        JSON.stringify(wrong)
      )
  })

  it('holds until it expires, for an hour at most, and not from the future', () => {
    assert.ok(holdsNow(aPresence(), NOW))
    assert.ok(!holdsNow(aPresence(), NOW + 600_000))
    assert.ok(!holdsNow(aPresence(), NOW - 300_001))
    assert.ok(!holdsNow(aPresence({ expiresAt: NOW + 3_600_001 }), NOW))
    assert.ok(!holdsNow(aPresence({ issuedAt: NOW + 2, expiresAt: NOW + 1 }), NOW))
  })
})
