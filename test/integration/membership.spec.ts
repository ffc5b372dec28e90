import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { Ed25519PrivateKey } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import {
  CERTIFICATE,
  STATEMENT,
  seal,
  sealInvite,
  sha256,
  type SignedInvite,
  type SignedRecord,
  type Statement
} from '../../protocols/index.ts'
import type { Lobstah, LobstahInit } from '../../node/lobstah.ts'
import { Authority, InviteUses, createMembership, type OwnedMembership } from '../../node/membership/index.ts'
import { ScriptedEngine, say } from '../support/scripted-engine.ts'
import { Mesh, addressesOf, ask, collect, contributorsKnown, textOf, until } from '../support/mesh.ts'

const peerOf = (key: Ed25519PrivateKey): string => peerIdFromPrivateKey(key).toString()

interface Member {
  node: Lobstah
  authority: Authority
  /** State that it would keep on disk. */
  kept: () => OwnedMembership
}

describe('a private mesh that has an owner', () => {
  let mesh: Mesh
  let folder: string
  let owner: Ed25519PrivateKey
  let founded: OwnedMembership
  let version: number
  let root: Member

  beforeEach(async () => {
    mesh = new Mesh()
    folder = await mkdtemp(join(tmpdir(), 'lobstah-members-'))
    owner = await generateKeyPair('Ed25519')
    founded = createMembership('home', [], peerOf(owner)) as OwnedMembership
    version = 0
    root = await member(founded, { relay: true, listen: ['/ip4/127.0.0.1/tcp/0'] }, { ownerKey: owner })
    await root.authority.admitSelf()
  })
  afterEach(async () => {
    await mesh.stop()
    await rm(folder, { recursive: true })
  })

  /** A node of the mesh as a membership file has it. */
  async function member(
    membership: OwnedMembership,
    init: Partial<LobstahInit> = {},
    { privateKey, ownerKey }: { privateKey?: Ed25519PrivateKey; ownerKey?: Ed25519PrivateKey } = {}
  ): Promise<Member> {
    const key = privateKey ?? (await generateKeyPair('Ed25519'))
    let kept = membership
    const authority = await Authority.create(membership, {
      privateKey: key,
      ownerKey,
      uses: new InviteUses(join(folder, `${peerOf(key)}.json`)),
      persist: (changed) => {
        kept = changed
        return Promise.resolve()
      },
      now: Date.now
    })
    const node = await mesh.node({
      privateKey: key,
      authority,
      meshKeys: () => authority.keys.map((text) => Buffer.from(text, 'base64url')),
      ...init
    })
    return { node, authority, kept: () => kept }
  }

  function invite(changes: Partial<SignedInvite> = {}, signer = owner): string {
    return sealInvite(
      {
        mesh: peerOf(owner),
        issuer: peerOf(signer),
        id: randomBytes(16).toString('base64url'),
        uses: 0,
        by: undefined,
        expiresAt: Date.now() + 3_600_000,
        key: founded.key,
        name: 'home',
        bootstrap: addressesOf(root.node),
        ...changes
      },
      signer
    )
  }

  const invited = (text: string): OwnedMembership => ({ ...founded, invite: text })

  async function says(change: Partial<Statement>): Promise<SignedRecord> {
    const statement: Statement = {
      mesh: peerOf(owner),
      issuer: peerOf(owner),
      version: ++version,
      issuedAt: Date.now(),
      owners: [],
      admitters: [],
      removed: [],
      revokedInvites: [],
      epoch: 0,
      keyHash: sha256(Buffer.from(founded.key, 'base64url')),
      ...change
    }
    return await seal(STATEMENT, statement, owner)
  }

  const contributes = (): Partial<LobstahInit> => ({
    bootstrap: addressesOf(root.node),
    contribute: true,
    engine: new ScriptedEngine(() => say(['one', 'two'])),
    listen: ['/ip4/127.0.0.1/tcp/0']
  })
  const consumes = (): Partial<LobstahInit> => ({ bootstrap: addressesOf(root.node) })

  const hasJoined = (one: Member): Promise<void> => until(() => one.authority.certificate !== undefined)
  const isOut = (one: Member): Promise<void> =>
    until(() => root.node.libp2p.getConnections(one.node.libp2p.peerId).length === 0)
  /** Dials the root, and does what members may. */
  async function look(one: Member): Promise<unknown> {
    const connection = await one.node.libp2p.dial(addressesOf(root.node).map((text) => multiaddr(text)))
    return await connection.newStream('/lobstah/kad/1.0.0', { signal: AbortSignal.timeout(5000) })
  }

  it('is joined by invite, and answers: the invite is forgotten, the certificate kept', async () => {
    const contributor = await member(invited(invite()), contributes())
    const consumer = await member(invited(invite()), consumes())
    await Promise.all([hasJoined(contributor), hasJoined(consumer)])
    await contributorsKnown(consumer.node, 1)
    assert.notEqual(textOf(await collect(consumer.node.consumer.infer(ask('Hi')))), '')
    assert.equal(consumer.kept().invite, undefined)
    assert.ok(consumer.kept().certificate)
  })

  it('takes a member back after a restart, and its invite for nobody else beyond its uses', async () => {
    const text = invite({ uses: 1, by: peerOf(owner) })
    const privateKey = await generateKeyPair('Ed25519')
    const first = await member(invited(text), consumes(), { privateKey })
    await hasJoined(first)
    await first.node.stop()
    const again = await member(first.kept(), consumes(), { privateKey })
    await look(again)
    const second = await member(invited(text))
    await assert.rejects(look(second))
    assert.equal(second.authority.certificate, undefined)
  })

  for (const [name, text] of [
    ['that has expired', () => Promise.resolve(invite({ expiresAt: Date.now() - 5000 }))],
    [
      'that was revoked',
      async () => {
        const id = randomBytes(16).toString('base64url')
        await root.authority.update([await says({ revokedInvites: [id] })])
        return invite({ id })
      }
    ],
    ['of a stranger', async () => invite({}, await generateKeyPair('Ed25519'))],
    ['to another mesh', async () => invite({ mesh: peerOf(await generateKeyPair('Ed25519')) })],
    [
      'whose uses somebody else counts',
      async () => invite({ uses: 1, by: peerOf(await generateKeyPair('Ed25519')) })
    ],
    ['that was changed', () => Promise.resolve(`${invite().slice(0, -5)}11111`)]
  ] as const) {
    it(`is not joined by an invite ${name}`, async () => {
      const stranger = await member(invited(await text()))
      await assert.rejects(look(stranger))
      assert.equal(stranger.authority.certificate, undefined)
    })
  }

  it('takes no forged certificate: of a stranger, of another peer, or changed', async () => {
    const stranger = await generateKeyPair('Ed25519')
    const victim = await member(invited(invite()), consumes())
    await hasJoined(victim)
    const certificate = { mesh: peerOf(owner), member: peerOf(stranger), invite: null, issuedAt: Date.now() }
    const own = await seal(CERTIFICATE, { ...certificate, issuer: peerOf(stranger) }, stranger)
    const claimed = {
      ...own,
      payload: own.payload.replace(`"issuer":"${peerOf(stranger)}"`, `"issuer":"${peerOf(owner)}"`)
    }
    for (const forged of [own, claimed, victim.kept().certificate!]) {
      const liar = await member({ ...founded, certificate: forged }, {}, { privateKey: stranger })
      await assert.rejects(look(liar))
      await liar.node.stop()
    }
  })

  it('lets go of a member that is removed while it is connected, on every side, and lets it in no more', async () => {
    const contributor = await member(invited(invite()), contributes())
    const consumer = await member(invited(invite()), consumes())
    await contributorsKnown(consumer.node, 1)
    await until(() => consumer.node.libp2p.getConnections(contributor.node.libp2p.peerId).length > 0)
    await root.authority.update([await says({ removed: [contributor.node.peer] })])
    await isOut(contributor)
    await until(() => consumer.node.libp2p.getConnections(contributor.node.libp2p.peerId).length === 0)
    await until(() => consumer.node.directory.contributors().length === 0)
    await assert.rejects(look(contributor))
    // Nor by another invite, or under the name of a newcomer that its own key does not give it.
    const again = await member(invited(invite()), {}, { privateKey: await generateKeyPair('Ed25519') })
    await look(again)
  })

  it('rotates its key: those who stay have it, one who was away gets it, a stranger with the old one does not', async () => {
    const privateKey = await generateKeyPair('Ed25519')
    const away = await member(invited(invite()), consumes(), { privateKey })
    const stays = await member(invited(invite()), consumes())
    await Promise.all([hasJoined(away), hasJoined(stays)])
    await away.node.stop()
    const key = randomBytes(32).toString('base64url')
    const keyHash = sha256(Buffer.from(key, 'base64url'))
    await root.authority.update([await says({ epoch: 1, keyHash })], key)
    await until(() => stays.authority.keys[0] === key)
    const back = await member(away.kept(), consumes(), { privateKey })
    await until(() => back.authority.keys[0] === key)
    const old = await member({ ...founded, certificate: stays.kept().certificate! })
    await assert.rejects(look(old))
    assert.equal(old.authority.keys[0], founded.key)
  })

  it('has owners and admitters by delegation, whose word ends with their office', async () => {
    const admitterKey = await generateKeyPair('Ed25519')
    const admitter = await member(
      invited(invite()),
      { ...consumes(), listen: ['/ip4/127.0.0.1/tcp/0'] },
      { privateKey: admitterKey }
    )
    await hasJoined(admitter)
    await root.authority.update([await says({ admitters: [admitter.node.peer] })])
    await until(() => admitter.authority.statements.length > 0)
    const text = invite({ uses: 1, by: admitter.node.peer }, admitterKey)
    const joiner = await member(invited(text), { bootstrap: addressesOf(admitter.node) })
    await hasJoined(joiner)
    await look(joiner)
    await root.authority.update([await says({ removed: [admitter.node.peer] })])
    await isOut(admitter)
    await assert.rejects(
      root.authority.judge(joiner.kept().certificate!, joiner.node.peer),
      /may not let members in/
    )
  })
})
