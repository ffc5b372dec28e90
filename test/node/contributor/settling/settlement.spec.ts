import assert from 'node:assert/strict'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { mock } from 'node:test'
import { Settlement } from '../../../../node/contributor/settling/settlement.ts'
import type { Ledger, LedgerRecord } from '../../../../node/ledger/index.ts'
import {
  ACKNOWLEDGEMENT,
  CancelledError,
  InternalError,
  PeerLostError,
  RECEIPT,
  SETTLE_TIMEOUT_MS,
  UnacknowledgedError,
  open,
  seal,
  sha256,
  type Acknowledgement,
  type ChatSession,
  type ContributorFrame,
  type SignedRecord
} from '../../../../protocols/index.ts'
import { until } from '../../../support/mesh.ts'
import { CONSUMER, CONTRIBUTOR, STRANGER, aReceipt, anAcknowledgement } from '../../../support/records.ts'

const ORDER_HASH = sha256('order')
const PAUSE_MS = 120_000

describe('node/contributor/settling/settlement', () => {
  let cancel: AbortController
  let session: {
    peer: string
    signal: AbortSignal
    writable: boolean
    send: (frame: ContributorFrame) => Promise<void>
  }
  let kept: LedgerRecord[]
  let counted: number[]
  let sent: SignedRecord[]
  let ordered: PromiseWithResolvers<undefined>
  let settlement: Settlement

  beforeEach(() => {
    cancel = new AbortController()
    kept = []
    counted = []
    sent = []
    ordered = Promise.withResolvers<undefined>()
    session = {
      peer: CONSUMER.peer,
      signal: cancel.signal,
      writable: true,
      send: async (frame) => {
        assert.ok(frame.type === 'receipt')
        assert.ok(
          kept.some(({ record }) => record === frame.receipt) || /"deltas":0/.test(frame.receipt.payload),
          'sent before it was kept'
        )
        sent.push(frame.receipt)
      }
    }
    const append = async (records: LedgerRecord[]): Promise<void> => void kept.push(...records)
    settlement = new Settlement(session as unknown as ChatSession, () => ordered.promise, {
      ledger: { append } as Partial<Ledger> as Ledger,
      privateKey: CONTRIBUTOR.privateKey,
      onKept: ({ seq }) => void counted.push(seq)
    })
  })
  afterEach(() => mock.timers.reset())

  const add = (seq: number, final = false): void =>
    settlement.add(
      aReceipt(ORDER_HASH, {
        deltas: 1,
        seq,
        final,
        finishReason: final ? 'stop' : null,
        completionTokens: seq
      })
    )

  const acknowledgement = (
    seq: number,
    changes: Partial<Acknowledgement> = {},
    signer = CONSUMER
  ): Promise<SignedRecord> =>
    seal(ACKNOWLEDGEMENT, anAcknowledgement(sent[seq]!, { seq, ...changes }), signer.privateKey)

  /** Whether a promise is still pending after all that is due. */
  async function pending(promise: Promise<unknown>): Promise<boolean> {
    let done = false
    const settle = (): void => {
      done = true
    }
    promise.then(settle, settle)
    for (let i = 0; i < 5; i++) await nextTurn()
    return !done
  }

  it('sends nothing before the order is in the ledger, then receipts in sequence', async () => {
    add(0)
    add(1)
    assert.equal(await pending(settlement.sent()), true)
    assert.deepEqual(sent, [])
    ordered.resolve(undefined)
    await settlement.sent()
    const receipts = await Promise.all(sent.map((record) => open(RECEIPT, record, CONTRIBUTOR.peer)))
    assert.deepEqual(
      receipts.map(({ seq }) => seq),
      [0, 1]
    )
    assert.deepEqual(counted, [0, 1])
  })

  it('keeps nothing of an order that comes to nothing, and takes its acknowledgement', async () => {
    settlement.add(aReceipt(ORDER_HASH, { final: true, finishReason: 'cancelled' }))
    await settlement.sent()
    await settlement.acknowledge(await acknowledgement(0))
    await settlement.settled()
    assert.deepEqual(kept, [])
  })

  it('has room for one open receipt, waits at two, and goes on when one is acknowledged', async () => {
    ordered.resolve(undefined)
    add(0)
    await settlement.room()
    add(1)
    await settlement.sent()
    const room = settlement.room()
    assert.equal(await pending(room), true)
    await settlement.acknowledge(await acknowledgement(0))
    await room
    assert.deepEqual(
      kept.map(({ kind }) => kind),
      ['receipt', 'receipt', 'acknowledgement']
    )
  })

  it('takes the acknowledgement of a later receipt for those before too', async () => {
    ordered.resolve(undefined)
    for (const seq of [0, 1, 2]) add(seq, seq === 2)
    await settlement.sent()
    await settlement.acknowledge(await acknowledgement(2))
    await settlement.settled()
  })

  it('stops when two receipts stay unacknowledged for 120 s', async () => {
    ordered.resolve(undefined)
    add(0)
    add(1)
    await settlement.sent()
    mock.timers.enable({ apis: ['setTimeout'] })
    const room = assert.rejects(settlement.room(), UnacknowledgedError)
    mock.timers.tick(PAUSE_MS)
    await room
  })

  it('waits 5 s for the last acknowledgement', async () => {
    ordered.resolve(undefined)
    add(0, true)
    await settlement.sent()
    mock.timers.enable({ apis: ['setTimeout'] })
    const settled = settlement.settled()
    mock.timers.tick(SETTLE_TIMEOUT_MS - 1)
    assert.equal(await pending(settled), true)
    const refused = assert.rejects(settled, UnacknowledgedError)
    mock.timers.tick(1)
    await refused
  })

  describe('refuses, keeping nothing, an acknowledgement', () => {
    beforeEach(async () => {
      ordered.resolve(undefined)
      add(0)
      await settlement.sent()
      kept.length = 0
    })

    const lies: [string, () => Promise<SignedRecord>][] = [
      ['of another receipt', () => acknowledgement(0, { receiptHash: sha256('other') })],
      ['of a number that was never sent', () => acknowledgement(0, { seq: 1 })],
      ['by somebody else', () => acknowledgement(0, { consumer: STRANGER.peer }, STRANGER)],
      ['with a forged signature', () => acknowledgement(0, {}, STRANGER)],
      ['that is no acknowledgement', async () => sent[0]!],
      ['of another order', () => acknowledgement(0, { order: 'BAECAwQFBgcICQoLDA0ODw' })],
      ['with another contributor', () => acknowledgement(0, { contributor: STRANGER.peer })]
    ]
    for (const [name, lie] of lies) {
      it(name, async () => {
        const record = await lie()
        await assert.rejects(settlement.acknowledge(record), UnacknowledgedError)
        assert.deepEqual(kept, [])
      })
    }

    it('that came before', async () => {
      await settlement.acknowledge(await acknowledgement(0))
      const again = await acknowledgement(0)
      await assert.rejects(settlement.acknowledge(again), UnacknowledgedError)
    })

    it('of a receipt that is not signed yet', async () => {
      const other = await seal(ACKNOWLEDGEMENT, anAcknowledgement(sent[0]!, { seq: 1 }), CONSUMER.privateKey)
      add(1)
      await assert.rejects(settlement.acknowledge(other), UnacknowledgedError)
      assert.equal(kept.filter(({ kind }) => kind === 'acknowledgement').length, 0)
    })
  })

  describe('while it waits for room', () => {
    beforeEach(async () => {
      ordered.resolve(undefined)
      add(0)
      add(1)
      await settlement.sent()
    })

    for (const [name, reason, writable] of [
      ['the consumer is lost', new PeerLostError(), false],
      ['the consumer acknowledges wrongly', new UnacknowledgedError(), true],
      ['the consumer ends its side', new PeerLostError(), true],
      ['the consumer cancels', new CancelledError(), true]
    ] as const) {
      it(`stops at once when ${name}`, async () => {
        const room = settlement.room()
        room.catch(() => undefined)
        assert.equal(await pending(room), true)
        session.writable = writable
        cancel.abort(reason)
        assert.equal(await pending(room), false)
        await assert.rejects(room, (err) => err === reason)
      })
    }
  })

  describe('while it waits for the last acknowledgement', () => {
    beforeEach(async () => {
      ordered.resolve(undefined)
      add(0, true)
      await settlement.sent()
    })

    it('goes on waiting after a cancel, and takes what comes', async () => {
      const settled = settlement.settled()
      cancel.abort(new CancelledError())
      assert.equal(await pending(settled), true)
      await settlement.acknowledge(await acknowledgement(0))
      await settled
    })

    for (const [name, reason] of [
      ['acknowledges wrongly', new UnacknowledgedError()],
      ['breaks the protocol or ends its side', new PeerLostError()]
    ] as const) {
      it(`stops at once when the consumer ${name}: no other can come`, async () => {
        const settled = settlement.settled()
        settled.catch(() => undefined)
        cancel.abort(reason)
        assert.equal(await pending(settled), false)
        await assert.rejects(settled, (err) => err === reason)
      })
    }

    it('has nothing to wait for when that was acknowledged before the stream ended', async () => {
      await settlement.acknowledge(await acknowledgement(0))
      session.writable = false
      cancel.abort(new PeerLostError())
      await settlement.settled()
    })
  })

  it('fails when the order or a receipt cannot be kept, and sends no more', async () => {
    ordered.reject(new InternalError('disk full'))
    add(0)
    await assert.rejects(settlement.sent(), { message: 'disk full' })
    await assert.rejects(settlement.room(), { message: 'disk full' })
    assert.deepEqual(sent, [])
  })

  it('fails when a receipt cannot be sent', async () => {
    ordered.resolve(undefined)
    session.send = async () => {
      throw new PeerLostError()
    }
    add(0)
    await until(async () => kept.length === 1)
    await assert.rejects(settlement.sent(), PeerLostError)
    await assert.rejects(settlement.room(), PeerLostError)
  })

  it('keeps the receipts that come after one that could not be sent: they can still be claimed', async () => {
    ordered.resolve(undefined)
    session.send = async () => {
      throw new PeerLostError()
    }
    add(0)
    add(1, true)
    await assert.rejects(settlement.sent(), PeerLostError)
    const receipts = await Promise.all(kept.map(({ record }) => open(RECEIPT, record, CONTRIBUTOR.peer)))
    assert.deepEqual(
      receipts.map(({ seq }) => seq),
      [0, 1]
    )
  })
})
