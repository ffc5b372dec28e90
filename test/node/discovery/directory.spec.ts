import assert from 'node:assert/strict'
import { INFO_PROTOCOL } from '../../../protocols/index.ts'
import type { Lobstah } from '../../../node/lobstah.ts'
import { DishonestContributor } from '../../support/dishonest-contributor.ts'
import { Mesh, addressesOf, contributorsKnown, eventually, until } from '../../support/mesh.ts'
import { MODEL } from '../../support/records.ts'
import { SCRIPTED_MODEL, ScriptedEngine, say } from '../../support/scripted-engine.ts'

const LISTEN = ['/ip4/127.0.0.1/tcp/0']

describe('node/discovery/directory', () => {
  let mesh: Mesh
  let relay: Lobstah

  before(async () => {
    mesh = new Mesh()
    relay = await mesh.relay()
  })
  after(() => mesh.stop())

  const contribute = (models: string[], rest: object = {}): Promise<Lobstah> =>
    mesh.node({
      bootstrap: addressesOf(relay),
      engine: new ScriptedEngine(
        () => say([]),
        models.map((id) => ({ ...SCRIPTED_MODEL, id }))
      ),
      contribute: true,
      listen: LISTEN,
      ...rest
    })

  async function leave(node: Lobstah): Promise<void> {
    mesh.nodes.splice(mesh.nodes.indexOf(node), 1)
    await node.stop()
  }

  const offers = (node: Lobstah, peer: string): boolean =>
    node.directory.contributors().some((contributor) => contributor.peer === peer)

  it('finds contributors by the records in the DHT, of all and of a model', async () => {
    const [first, second] = [await contribute(['first:1b']), await contribute(['second:1b'])]
    const consumer = await mesh.node({ bootstrap: addressesOf(relay) })
    await until(async () => {
      await consumer.directory.find('second:1b')
      return consumer.directory.serves('second:1b')
    })
    assert.ok(offers(consumer, second.peer))
    await until(async () => {
      await consumer.directory.find(undefined)
      return offers(consumer, first.peer)
    })
    assert.equal(consumer.directory.serves('first:1b'), true)
    assert.equal(consumer.directory.serves(' first:1b '), true)
    assert.equal(consumer.directory.serves('third:1b'), false)
    const found = consumer.directory.contributors().find(({ peer }) => peer === first.peer)
    assert.deepEqual(
      found?.announcement.models.map(({ id }) => id),
      ['first:1b']
    )
    for (const node of [consumer, first, second]) await leave(node)
  })

  it('hears at once how busy a contributor is', async () => {
    const engine = new ScriptedEngine(async function* (_request, signal) {
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      yield* say([])
    })
    const contributor = await contribute([], { engine })
    const consumer = await mesh.node({ bootstrap: addressesOf(contributor) })
    await contributorsKnown(consumer, 1)
    const abort = new AbortController()
    const asking = Array.fromAsync(
      consumer.consumer.infer(
        { kind: 'chat', model: 'scripted:1b', messages: [{ role: 'user', content: 'Hi' }] },
        { signal: abort.signal }
      )
    )
    await eventually(
      consumer.directory,
      'change',
      () => consumer.directory.contributors()[0]?.announcement.active === 1
    )
    abort.abort()
    await assert.rejects(asking)
    for (const node of [consumer, contributor]) await leave(node)
  })

  it('offers no ghosts: a contributor that is killed is gone when its connection is', async () => {
    const ghost = await DishonestContributor.start()
    const consumer = await mesh.node({ bootstrap: ghost.libp2p.getMultiaddrs().map(String) })
    await contributorsKnown(consumer, 1)
    assert.deepEqual(consumer.directory.contributors()[0]?.announcement.models[0]?.id, MODEL.id)
    // No goodbye: only the sockets close, as they do when a process is killed.
    const gone = eventually(
      consumer.directory,
      'change',
      () => consumer.directory.contributors().length === 0
    )
    for (const connection of ghost.libp2p.getConnections()) connection.abort(new TypeError('killed'))
    await gone
    assert.equal(consumer.directory.serves(MODEL.id), false)
    await leave(consumer)
    await ghost.stop()
  })

  it('takes a contributor back when its connection is', async () => {
    const contributor = await contribute(['back:1b'])
    const consumer = await mesh.node({ bootstrap: addressesOf(contributor) })
    await contributorsKnown(consumer, 1)
    const gone = eventually(consumer.directory, 'change', () => !offers(consumer, contributor.peer))
    await contributor.libp2p.hangUp(consumer.libp2p.peerId)
    await gone
    await eventually(consumer.directory, 'change', () => offers(consumer, contributor.peer))
    for (const node of [consumer, contributor]) await leave(node)
  })

  it('moves to the direct connection as soon as there is one, and never loses who is there', async () => {
    const between = await mesh.relay()
    const contributor = await contribute(['moving:1b'], {
      bootstrap: addressesOf(between),
      listen: ['/p2p-circuit']
    })
    const consumer = await mesh.node({ bootstrap: addressesOf(between), listen: LISTEN, punch: false })
    await contributorsKnown(consumer, 1)
    const { id } = consumer.directory.contributors()[0]!
    const [relayed] = consumer.libp2p.getConnections(id)
    const subscriptions = (): string[] =>
      consumer.libp2p
        .getConnections(id)
        .flatMap(({ streams, remoteAddr }) =>
          streams
            .filter(({ protocol, status }) => protocol === INFO_PROTOCOL && status === 'open')
            .map(() => (remoteAddr.toString().includes('p2p-circuit') ? 'relayed' : 'direct'))
        )
    assert.deepEqual(subscriptions(), ['relayed'])
    let lost = 0
    consumer.directory.addEventListener('change', () => {
      if (!offers(consumer, contributor.peer)) lost++
    })
    await contributor.libp2p.dial(consumer.libp2p.getMultiaddrs(), { force: true })
    await until(() => subscriptions().join() === 'direct')
    await leave(between)
    await until(() => relayed!.status !== 'open')
    assert.ok(offers(consumer, contributor.peer))
    assert.equal(lost, 0)
    for (const node of [consumer, contributor]) await leave(node)
  })

  it('offers a contributor no more once it has said goodbye', async () => {
    const contributor = await contribute(['gone:1b'])
    const consumer = await mesh.node({ bootstrap: addressesOf(contributor) })
    await contributorsKnown(consumer, 1)
    const gone = eventually(
      consumer.directory,
      'change',
      () => consumer.directory.contributors().length === 0
    )
    await contributor.drain()
    await gone
    assert.equal(consumer.libp2p.getConnections(contributor.libp2p.peerId).length, 1)
    for (const node of [consumer, contributor]) await leave(node)
  })

  it('offers nobody whose engine serves nothing', async () => {
    const contributor = await contribute([])
    const consumer = await mesh.node({ bootstrap: addressesOf(contributor) })
    await eventually(consumer.libp2p, 'peer:identify', () => consumer.libp2p.getConnections().length > 0)
    await consumer.directory.find(undefined)
    assert.deepEqual(consumer.directory.contributors(), [])
    for (const node of [consumer, contributor]) await leave(node)
  })

  it('stops, and can be started again', async () => {
    const contributor = await contribute(['again:1b'])
    const consumer = await mesh.node({ bootstrap: addressesOf(contributor) })
    await contributorsKnown(consumer, 1)
    await consumer.directory.stop()
    await consumer.directory.stop()
    assert.deepEqual(consumer.directory.contributors(), [])
    await consumer.directory.find('again:1b')
    await consumer.directory.start()
    await consumer.directory.start()
    await consumer.libp2p.hangUp(contributor.libp2p.peerId)
    await contributorsKnown(consumer, 1)
    for (const node of [consumer, contributor]) await leave(node)
  })
})
