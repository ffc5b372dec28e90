import assert from 'node:assert/strict'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generateKeyPair, privateKeyFromProtobuf, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { loadOrCreateIdentity } from '../../../node/identity/index.ts'

describe('node/identity/identity', () => {
  let folder: string
  let file: string

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'lobstah-identity-'))
    file = join(folder, 'home', 'identity.key')
  })

  afterEach(() => {
    rmSync(folder, { recursive: true })
  })

  function write(bytes: Uint8Array): void {
    mkdirSync(join(folder, 'home'))
    writeFileSync(file, bytes, { mode: 0o600 })
  }

  it('makes a key once, and reads the same one from then on', async () => {
    const made = await loadOrCreateIdentity(file)
    const read = await loadOrCreateIdentity(file)
    assert.equal(read.peerId.toString(), made.peerId.toString())
    assert.ok(read.privateKey.equals(made.privateKey))
    assert.deepEqual([made.warnings, read.warnings], [[], []])
    assert.equal(made.privateKey.type, 'Ed25519')
    assert.equal(made.peerId.toString(), peerIdFromPrivateKey(made.privateKey).toString())
    assert.deepEqual(new Uint8Array(Buffer.from(made.publicKey, 'base64url')), made.privateKey.publicKey.raw)
    assert.ok(privateKeyFromProtobuf(readFileSync(file)).equals(made.privateKey))
  })

  it('lets nobody else read the key or the folder that it makes, and leaves nothing else there', async function () {
    if (process.platform === 'win32') this.skip()
    await loadOrCreateIdentity(file)
    assert.equal(statSync(file).mode & 0o777, 0o600)
    assert.equal(statSync(join(folder, 'home')).mode & 0o777, 0o700)
    assert.deepEqual(readdirSync(join(folder, 'home')), ['identity.key'])
  })

  it('gives all who ask at once the same key', async () => {
    const identities = await Promise.all(Array.from({ length: 8 }, async () => loadOrCreateIdentity(file)))
    assert.equal(new Set(identities.map(({ publicKey }) => publicKey)).size, 1)
    assert.deepEqual(readdirSync(join(folder, 'home')), ['identity.key'])
  })

  it('warns when others may use the key', async function () {
    if (process.platform === 'win32') this.skip()
    await loadOrCreateIdentity(file)
    chmodSync(file, 0o644)
    const { warnings } = await loadOrCreateIdentity(file)
    assert.equal(warnings.length, 1)
    assert.match(warnings[0]!, /identity\.key has mode 0644, not 0600.*chmod 600/)
    assert.equal(statSync(file).mode & 0o777, 0o644)
  })

  it('refuses files that hold no Ed25519 key, and never overwrites them', async () => {
    const key = privateKeyToProtobuf(await generateKeyPair('Ed25519'))
    const flipped = Uint8Array.from(key)
    flipped[10]! ^= 1
    const bad: [string, Uint8Array, RegExp][] = [
      ['nothing', new Uint8Array(), /is damaged/],
      ['a text', Buffer.from('a key of another program'), /is damaged/],
      ['a part', key.subarray(0, 40), /is damaged/],
      ['a flipped bit', flipped, /is damaged \(its halves disagree\)/],
      ['too much', Buffer.alloc(100_000, 1), /is damaged/],
      [
        'another type',
        privateKeyToProtobuf(await generateKeyPair('secp256k1')),
        /is of type secp256k1, not Ed25519/
      ]
    ]
    for (const [what, bytes, message] of bad) {
      write(bytes)
      await assert.rejects(
        loadOrCreateIdentity(file),
        (err: Error) => {
          assert.equal(err.name, 'IdentityError')
          assert.match(err.message, message)
          assert.ok(
            err.message.includes(file) && err.message.includes('restore it from a backup'),
            err.message
          )
          return true
        },
        what
      )
      assert.deepEqual(new Uint8Array(readFileSync(file)), new Uint8Array(bytes))
      rmSync(join(folder, 'home'), { recursive: true })
    }
  })

  it('refuses what it cannot read', async () => {
    mkdirSync(file, { recursive: true })
    await assert.rejects(loadOrCreateIdentity(file), {
      name: 'IdentityError',
      message: /identity\.key cannot be read .*permissions/
    })
  })

  it('says that it cannot make the key', async () => {
    writeFileSync(join(folder, 'home'), 'in the way')
    await assert.rejects(loadOrCreateIdentity(file), (err: Error) => {
      assert.equal(err.name, 'IdentityError')
      assert.ok(err.message.includes(file), err.message)
      return true
    })
  })
})
