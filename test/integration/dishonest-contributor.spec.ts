import assert from 'node:assert/strict'
import * as varint from 'uint8-varint'
import {
  InvalidFrameError,
  LobstahError,
  MAX_FRAME_BYTES,
  PeerLostError,
  ReceiptRefusedError,
  type AnswerEvent,
  type InferenceRequest,
  type SignedRecord
} from '../../protocols/index.ts'
import type { PeerStatus } from '../../node/consumer/index.ts'
import type { Lobstah } from '../../node/lobstah.ts'
import { DishonestContributor, type Sale } from '../support/dishonest-contributor.ts'
import { Mesh, addressesOf, ask, collect, contributorsKnown, textOf, until } from '../support/mesh.ts'
import { STRANGER } from '../support/records.ts'
import { ScriptedEngine, say } from '../support/scripted-engine.ts'

interface Lie {
  name: string
  /** The error that the consumer throws. */
  error: typeof LobstahError | typeof InvalidFrameError
  /** The code that it sends to the contributor, if the contributor is still there. */
  code?: string
  act: (sale: Sale) => Promise<unknown>
}

/** Asks for tools, which the dishonest contributor claims to have: so it is asked first. */
const REQUEST: InferenceRequest = ask('Hi', { tools: [{ type: 'function', function: { name: 'f' } }] })

const MINUTE = 60_000
const refused = { error: ReceiptRefusedError, code: 'receipt_refused' }
const invalid = { error: InvalidFrameError, code: 'invalid_frame' }

/** Lies that can be told at any time after the order is accepted. */
const LIES: Lie[] = [
  { name: 'a malformed frame', ...invalid, act: ({ frames }) => frames.write(Buffer.from('{"type":"del')) },
  { name: 'an unknown frame type', ...invalid, act: (sale) => sale.send({ type: 'future' }) },
  { name: 'a second accepted', ...invalid, act: (sale) => sale.accept() },
  {
    name: 'an oversize frame',
    ...invalid,
    act: async ({ frames }) => frames.stream.send(varint.encode(2 * MAX_FRAME_BYTES))
  },
  {
    name: 'a receipt over more tokens than the text can have',
    ...refused,
    act: (sale) => sale.receipt({ completionTokens: 30, credits: 7 * 250_000 + 30 * 1_000_000 })
  },
  {
    name: 'a receipt over more prompt tokens than ordered',
    ...refused,
    act: (sale) => sale.receipt({ promptTokens: 9999, completionTokens: 0, credits: 9999 * 250_000 })
  },
  { name: 'a receipt at another price', ...refused, act: (sale) => sale.receipt({ credits: 999_000_000 }) },
  {
    name: 'a receipt signed by another key',
    ...refused,
    act: (sale) => sale.receipt({}, STRANGER.privateKey)
  },
  {
    name: "a receipt in another contributor's name",
    ...refused,
    act: (sale) => sale.receipt({ contributor: STRANGER.peer }, STRANGER.privateKey)
  },
  {
    name: 'a receipt of 6 minutes ago',
    ...refused,
    act: (sale) => sale.receipt({ startedAt: 0, completedAt: Date.now() - 6 * MINUTE })
  },
  { name: 'a receipt that skips a number', ...refused, act: (sale) => sale.receipt({ seq: 1 }) },
  {
    name: 'a receipt over another text',
    ...refused,
    act: (sale) => sale.receipt({ transcriptHash: 'A'.repeat(43) })
  },
  { name: 'a receipt of another digest', ...refused, act: (sale) => sale.receipt({ digest: null }) },
  { name: 'an end without a receipt', ...invalid, act: (sale) => sale.end() },
  {
    name: 'an end of stream without an end',
    error: PeerLostError,
    act: ({ frames }) => frames.stream.close()
  },
  {
    name: 'a reset without an end',
    error: PeerLostError,
    act: async ({ frames }) => frames.stream.abort(new InvalidFrameError())
  }
]

describe('a dishonest contributor', () => {
  let mesh: Mesh
  let liar: DishonestContributor
  let honest: Lobstah
  let consumer: Lobstah
  let events: AnswerEvent[]
  /** The latest entry of the consumer's ledger before the test, and what was spent with the liar by then. */
  let mark: { index: number; spent: number }

  before(async () => {
    mesh = new Mesh()
    liar = await DishonestContributor.start()
    const engine = new ScriptedEngine(() => say(['honest']))
    honest = await mesh.node({ engine, contribute: true, listen: ['/ip4/127.0.0.1/tcp/0'] })
    consumer = await consume()
  })
  after(async () => {
    await mesh.stop()
    await liar.stop()
  })

  beforeEach(async () => {
    // An honest answer each time: one that was lied to twice in a row does not ask again for a while.
    liar.act = async (sale) => {
      await sale.accept()
      await sale.delta('fine')
      await sale.receipt()
      await sale.end()
      await sale.over
    }
    const answer = await collect(consumer.consumer.infer(REQUEST))
    assert.equal(textOf(answer), 'fine')
    const [latest] = await consumer.ledger.list({ limit: 1 })
    mark = { index: latest!.index, spent: await spent() }
    liar.sales = []
    events = []
  })

  async function consume(): Promise<Lobstah> {
    const node = await mesh.node({
      bootstrap: [...liar.libp2p.getMultiaddrs().map(String), ...addressesOf(honest)]
    })
    await contributorsKnown(node, 2)
    return node
  }

  async function asking(): Promise<void> {
    for await (const event of consumer.consumer.infer(REQUEST)) events.push(event)
  }

  /** The liar's entries in the consumer's ledger from this test, oldest first. */
  async function kept(): Promise<string[]> {
    const entries = await consumer.ledger.list({ peer: liar.peer })
    return entries
      .filter(({ index }) => index > mark.index)
      .map(({ kind }) => kind)
      .reverse()
  }

  async function spent(): Promise<number> {
    const { peers } = await consumer.ledger.balance()
    return peers.find(({ peer }) => peer === liar.peer)?.spent ?? 0
  }

  const status = (): PeerStatus => consumer.consumer.peers().find(({ peer }) => peer === liar.peer)!

  async function nothingIsPaid(lie: Lie): Promise<void> {
    assert.equal(await spent(), mark.spent)
    const [sale] = liar.sales
    await sale!.over
    assert.equal(sale!.received.at(-1)?.code, lie.code)
    assert.deepEqual(await kept(), ['order'])
  }

  it('is paid while it is honest', async () => {
    assert.ok(mark.spent > 0)
    await asking()
    assert.equal(events.at(-1)?.type, 'end')
    assert.deepEqual(await kept(), ['order', 'receipt', 'acknowledgement'])
  })

  for (const lie of LIES) {
    it(`is refused after a token: ${lie.name}`, async () => {
      liar.act = async (sale) => {
        await sale.accept()
        await sale.delta('so far')
        await lie.act(sale)
      }
      await assert.rejects(asking(), (err) => err instanceof lie.error)
      assert.equal(textOf(events), 'so far')
      assert.deepEqual(
        events.map(({ type }) => type),
        ['accepted', 'delta']
      )
      await nothingIsPaid(lie)
    })
  }

  for (const lie of LIES) {
    it(`is refused before a token, and another is asked: ${lie.name}`, async () => {
      liar.act = async (sale) => {
        await sale.accept()
        await lie.act(sale)
      }
      const failed = status().failed
      await asking()
      assert.equal(textOf(events), 'honest')
      const accepted = events.flatMap((event) => (event.type === 'accepted' ? [event.peer] : []))
      assert.deepEqual(accepted, [liar.peer, honest.peer])
      assert.equal(status().failed, failed + 1)
      await nothingIsPaid(lie)
    })
  }

  const NOT_FINAL = { final: false, finishReason: null } as const
  const FOR_NOTHING = { promptTokens: 0, completionTokens: 0, credits: 0 }

  const refusedLater: [string, string, (sale: Sale) => Promise<unknown>][] = [
    [
      'ends after a receipt that is not final',
      'invalid_frame',
      async (sale) => {
        await sale.receipt({ ...FOR_NOTHING, ...NOT_FINAL })
        await sale.end()
      }
    ],
    [
      'sends two receipts over the same deltas',
      'receipt_refused',
      async (sale) => {
        await sale.receipt({ ...FOR_NOTHING, ...NOT_FINAL })
        await sale.receipt({ ...FOR_NOTHING, ...NOT_FINAL, seq: 1 })
      }
    ],
    [
      'says at the end that it counted otherwise',
      'receipt_refused',
      async (sale) => {
        await sale.receipt({ ...FOR_NOTHING })
        await sale.end({ completionTokens: 1 })
      }
    ],
    [
      'says at the end that it stopped for another reason',
      'receipt_refused',
      async (sale) => {
        await sale.receipt({ ...FOR_NOTHING })
        await sale.end({ finishReason: 'length' })
      }
    ]
  ]
  for (const [name, code, act] of refusedLater) {
    it(`is refused when it ${name}, and has what was acknowledged before`, async () => {
      liar.act = async (sale) => {
        await sale.accept()
        await sale.delta('word')
        await act(sale)
      }
      await assert.rejects(asking(), (err) => err instanceof LobstahError && err.code === code)
      assert.ok(events.every(({ type }) => type !== 'end'))
      await liar.sales[0]!.over
      assert.equal(liar.sales[0]!.received.at(-1)?.code, code)
      assert.equal(await spent(), mark.spent)
      assert.deepEqual(await kept(), ['order', 'receipt', 'acknowledgement'])
    })
  }

  it('is refused when it bills a prompt of which nothing came', async () => {
    liar.act = async (sale) => {
      await sale.accept()
      await sale.receipt({ promptTokens: 7, credits: 7 * 250_000 })
      await sale.end()
    }
    await asking()
    assert.equal(textOf(events), 'honest')
    assert.equal(await spent(), mark.spent)
    assert.deepEqual(await kept(), ['order'])
  })

  it('is refused when a delta comes before accepted, and another is asked', async () => {
    liar.act = (sale) => sale.delta('early')
    await asking()
    assert.equal(textOf(events), 'honest')
    await liar.sales[0]!.over
    assert.equal(liar.sales[0]!.received.at(-1)?.code, 'invalid_frame')
  })

  it('is refused when it replays the receipt of an earlier order', async () => {
    let earlier: SignedRecord | undefined
    liar.act = async (sale) => {
      await sale.accept()
      await sale.delta('same')
      if (earlier === undefined) earlier = await sale.receipt()
      else await sale.send({ type: 'receipt', receipt: earlier })
      await sale.end()
    }
    await asking()
    const before = await kept()
    events = []
    await assert.rejects(asking(), ReceiptRefusedError)
    assert.ok(events.every(({ type }) => type !== 'end'))
    assert.deepEqual(await kept(), [...before, 'order'])
  })

  it('is refused when it goes on after its final receipt', async () => {
    liar.act = async (sale) => {
      await sale.accept()
      await sale.delta('all')
      await sale.receipt()
      await sale.delta(' and more')
      await sale.end()
    }
    await assert.rejects(asking(), InvalidFrameError)
    assert.equal(textOf(events), 'all')
    assert.ok(events.every(({ type }) => type !== 'end'))
  })

  it('is believed once it has said all, although it does not wait for its acknowledgement', async () => {
    liar.act = async (sale) => {
      await sale.accept()
      await sale.delta('all')
      await sale.receipt()
      await sale.end()
      await sale.frames.stream.close()
      await liar.libp2p.services.ping.ping(consumer.libp2p.peerId)
      sale.frames.stream.abort(new InvalidFrameError())
    }
    await asking()
    assert.equal(textOf(events), 'all')
    assert.equal(events.at(-1)?.type, 'end')
  })

  it('is left out after it lied twice, and the honest one is asked first', async () => {
    liar.act = async (sale) => {
      await sale.accept()
      await sale.send({ type: 'future' })
    }
    for (let i = 0; i < 4; i++)
      assert.equal(textOf(await collect(consumer.consumer.infer(REQUEST))), 'honest')
    assert.equal(liar.sales.length, 2)
    assert.equal(status().state, 'excluded')
    consumer = await consume()
  })

  it('holds nobody up when it says nothing at all', async () => {
    const abort = new AbortController()
    liar.act = async (sale) => {
      await sale.accept()
      abort.abort()
      await sale.over
    }
    await assert.rejects(collect(consumer.consumer.infer(REQUEST, { signal: abort.signal })), {
      name: 'AbortError'
    })
    await until(() => liar.sales[0]?.received.some(({ type }) => type === 'cancel') === true)
    liar.sales[0]!.frames.stream.abort(new InvalidFrameError())
  })
})
