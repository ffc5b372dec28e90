import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import * as varint from 'uint8-varint'
import { ledger } from '../../node/ledger/index.ts'
import type { Lobstah } from '../../node/lobstah.ts'
import {
  MAX_FRAME_BYTES,
  PeerLostError,
  encodeJson,
  plausiblePromptTokens,
  sha256,
  type Acknowledgement,
  type Order
} from '../../protocols/index.ts'
import { DishonestConsumer, type Demand } from '../support/dishonest-consumer.ts'
import { Mesh, idle, until } from '../support/mesh.ts'
import { DOCUMENT, MODEL, REQUEST, STRANGER, type Party } from '../support/records.ts'
import { ScriptedEngine, say, type Script } from '../support/scripted-engine.ts'

const MINUTE = 60_000
const hello: Script = () => say(['Hello'])

/** Says words for as long as anybody takes them. */
const endless: Script = async function* (_request, signal) {
  while (!signal.aborted) yield { type: 'delta', delta: { content: 'word ', tokens: 1 } }
}

describe('a dishonest consumer', () => {
  let mesh: Mesh
  let engine: ScriptedEngine
  let contributor: Lobstah
  let consumer: DishonestConsumer
  /** Resolves to let a held engine go on. */
  let gate: PromiseWithResolvers<undefined>

  before(async () => {
    mesh = new Mesh()
    engine = new ScriptedEngine(hello)
    const listen = ['/ip4/127.0.0.1/tcp/0']
    contributor = await mesh.node({ engine, contribute: true, listen, slots: 1, queue: 2 })
  })
  after(() => mesh.stop())

  beforeEach(async () => {
    gate = Promise.withResolvers<undefined>()
    engine.script = hello
    engine.started = engine.finished = 0
    consumer = await DishonestConsumer.start(contributor)
  })
  afterEach(async () => {
    gate.resolve(undefined)
    await consumer.stop()
    await idle(contributor)
  })

  const balance = async (): Promise<{ earned: number; claimed: number }> => {
    const { peers } = await contributor.ledger.balance()
    const { earned, claimed } = peers.find(({ peer }) => peer === consumer.party.peer) ?? {
      earned: 0,
      claimed: 0
    }
    return { earned, claimed }
  }

  /** This consumer's entries in the contributor's ledger, oldest first. */
  const kept = async (): Promise<string[]> =>
    (await contributor.ledger.list({ peer: consumer.party.peer })).map(({ kind }) => kind).reverse()

  async function refusedWith(demand: Demand, code: string): Promise<void> {
    const frame = await demand.read()
    assert.equal(frame.type === 'error' ? frame.code : frame.type, code)
    await assert.rejects(demand.frames.read(), PeerLostError)
    await demand.frames.close()
  }

  /** Takes a whole answer and pays for it. */
  async function pay(demand: Demand): Promise<void> {
    const frame = await demand.next('receipt')
    assert.ok(frame.type === 'receipt', JSON.stringify(frame))
    await demand.acknowledge(frame.receipt)
    assert.equal((await demand.next('end')).type, 'end')
    await demand.frames.close()
    await idle(contributor)
  }

  it('is served and pays while it is honest', async () => {
    await pay(await consumer.place(await consumer.order()))
    assert.deepEqual(await balance(), { earned: 7 * 250_000 + 1_000_000, claimed: 0 })
    assert.deepEqual(await kept(), ['order', 'receipt', 'acknowledgement'])
  })

  describe('is refused, and nothing is kept or worked on', () => {
    afterEach(async () => {
      await idle(contributor)
      assert.equal(engine.started, 0)
      assert.deepEqual(await kept(), [])
    })

    it('when its order is malformed', async () => {
      const demand = await consumer.open()
      await demand.frames.write(Buffer.from('{"type":"order"'))
      await refusedWith(demand, 'invalid_frame')
    })

    it('when its order is oversize', async () => {
      const demand = await consumer.open()
      demand.frames.stream.send(varint.encode(2 * MAX_FRAME_BYTES))
      await refusedWith(demand, 'invalid_frame')
    })

    it('when it begins with something else', async () => {
      const demand = await consumer.open()
      await demand.send({ type: 'cancel' })
      await refusedWith(demand, 'invalid_frame')
    })

    const now = Date.now()
    const lies: [string, Partial<Order>, string, Party?][] = [
      ['is signed by another key', {}, 'order_refused', STRANGER],
      ["is somebody else's", { consumer: STRANGER.peer }, 'order_refused', STRANGER],
      ['is for another contributor', { contributor: STRANGER.peer }, 'order_refused'],
      [
        'is of tomorrow',
        { issuedAt: now + 24 * 60 * MINUTE, expiresAt: now + 25 * 60 * MINUTE },
        'order_refused'
      ],
      ['is of yesterday', { issuedAt: now - 24 * 60 * MINUTE }, 'order_refused'],
      ['has expired', { expiresAt: now - MINUTE }, 'order_refused'],
      ['is at another price', { price: { prompt: 0, completion: 0 } }, 'order_refused'],
      ['is of another digest', { digest: null }, 'order_refused'],
      ['is for a model that is not served', { model: 'unheard-of' }, 'model_not_found'],
      ['is over any amount', { maxCompletionTokens: Number.MAX_SAFE_INTEGER }, 'order_refused'],
      ['pays for no answer', { maxCompletionTokens: 0 }, 'order_refused'],
      ['is of another request', { requestHash: sha256('other') }, 'order_refused'],
      ['is of another kind', { kind: 'completion' }, 'order_refused'],
      ['pays for more prompt than there can be', { maxPromptTokens: 1_000_000 }, 'order_refused'],
      ['pays for no prompt', { maxPromptTokens: 0 }, 'order_refused']
    ]
    for (const [name, changes, code, signer] of lies) {
      it(`when its order ${name}`, async () => {
        await refusedWith(await consumer.place(await consumer.order(changes, signer)), code)
      })
    }

    it('when its request is another one than ordered', async () => {
      const other = encodeJson({ ...REQUEST, messages: [{ role: 'user', content: 'A much longer one' }] })
      await refusedWith(await consumer.place(await consumer.order(), other), 'order_refused')
    })

    it('when its request is for another model than ordered', async () => {
      const other = encodeJson({ ...REQUEST, model: 'other:70b' })
      const bounds = { requestHash: sha256(other), maxPromptTokens: plausiblePromptTokens(other.byteLength) }
      await refusedWith(await consumer.place(await consumer.order(bounds), other), 'order_refused')
    })

    for (const [name, document] of [
      ['malformed', Buffer.from('{"kind":"chat"')],
      ['of another form', encodeJson({ kind: 'chat', model: MODEL.id, messages: 'Hi' })]
    ] as const) {
      it(`when its request is ${name}`, async () => {
        const bounds = {
          requestHash: sha256(document),
          maxPromptTokens: plausiblePromptTokens(document.byteLength)
        }
        await refusedWith(await consumer.place(await consumer.order(bounds), document), 'bad_request')
      })
    }

    it('when its request is oversize', async () => {
      const demand = await consumer.open()
      await demand.send({ type: 'order', order: await consumer.order() })
      demand.frames.stream.send(varint.encode(70 * MAX_FRAME_BYTES))
      await refusedWith(demand, 'order_refused')
    })

    it('when it goes before its request is whole', async () => {
      const demand = await consumer.open()
      await demand.send({ type: 'order', order: await consumer.order() })
      demand.frames.stream.send(varint.encode(DOCUMENT.byteLength))
      await until(() => contributor.contributor!.capacity().queued === 1)
      await demand.frames.stream.close()
      await until(() => contributor.contributor!.capacity().queued === 0)
      await assert.rejects(demand.read(), PeerLostError)
    })
  })

  describe('that replays an order is refused', () => {
    it('after it was served', async () => {
      const order = await consumer.order()
      await pay(await consumer.place(order))
      const before = await balance()
      await refusedWith(await consumer.place(order), 'order_refused')
      assert.equal(engine.started, 1)
      assert.deepEqual(await balance(), before)
    })

    it('with the same id in another order', async () => {
      const id = 'AAECAwQFBgcICQoLDA0OHw'
      await pay(await consumer.place(await consumer.order({ id })))
      const again = await consumer.order({ id, maxCompletionTokens: 100 })
      await refusedWith(await consumer.place(again), 'order_refused')
    })

    it('while it is served', async () => {
      const order = await consumer.order()
      const demands = await Promise.all(Array.from({ length: 3 }, () => consumer.place(order)))
      const frames = await Promise.all(demands.map((demand) => demand.next('end')))
      const codes = frames.map((frame) => (frame.type === 'error' ? frame.code : frame.type))
      assert.deepEqual(codes.sort(), ['end', 'order_refused', 'order_refused'])
      assert.equal(engine.started, 1)
    })

    it('after the contributor was started again with the same ledger', async () => {
      const folder = await mkdtemp(join(tmpdir(), 'lobstah-'))
      const privateKey = await generateKeyPair('Ed25519')
      const peer = peerIdFromPrivateKey(privateKey).toString()
      const start = (): Promise<Lobstah> =>
        mesh.node({
          privateKey,
          ledger: ledger({ file: join(folder, 'ledger.sqlite') })({ peer }),
          engine: new ScriptedEngine(hello),
          contribute: true,
          listen: ['/ip4/127.0.0.1/tcp/0']
        })
      const first = await start()
      let client = await DishonestConsumer.start(first)
      const order = await client.order()
      const demand = await client.place(order)
      assert.equal((await demand.next('receipt')).type, 'receipt')
      await client.stop()
      mesh.nodes.splice(mesh.nodes.indexOf(first), 1)
      await first.stop()

      const second = await start()
      client = await DishonestConsumer.start(second, client.party)
      const again = await client.place(order)
      // It has a place in the queue while the ledger looks.
      assert.equal((await again.read()).type, 'accepted')
      await refusedWith(again, 'order_refused')
      await client.stop()
      mesh.nodes.splice(mesh.nodes.indexOf(second), 1)
      await second.stop()
      await rm(folder, { recursive: true })
    })
  })

  it('that never acknowledges gets two receipts and no more', async () => {
    engine.script = endless
    const demand = await consumer.place(await consumer.order())
    let deltas = 0
    const receipts: string[] = []
    for (;;) {
      const frame = await demand.read()
      if (frame.type === 'delta') deltas++
      if (frame.type === 'receipt') receipts.push(frame.type)
      // Said when nothing else was for 2 s.
      if (frame.type === 'status' && deltas > 0) break
    }
    assert.equal(receipts.length, 2)
    assert.equal(deltas, 1024)
    demand.frames.stream.abort(new PeerLostError())
    await idle(contributor)
    assert.equal(engine.finished, 1)
    const { earned, claimed } = await balance()
    assert.equal(earned, 0)
    assert.ok(claimed >= 1024 * 1_000_000)
  })

  describe('that acknowledges wrongly is stopped, and nothing is earned', () => {
    const lies: [string, Partial<Acknowledgement>, Party?][] = [
      ['another receipt', { receiptHash: sha256('other') }],
      ['a receipt that was not sent yet', { seq: 7 }],
      ['the receipt of another order', { order: 'BAECAwQFBgcICQoLDA0ODw' }],
      ['with a forged signature', {}, STRANGER],
      ['in the name of another', { consumer: STRANGER.peer }, STRANGER]
    ]
    for (const [name, changes, signer] of lies) {
      it(name, async () => {
        engine.script = endless
        const demand = await consumer.place(await consumer.order())
        const frame = await demand.next('receipt')
        assert.ok(frame.type === 'receipt')
        await demand.acknowledge(frame.receipt, changes, signer)
        const last = await demand.next('end')
        assert.equal(last.type === 'error' && last.code, 'receipt_unacknowledged')
        await demand.frames.close()
        await idle(contributor)
        assert.equal(engine.finished, 1)
        assert.equal((await balance()).earned, 0)
        assert.ok(!(await kept()).includes('acknowledgement'))
      })
    }
  })

  for (const [name, bytes] of [
    ['nonsense', Buffer.from('nonsense')],
    ['a second order', encodeJson({ type: 'order' })],
    ['a frame of an unknown type', encodeJson({ type: 'future' })]
  ] as const) {
    it(`that sends ${name} in mid-stream is stopped`, async () => {
      engine.script = endless
      const demand = await consumer.place(await consumer.order())
      assert.equal((await demand.next('delta')).type, 'delta')
      await demand.frames.write(bytes)
      const last = await demand.next('end')
      assert.equal(last.type === 'error' && last.code, 'invalid_frame')
      await demand.frames.close()
      await idle(contributor)
      assert.equal(engine.finished, 1)
      assert.equal((await balance()).earned, 0)
    })
  }

  it('that does not read holds the engine back, and memory is bounded', async () => {
    const piece = 'x'.repeat(64 * 1024)
    let written = 0
    engine.script = async function* (_request, signal) {
      while (!signal.aborted) {
        written++
        yield { type: 'delta', delta: { content: piece, tokens: 1 } }
      }
    }
    const demand = await consumer.place(await consumer.order())
    await until(() => demand.frames.stream.readStatus === 'paused')
    const flush = (): Promise<number> => consumer.libp2p.services.ping.ping(contributor.libp2p.peerId)
    const [inbound] = contributor.libp2p
      .getConnections(consumer.libp2p.peerId)
      .flatMap(({ streams }) => streams)
      .filter(({ protocol }) => protocol === '/lobstah/chat/1.0.0')
    await until(() => inbound!.writableNeedsDrain)
    await flush()
    const held = written
    await flush()
    assert.equal(written, held)
    assert.ok(held < 60, `${held} pieces were written`)
    demand.frames.stream.abort(new PeerLostError())
    await idle(contributor)
    assert.equal(engine.finished, 1)
  })

  it('that orders more than the queue holds is told that all are busy, before its requests are read', async () => {
    engine.script = async function* () {
      await gate.promise
      yield* say(['x'])
    }
    const big = encodeJson({ ...REQUEST, messages: [{ role: 'user', content: 'y'.repeat(2_000_000) }] })
    const bounds = { requestHash: sha256(big), maxPromptTokens: plausiblePromptTokens(big.byteLength) }
    const demands = await Promise.all(
      Array.from({ length: 12 }, async () => consumer.place(await consumer.order(bounds), big))
    )
    const frames = await Promise.all(demands.map((demand) => demand.next('accepted')))
    const codes = frames.map((frame) => (frame.type === 'error' ? frame.code : frame.type))
    assert.deepEqual(codes.filter((code) => code === 'accepted').length, 3)
    assert.deepEqual(codes.filter((code) => code === 'busy').length, 9)
    const { active, queued } = contributor.contributor!.capacity()
    assert.deepEqual([active, queued], [1, 2])
    gate.resolve(undefined)
    for (const { frames: each } of demands) each.stream.abort(new PeerLostError())
    await idle(contributor)
  })

  it('that leaves the queue gives its place back', async () => {
    engine.script = async function* () {
      await gate.promise
      yield* say(['x'])
    }
    const first = await consumer.place(await consumer.order())
    await first.next('accepted')
    const second = await consumer.place(await consumer.order())
    await second.next('accepted')
    await until(() => contributor.contributor!.capacity().queued === 1)
    second.frames.stream.abort(new PeerLostError())
    await until(() => contributor.contributor!.capacity().queued === 0)
    gate.resolve(undefined)
    await pay(first)
    assert.equal(engine.started, 1)
  })

  it('that cancels in the queue is told so, and owes nothing', async () => {
    engine.script = async function* () {
      await gate.promise
      yield* say(['x'])
    }
    const first = await consumer.place(await consumer.order())
    await first.next('accepted')
    const second = await consumer.place(await consumer.order())
    await second.next('accepted')
    await second.send({ type: 'cancel' })
    const last = await second.next('end')
    assert.equal(last.type === 'error' && last.code, 'cancelled')
    await second.frames.close()
    gate.resolve(undefined)
    await pay(first)
    assert.deepEqual(await balance(), { earned: 7 * 250_000 + 1_000_000, claimed: 0 })
  })

  it('that cancels while it acknowledges nothing frees the slot at once', async () => {
    engine.script = endless
    const demand = await consumer.place(await consumer.order())
    await demand.next('receipt')
    await demand.next('receipt')
    await demand.send({ type: 'cancel' })
    const last = await demand.next('receipt')
    assert.ok(last.type === 'receipt')
    assert.equal((await demand.next('end')).type, 'end')
    assert.equal(engine.finished, 1)
    await demand.acknowledge(last.receipt)
    await demand.frames.close()
    await idle(contributor)
    assert.equal((await balance()).claimed, 0)
  })

  it('that is not served is told so, whatever it sends', async () => {
    const listen = ['/ip4/127.0.0.1/tcp/0']
    const closed = await mesh.node({
      engine: new ScriptedEngine(hello),
      contribute: true,
      listen,
      serves: () => false
    })
    const client = await DishonestConsumer.start(closed)
    await refusedWith(await client.place(await client.order()), 'not_allowed')
    await refusedWith(await client.place(await client.order({}, STRANGER), DOCUMENT), 'not_allowed')
    await client.stop()
  })
})
