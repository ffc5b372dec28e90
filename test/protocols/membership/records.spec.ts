import assert from 'node:assert/strict'
import {
  CERTIFICATE,
  InvalidRecordError,
  STATEMENT,
  decodeJson,
  membershipFrame,
  open,
  openInvite,
  seal,
  sealInvite,
  sha256,
  type MembershipFrame
} from '../../../protocols/index.ts'
import { onTheWire } from '../../support/frames.ts'
import { assertGolden } from '../../support/golden.ts'
import { CONSUMER, CONTRIBUTOR, NOW, STRANGER } from '../../support/records.ts'

const key = Buffer.alloc(32, 7).toString('base64url')
const id = 'AAECAwQFBgcICQoLDA0ODw'
const mesh = CONTRIBUTOR.peer
const certificate = await seal(
  CERTIFICATE,
  { mesh, member: CONSUMER.peer, issuer: mesh, invite: id, issuedAt: NOW },
  CONTRIBUTOR.privateKey
)
const statement = await seal(
  STATEMENT,
  {
    mesh,
    issuer: mesh,
    version: 1,
    issuedAt: NOW,
    owners: [CONSUMER.peer],
    admitters: [],
    removed: [STRANGER.peer],
    revokedInvites: [id],
    epoch: 1,
    keyHash: sha256(Buffer.from(key, 'base64url'))
  },
  CONTRIBUTOR.privateKey
)
const invite = sealInvite(
  {
    mesh,
    issuer: mesh,
    id,
    uses: 3,
    by: CONSUMER.peer,
    expiresAt: NOW,
    key,
    name: 'home',
    bootstrap: [`/ip4/192.0.2.1/tcp/17476/p2p/${mesh}`]
  },
  CONTRIBUTOR.privateKey
)

/** One of each type: forgetting one does not compile. */
const FRAMES: { [T in Exclude<MembershipFrame['type'], 'error'>]: Extract<MembershipFrame, { type: T }> } = {
  hello: { type: 'hello', certificate, authority: statement, epoch: 1 },
  redeem: { type: 'redeem', invite },
  admitted: { type: 'admitted', certificate },
  update: { type: 'update', statements: [statement], key }
}

describe('protocols/membership', () => {
  for (const [type, frame] of Object.entries(FRAMES)) {
    it(`has ${type} as in its golden file`, async () => {
      const wire = onTheWire(frame)
      await assertGolden(`frame-membership-${type}`, wire)
      assert.deepEqual(decodeJson(membershipFrame, Buffer.from(wire.payload)), frame)
    })
  }

  it('has records as in their golden files', async () => {
    const signer = mesh
    await assertGolden('record-certificate', { domain: CERTIFICATE.domain, signer, record: certificate })
    await assertGolden('record-statement', { domain: STATEMENT.domain, signer, record: statement })
    await assert.rejects(open(STATEMENT, certificate), InvalidRecordError)
  })

  it('has an invite as in its golden file, which any changed letter spoils', async () => {
    const fields = openInvite(invite)
    await assertGolden('membership-invite', { invite, fields })
    for (let at = 8; at < invite.length; at += 37) {
      const changed = `${invite.slice(0, at)}${invite[at] === 'a' ? 'b' : 'a'}${invite.slice(at + 1)}`
      assert.throws(() => openInvite(changed), InvalidRecordError)
    }
    const forged = sealInvite({ ...fields, issuer: mesh }, STRANGER.privateKey)
    assert.throws(() => openInvite(forged), /forged/)
  })
})
