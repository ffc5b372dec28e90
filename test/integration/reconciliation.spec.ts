import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import {
  ACKNOWLEDGEMENT,
  ORDER,
  PeerLostError,
  RECEIPT,
  open,
  seal,
  sha256,
  type Receipt
} from '../../protocols/index.ts'
import type { Balance, LedgerRecord } from '../../node/ledger/index.ts'
import type { Lobstah } from '../../node/lobstah.ts'
import { DishonestConsumer } from '../support/dishonest-consumer.ts'
import {
  Mesh,
  addressesOf,
  ask,
  collect,
  contributorsKnown,
  eventually,
  idle,
  until
} from '../support/mesh.ts'
import { CONSUMER, CONTRIBUTOR, aReceipt, anAcknowledgement, anOrder } from '../support/records.ts'
import { ScriptedEngine, say, type Script } from '../support/scripted-engine.ts'

const PRICE = { prompt: 250_000, completion: 1_000_000 }

/** Says words for ever, until its signal fires. */
const endless: Script = async function* (_request, signal) {
  for (let i = 0; ; i++) {
    await delay(2, undefined, { signal })
    yield { type: 'delta', delta: { content: `word${i} `, tokens: 1 } }
  }
}

describe('settling after a cut', function () {
  this.timeout(60_000)
  let mesh: Mesh
  let contributor: Lobstah
  let consumer: Lobstah
  let engine: ScriptedEngine
  /** How far the contributor's clock is set back, in milliseconds. */
  let setBack: number
  /** Called when the contributor has to say whether it serves a peer. */
  let onAllows: () => void

  beforeEach(async () => {
    mesh = new Mesh()
    engine = new ScriptedEngine(endless)
    setBack = 0
    onAllows = () => undefined
    contributor = await mesh.node({
      privateKey: CONTRIBUTOR.privateKey,
      engine,
      contribute: true,
      listen: ['/ip4/127.0.0.1/tcp/0'],
      now: () => Date.now() - setBack,
      serves: () => {
        onAllows()
        return true
      }
    })
    consumer = await mesh.node({
      privateKey: CONSUMER.privateKey,
      bootstrap: addressesOf(contributor)
    })
    await contributorsKnown(consumer, 1)
  })
  afterEach(async () => {
    await mesh.stop()
  })

  /** Asks, and cuts the connection after some deltas. */
  async function cutAfter(deltas: number): Promise<void> {
    let delivered = 0
    await assert.rejects(async () => {
      for await (const event of consumer.consumer.infer(ask('Hi '.repeat(100)))) {
        if (event.type === 'delta' && ++delivered === deltas)
          await consumer.libp2p.hangUp(contributor.libp2p.peerId)
      }
    }, PeerLostError)
    await idle(contributor)
  }

  const balances = async (): Promise<[Balance, Balance]> => [
    await contributor.ledger.balance(),
    await consumer.ledger.balance()
  ]

  it('turns a claim into earnings when the two meet again, for what was delivered and the prompt', async () => {
    await cutAfter(10)
    await until(async () => (await contributor.ledger.balance()).earned > 0)
    const [earned, spent] = await balances()
    assert.equal(earned.claimed, 0)
    assert.equal(earned.net, -spent.net)
    const [deal] = await contributor.ledger.deals()
    const receipt = await open(RECEIPT, deal!.receipt!.record)
    // 300 bytes of text, 8 bytes a token.
    assert.equal(receipt.promptTokens, 37)
    assert.ok(receipt.completionTokens >= 10)
    assert.equal(earned.earned, 37 * PRICE.prompt + receipt.completionTokens * PRICE.completion)
    for (const node of [contributor, consumer]) assert.equal((await node.ledger.verify()).firstBad, undefined)
  })

  it('keeps nothing of what was cancelled while its acceptance was on the way', async () => {
    const cancel = new AbortController()
    onAllows = () => cancel.abort()
    await assert.rejects(collect(consumer.consumer.infer(ask('Hi'), { signal: cancel.signal })))
    await idle(contributor)
    // Nothing of the prompt was read yet, so that nothing is owed.
    assert.deepEqual(await contributor.ledger.list(), [])
    assert.equal(contributor.ledger.owedBy(consumer.peer), 0)
  })

  it('is idempotent: what is settled is not settled again', async () => {
    await cutAfter(5)
    await until(async () => (await contributor.ledger.balance()).earned > 0)
    const entries = (await consumer.ledger.list()).length
    await consumer.libp2p.hangUp(contributor.libp2p.peerId)
    await eventually(consumer.directory, 'change', () => consumer.directory.contributors().length === 0)
    await contributorsKnown(consumer, 1)
    engine.script = () => say(['fine'])
    await collect(consumer.consumer.infer(ask('Hi')))
    await idle(contributor)
    assert.equal((await consumer.ledger.list()).length, entries + 3)
    const [earned, spent] = await balances()
    assert.equal(earned.net, -spent.net)
  })

  it('settles what the consumer never saw, over several pages, although it lost even its orders', async () => {
    const claims = 70
    for (let i = 0; i < claims; i++) await contributor.ledger.append(await unacknowledged())
    await consumer.libp2p.hangUp(contributor.libp2p.peerId)
    await until(async () => (await contributor.ledger.balance()).claimed === 0)
    const [earned, spent] = await balances()
    assert.equal(earned.earned, claims * 3 * PRICE.completion)
    assert.equal(earned.net, -spent.net)
  })

  it('gives a contributor back the receipt that it lost', async () => {
    const [order, first] = await unacknowledged()
    const orderHash = sha256(order!.record.payload)
    const early = JSON.parse(first!.record.payload) as Receipt
    const late = aReceipt(orderHash, { ...early, seq: 1, completionTokens: 9, credits: 9 * PRICE.completion })
    const receipt = await seal(RECEIPT, late, CONTRIBUTOR.privateKey)
    const said = anAcknowledgement(receipt, { order: late.order, seq: 1 })
    await consumer.ledger.append([
      order!,
      { kind: 'receipt', record: receipt },
      { kind: 'acknowledgement', record: await seal(ACKNOWLEDGEMENT, said, CONSUMER.privateKey) }
    ])
    await contributor.ledger.append([order!, first!])
    await consumer.libp2p.hangUp(contributor.libp2p.peerId)
    await until(async () => (await contributor.ledger.balance()).earned > 0)
    const [earned, spent] = await balances()
    assert.deepEqual([earned.earned, earned.claimed], [9 * PRICE.completion, 0])
    assert.equal(earned.net, -spent.net)
  })

  it('disputes what is more than can be at risk, and both sides show it', async () => {
    const tokens = { completionTokens: 2000, credits: 2000 * PRICE.completion }
    await contributor.ledger.append(await unacknowledged(tokens))
    await consumer.libp2p.hangUp(contributor.libp2p.peerId)
    await until(async () => (await contributor.ledger.balance()).peers[0]?.disputed !== undefined)
    const [earned, spent] = await balances()
    assert.deepEqual([earned.earned, spent.spent], [0, 0])
    assert.equal(earned.peers[0]?.disputed, 2000 * PRICE.completion)
    assert.equal(consumer.consumer.peers()[0]?.disputes, 1)
    const [deal] = await contributor.ledger.claims(consumer.peer, { after: '', limit: 1 })
    assert.equal(deal?.dispute, 'exposure')
  })

  it('refuses a seventh exchange in a minute', async () => {
    const other = await DishonestConsumer.start(contributor)
    try {
      const connection = await other.libp2p.dial(contributor.libp2p.getMultiaddrs())
      const replies: string[] = []
      const list = async (): Promise<void> => {
        const stream = await connection.newStream('/lobstah/receipts/1.0.0')
        const message = once(stream, 'message') as Promise<[{ data: { subarray(): Uint8Array } }]>
        const frame = Buffer.from('{"type":"list","after":""}')
        stream.send(Buffer.concat([Buffer.from([frame.length]), frame]))
        const [{ data }] = await message
        replies.push(Buffer.from(data.subarray()).toString())
        await stream.close()
        await until(() => connection.streams.every(({ protocol }) => protocol !== '/lobstah/receipts/1.0.0'))
      }
      for (let i = 0; i < 7; i++) await list()
      assert.ok(replies.slice(0, 6).every((reply) => reply.includes('"end"')))
      assert.match(replies[6]!, /"busy"/)
      // Not for an hour where the clock turns out to be an hour early.
      setBack = 3_600_000
      await list()
      assert.match(replies[7]!, /"end"/)
    } finally {
      await other.stop()
    }
  })
})

/** An order of the consumer's, with a receipt over three tokens that it never saw. */
async function unacknowledged(changes: Partial<Receipt> = {}): Promise<LedgerRecord[]> {
  const issuedAt = Date.now()
  const id = randomBytes(16).toString('base64url')
  const order = await seal(ORDER, anOrder({ id, issuedAt, expiresAt: issuedAt + 1000 }), CONSUMER.privateKey)
  const receipt = aReceipt(sha256(order.payload), {
    order: id,
    completionTokens: 3,
    credits: 3 * PRICE.completion,
    deltas: 3,
    startedAt: issuedAt,
    completedAt: issuedAt,
    ...changes
  })
  return [
    { kind: 'order', record: order },
    { kind: 'receipt', record: await seal(RECEIPT, receipt, CONTRIBUTOR.privateKey) }
  ]
}
