import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Key } from 'interface-datastore'
import { PeerDatastore } from '../../../node/patches/peer-datastore.ts'

const [a, b] = [new Key('/peers/a'), new Key('/peers/b')]

describe('node/patches/peer-datastore', () => {
  let folder: string
  let datastore: PeerDatastore

  const reopen = async (): Promise<void> => {
    await datastore.close()
    datastore = new PeerDatastore(folder)
    await datastore.open()
  }

  const text = async (key: Key): Promise<string> => Buffer.from(await datastore.get(key)).toString()

  const listed = async (): Promise<string[]> => {
    const keys: string[] = []
    for await (const { key, value } of datastore.query({ prefix: '/peers' }))
      keys.push(`${key.toString()}=${Buffer.from(value).toString()}`)
    return keys
  }

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lobstah-peers-'))
    datastore = new PeerDatastore(folder)
    await datastore.open()
  })
  afterEach(async () => {
    await datastore.close()
    await rm(folder, { recursive: true })
  })

  it('gives what was put before it is on disk, and keeps it', async () => {
    await datastore.put(a, Buffer.from('1'))
    await datastore.put(a, Buffer.from('2'))
    assert.equal(await datastore.db.get(a.toString()), undefined)
    assert.equal(await text(a), '2')
    assert.equal(await datastore.has(a), true)
    await reopen()
    assert.equal(await text(a), '2')
    assert.equal(await datastore.has(a), true)
  })

  it('keeps a bounded number of peers, those written last, over a restart too', async () => {
    const peers = Array.from({ length: 20 }, (_, n) => new Key(`/peers/${String(n).padStart(2, '0')}`))
    const open = async (): Promise<void> => {
      await datastore.close()
      datastore = new PeerDatastore(folder, { maxPeers: 10 })
      await datastore.open()
    }
    await open()
    await datastore.put(new Key('/dht/other'), Buffer.from('stays'))
    for (const key of peers.slice(0, 10)) await datastore.put(key, Buffer.from('1'))
    await listed()
    await datastore.put(peers[0] ?? a, Buffer.from('2'))
    for (const key of peers.slice(10, 14)) await datastore.put(key, Buffer.from('1'))
    assert.equal((await listed()).length, 10)
    assert.equal(await text(peers[0] ?? a), '2')
    await open()
    for (const key of peers.slice(14)) await datastore.put(key, Buffer.from('1'))
    const kept = await listed()
    assert.equal(kept.length, 10)
    assert.ok(peers.slice(14).every((key) => kept.includes(`${key.toString()}=1`)))
    assert.equal(await datastore.has(new Key('/dht/other')), true)
  })

  it('writes by itself', async () => {
    const batch = datastore.db.batch.bind(datastore.db) as (entries: object[]) => Promise<void>
    const written = Promise.withResolvers<undefined>()
    Object.assign(datastore.db, {
      batch: (entries: object[]) => batch(entries).finally(() => written.resolve(undefined))
    })
    await datastore.put(a, Buffer.from('1'))
    // The store's own timer does not keep a process alive.
    const alive = setInterval(() => undefined, 1000)
    await written.promise
    clearInterval(alive)
    assert.deepEqual(Buffer.from(await datastore.db.get(a.toString())), Buffer.from('1'))
  })

  it('forgets what is deleted, on disk or not', async () => {
    await datastore.put(a, Buffer.from('1'))
    await reopen()
    await datastore.put(b, Buffer.from('2'))
    await datastore.delete(a)
    await datastore.delete(b)
    await assert.rejects(datastore.get(a), { name: 'NotFoundError' })
    assert.equal(await datastore.has(b), false)
    await reopen()
    assert.deepEqual(await listed(), [])
  })

  it('deletes an entry after the write under way that holds it', async () => {
    const batch = datastore.db.batch.bind(datastore.db) as (entries: object[]) => Promise<void>
    const del = datastore.db.del.bind(datastore.db)
    const gate = Promise.withResolvers<undefined>()
    const done: string[] = []
    Object.assign(datastore.db, {
      batch: async (entries: object[]) => {
        await gate.promise
        await batch(entries)
        done.push('written')
      },
      del: async (key: string) => {
        await del(key)
        done.push('deleted')
      }
    })
    await datastore.put(a, Buffer.from('1'))
    const listing = listed()
    const deleting = datastore.delete(a)
    // A deletion that does not wait is over before this one.
    await del('/others/none')
    gate.resolve(undefined)
    await Promise.all([listing, deleting])
    assert.deepEqual(done, ['written', 'deleted'])
    assert.equal(await datastore.db.get(a.toString()), undefined)
  })

  it('lists what is on disk and what is not yet', async () => {
    await datastore.put(a, Buffer.from('1'))
    await reopen()
    await datastore.put(b, Buffer.from('2'))
    assert.deepEqual(await listed(), ['/peers/a=1', '/peers/b=2'])
  })

  it('takes batches', async () => {
    await datastore.put(a, Buffer.from('1'))
    const batch = datastore.batch()
    batch.put(b, Buffer.from('2'))
    batch.delete(a)
    await batch.commit()
    assert.deepEqual(await listed(), ['/peers/b=2'])
  })

  it('still gives an entry that is no longer remembered', async () => {
    await datastore.put(a, Buffer.from('1'))
    for (let i = 0; i < 5000; i++) await datastore.put(new Key(`/others/${i}`), Buffer.from('x'))
    assert.equal(await text(a), '1')
    await reopen()
    assert.equal(await text(a), '1')
  })
})
