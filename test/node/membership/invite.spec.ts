import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import {
  InviteError,
  MembershipError,
  createMembership,
  decodeInvite,
  encodeInvite,
  readMembership,
  removeMembership,
  setAsideMembership,
  writeMembership
} from '../../../node/membership/index.ts'

const NOW = 1_790_000_000_000
const ID = '12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA'
const BOOTSTRAP = [`/ip4/5.10.0.10/tcp/17476/p2p/${ID}`, `/dns4/relay.example/tcp/443/tls/ws/p2p/${ID}`]
const invite = { ...createMembership('Lobster home', BOOTSTRAP), expiresAt: NOW + 86_400_000 }

describe('node/membership', () => {
  it('says the same after a journey as one word', () => {
    const text = encodeInvite(invite)
    assert.match(text, /^lobstah1[1-9A-HJ-NP-Za-km-z]+$/)
    assert.ok(text.length < 300, `${text.length} letters`)
    assert.deepEqual(decodeInvite(text, NOW), invite)
    assert.deepEqual(decodeInvite(`  ${text.slice(0, 40)}\n${text.slice(40)}\n`, NOW), invite)
  })

  it('can be for a public mesh: no key', () => {
    const open = { name: invite.name, bootstrap: invite.bootstrap, expiresAt: invite.expiresAt }
    assert.deepEqual(decodeInvite(encodeInvite(open), NOW), open)
  })

  it('expires', () => {
    assert.throws(
      () => decodeInvite(encodeInvite({ ...invite, expiresAt: NOW - 1000 }), NOW),
      /expired on 2026.*ask for a new one/
    )
  })

  it('says what is wrong: no invite, a newer version, a damaged one', () => {
    for (const [text, message] of [
      ['hello', /no invite: one begins with lobstah1/],
      ['lobstah3abc', /newer version/],
      ['lobstah2abc', /damaged/],
      [encodeInvite(invite).slice(0, -3), /damaged/],
      ['lobstah1', /damaged/],
      ['lobstah10OIl', /damaged/]
    ] as const) {
      assert.throws(() => decodeInvite(text, NOW), { name: InviteError.name, message })
    }
  })

  it('notices any one letter changed', () => {
    const text = encodeInvite(invite)
    fc.assert(
      fc.property(fc.nat(text.length - 9), fc.constantFrom('1', '2', 'a', 'b', 'X', 'Y'), (at, letter) => {
        const i = at + 8
        if (text[i] === letter) return
        assert.throws(() => decodeInvite(text.slice(0, i) + letter + text.slice(i + 1), NOW), InviteError)
      })
    )
  })

  it('never throws anything but InviteError, whatever it is given', () => {
    fc.assert(
      fc.property(fc.string(), fc.boolean(), (text, prefix) => {
        assert.throws(() => decodeInvite((prefix ? 'lobstah1' : '') + text, NOW), InviteError)
      })
    )
  })

  it('refuses names that no file or terminal should show', () => {
    for (const name of ['', ' x', 'a\nb', '\u001b[31m', 'x'.repeat(61)])
      assert.throws(() => createMembership(name, []), MembershipError)
  })

  describe('on disk', () => {
    let home: string
    beforeEach(async () => {
      home = await mkdtemp(join(tmpdir(), 'lobstah-test-'))
    })
    afterEach(async () => {
      await rm(home, { recursive: true })
    })

    it('lasts, for its owner only, until left', async () => {
      assert.equal(await readMembership(home), undefined)
      const membership = { name: invite.name, key: invite.key, bootstrap: invite.bootstrap }
      await writeMembership(home, membership)
      assert.deepEqual(await readMembership(home), membership)
      assert.equal((await stat(join(home, 'mesh.json'))).mode & 0o777, 0o600)
      await removeMembership(home)
      assert.equal(await readMembership(home), undefined)
    })

    it('is never taken for no mesh when it cannot be read', async () => {
      await writeFile(join(home, 'mesh.json'), '{"name":"x"')
      await assert.rejects(readMembership(home), MembershipError)
      const aside = await setAsideMembership(home)
      assert.equal(await readMembership(home), undefined)
      assert.equal(await readFile(aside, 'utf8'), '{"name":"x"')
    })
  })
})
