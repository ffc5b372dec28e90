import assert from 'node:assert/strict'
import { Admission } from '../../../../node/contributor/orders/admission.ts'
import { ServiceTimes } from '../../../../node/contributor/orders/service-times.ts'
import type { Entry, Ticket } from '../../../../node/contributor/orders/ticket.ts'
import { BusyError, CancelledError, ShuttingDownError } from '../../../../protocols/index.ts'
import { until } from '../../../support/mesh.ts'

const never = new AbortController().signal

/** A request of a peer of weight 1. */
function of(peer: string, rest: Partial<Entry> = {}): Entry {
  return { share: { id: peer, weight: 1 }, ...rest }
}

describe('node/contributor/orders/admission', () => {
  let changes: number
  let order: string[]

  beforeEach(() => {
    changes = 0
    order = []
  })

  const admission = (slots: number, queue: number): Admission =>
    new Admission({ slots: () => slots, queue }, () => changes++)

  /** Enters and waits; notes the name when its turn comes. */
  function wait(
    queue: Admission,
    peer: string,
    name = peer,
    signal = never
  ): { ticket: Ticket; turn: Promise<void> } {
    const ticket = queue.enter(of(peer))
    const turn = ticket.turn(signal).then(() => void order.push(name))
    turn.catch(() => undefined)
    return { ticket, turn }
  }

  it('gives free slots at once, then places in the queue', async () => {
    const queue = admission(2, 2)
    const places = ['a', 'b', 'c', 'd'].map((peer) => wait(queue, peer))
    await Promise.all([places[0]!.turn, places[1]!.turn])
    assert.deepEqual([queue.active, queue.queued, queue.slots], [2, 2, 2])
    assert.deepEqual(
      places.map(({ ticket }) => ticket.position()),
      [0, 0, 1, 2]
    )
    assert.deepEqual(order, ['a', 'b'])
  })

  it('goes by who came first', async () => {
    const queue = admission(1, 8)
    const places = ['a', 'b', 'c', 'd'].map((peer) => wait(queue, peer))
    for (const { ticket, turn } of places) {
      await turn
      ticket.leave()
    }
    assert.deepEqual(order, ['a', 'b', 'c', 'd'])
    assert.deepEqual([queue.active, queue.queued], [0, 0])
  })

  it('prefers the peer that holds the fewest slots: a burst does not keep the others out', async () => {
    const queue = admission(2, 8)
    const burst = [1, 2, 3, 4].map((i) => wait(queue, 'greedy', `greedy${i}`))
    await Promise.all([burst[0]!.turn, burst[1]!.turn])
    const modest = wait(queue, 'modest')
    burst[0]!.ticket.leave()
    await modest.turn
    burst[1]!.ticket.leave()
    await burst[2]!.turn
    assert.deepEqual(order, ['greedy1', 'greedy2', 'modest', 'greedy3'])
  })

  it('refuses when every slot and every place is taken, and takes again when one is free', async () => {
    const queue = admission(1, 1)
    const first = wait(queue, 'a')
    const second = wait(queue, 'b')
    assert.throws(() => queue.enter(of('c')), BusyError)
    await first.turn
    first.ticket.leave()
    await second.turn
    queue.enter(of('c'))
    assert.throws(() => queue.enter(of('d')), BusyError)
  })

  it('counts those who still read their request, so that they are bounded too', () => {
    const queue = admission(1, 1)
    queue.enter(of('a'))
    const second = queue.enter(of('b'))
    assert.deepEqual([queue.active, queue.queued], [0, 2])
    assert.throws(() => queue.enter(of('c')), BusyError)
    second.leave()
    queue.enter(of('c'))
  })

  it('refuses all when it has neither slots nor places', () => {
    assert.throws(() => admission(0, 0).enter(of('a')), BusyError)
  })

  describe('leave', () => {
    for (const [state, enter] of [
      ['arriving', (queue: Admission) => ({ ticket: queue.enter(of('b')), turn: Promise.resolve() })],
      ['waiting', (queue: Admission) => wait(queue, 'b')]
    ] as const) {
      it(`frees the place of one that is ${state}, once`, async () => {
        const queue = admission(1, 2)
        const running = wait(queue, 'a')
        await running.turn
        const { ticket, turn } = enter(queue)
        const last = wait(queue, 'c')
        ticket.leave()
        ticket.leave()
        if (state === 'waiting') await assert.rejects(turn, CancelledError)
        assert.deepEqual([queue.active, queue.queued], [1, 1])
        running.ticket.leave()
        await last.turn
        assert.deepEqual(order, ['a', 'c'])
      })
    }

    it('frees the slot of one that is active, once', async () => {
      const queue = admission(1, 2)
      const places = ['a', 'b', 'c'].map((peer) => wait(queue, peer))
      await places[0]!.turn
      places[0]!.ticket.leave()
      places[0]!.ticket.leave()
      await places[1]!.turn
      assert.deepEqual([queue.active, queue.queued], [1, 1])
    })
  })

  describe('an aborted signal', () => {
    it('ends the wait with its reason, and frees the place', async () => {
      const queue = admission(1, 2)
      const running = wait(queue, 'a')
      const abort = new AbortController()
      const { ticket, turn } = wait(queue, 'b', 'b', abort.signal)
      const last = wait(queue, 'c')
      abort.abort(new CancelledError('enough'))
      await assert.rejects(turn, { message: 'enough' })
      assert.equal(queue.queued, 1)
      ticket.leave()
      running.ticket.leave()
      await last.turn
      assert.deepEqual([queue.active, queue.queued], [1, 0])
    })

    it('takes no slot when it had fired before', async () => {
      const queue = admission(1, 2)
      const { turn } = wait(queue, 'a', 'a', AbortSignal.abort(new CancelledError('before')))
      await assert.rejects(turn, { message: 'before' })
      assert.deepEqual([queue.active, queue.queued], [0, 0])
    })

    it('does not take the slot from one that has it', async () => {
      const queue = admission(1, 2)
      const abort = new AbortController()
      const { ticket, turn } = wait(queue, 'a', 'a', abort.signal)
      await turn
      abort.abort()
      assert.equal(queue.active, 1)
      ticket.leave()
      assert.equal(queue.active, 0)
    })
  })

  describe('while requests are on their way', () => {
    let now: number
    const clocked = (slots: number, queue: number): Admission =>
      new Admission({ slots: () => slots, queue, clock: () => now }, () => changes++)

    beforeEach(() => {
      now = 0
    })

    it('keeps a place for 5 s, then gives it to the next who comes: the oldest first', async () => {
      const queue = clocked(1, 1)
      const [first, second] = [queue.enter(of('a')), queue.enter(of('c'))]
      now = 4999
      assert.throws(() => queue.enter(of('b')), BusyError)
      now = 5000
      const third = wait(queue, 'b')
      await third.turn
      await assert.rejects(first.turn(never), BusyError)
      assert.deepEqual([queue.active, queue.queued, first.position()], [1, 1, 0])
      first.leave()
      second.leave()
      third.ticket.leave()
      assert.deepEqual([queue.active, queue.queued], [0, 0])
    })

    it('keeps a place for as long as there is room, and for good once the request has come', async () => {
      const queue = clocked(1, 2)
      const slow = queue.enter(of('a'))
      const waiting = wait(queue, 'b')
      await waiting.turn
      now = 60_000
      const turn = slow.turn(never)
      queue.enter(of('c'))
      assert.throws(() => queue.enter(of('d')), BusyError)
      waiting.ticket.leave()
      await turn
    })
  })

  describe('while the engine still works on what was left', () => {
    let answers: PromiseWithResolvers<number>[]
    const busyAdmission = (slots: number, queue: number): Admission => {
      const busy = (): Promise<number> => {
        const answer = Promise.withResolvers<number>()
        answers.push(answer)
        return answer.promise
      }
      return new Admission({ slots: () => slots, queue, busy }, () => changes++)
    }
    /** Answers the engine's latest question; resolves when the next one is asked, or the change is heard. */
    async function tell(count: number): Promise<void> {
      const [asked, before] = [answers.length, changes]
      answers.at(-1)!.resolve(count)
      await until(() => answers.length > asked || changes > before)
    }

    beforeEach(() => {
      answers = []
    })

    it('keeps the slot until the engine is done, then gives it to the next', async () => {
      const queue = busyAdmission(1, 1)
      const first = wait(queue, 'a')
      await first.turn
      const second = wait(queue, 'b')
      first.ticket.leave()
      assert.deepEqual([queue.active, queue.queued], [1, 1])
      assert.throws(() => queue.enter(of('c')), BusyError)
      await tell(1)
      assert.deepEqual([queue.active, order], [1, ['a']])
      answers.at(-1)!.resolve(0)
      await second.turn
      assert.deepEqual([queue.active, order], [1, ['a', 'b']])
    })

    it('counts only as many as were left, whatever the engine does for others', async () => {
      const queue = busyAdmission(2, 1)
      const places = ['a', 'b', 'c'].map((peer) => wait(queue, peer))
      await Promise.all([places[0]!.turn, places[1]!.turn])
      places[0]!.ticket.leave()
      await tell(7)
      assert.equal(queue.active, 2)
      answers.at(-1)!.resolve(0)
      await places[2]!.turn
      assert.equal(queue.active, 2)
    })

    it('believes no answer to a question from before another was left', async () => {
      const queue = busyAdmission(2, 1)
      const places = ['a', 'b', 'c'].map((peer) => wait(queue, peer))
      await Promise.all([places[0]!.turn, places[1]!.turn])
      places[0]!.ticket.leave()
      places[1]!.ticket.leave()
      const [early, late] = answers
      early!.resolve(0)
      late!.resolve(1)
      await places[2]!.turn
      assert.equal(queue.active, 2)
    })

    it('takes an engine that cannot tell for idle', async () => {
      const queue = busyAdmission(1, 1)
      const first = wait(queue, 'a')
      await first.turn
      const second = wait(queue, 'b')
      first.ticket.leave()
      answers[0]!.reject(new BusyError())
      await second.turn
    })

    it('asks no more once it is stopped', async () => {
      const queue = busyAdmission(1, 1)
      const first = wait(queue, 'a')
      await first.turn
      first.ticket.leave()
      queue.stop()
      answers[0]!.resolve(1)
      await answers[0]!.promise
      assert.deepEqual([answers.length, queue.active], [1, 0])
    })
  })

  describe('tiers', () => {
    const tiered = (
      queue: Admission,
      name: string,
      rest: Partial<Entry> = {}
    ): { ticket: Ticket; turn: Promise<void> } => {
      const ticket = queue.enter(of(name, rest))
      const turn = ticket.turn(never).then(() => void order.push(name))
      turn.catch(() => undefined)
      return { ticket, turn }
    }

    it('serves the urgent first, and in each tier the own user', async () => {
      const queue = admission(1, 16)
      const places = [
        tiered(queue, 'first'),
        tiered(queue, 'best-effort', { tier: 'best-effort' }),
        tiered(queue, 'batch', { tier: 'batch' }),
        tiered(queue, 'own batch', { tier: 'batch', own: true }),
        tiered(queue, 'interactive'),
        tiered(queue, 'own', { own: true })
      ]
      assert.deepEqual(queue.tiers, { interactive: 2, batch: 2, 'best-effort': 1 })
      assert.deepEqual(
        places.map(({ ticket }) => ticket.position()),
        [0, 5, 4, 3, 2, 1]
      )
      for (const at of [0, 5, 4, 3, 2, 1]) {
        await places[at]!.turn
        places[at]!.ticket.leave()
      }
      assert.deepEqual(order, ['first', 'own', 'interactive', 'own batch', 'batch', 'best-effort'])
    })

    it('asks the least urgent running answer, the latest first, to make room: one for each that waits', async () => {
      let now = 0
      const queue = new Admission({ slots: () => 4, queue: 16, clock: () => now++ }, () => changes++)
      const running = [
        tiered(queue, 'a'),
        tiered(queue, 'b', { tier: 'batch' }),
        tiered(queue, 'c', { tier: 'best-effort' }),
        tiered(queue, 'd', { tier: 'batch' })
      ]
      await Promise.all(running.map(({ turn }) => turn))
      const asked = (): boolean[] => running.map(({ ticket }) => ticket.handover.aborted)
      tiered(queue, 'more batch', { tier: 'batch' })
      assert.deepEqual(asked(), [false, false, false, false])
      const urgent = tiered(queue, 'e')
      assert.deepEqual(asked(), [false, false, true, false])
      assert.ok(running[2]!.ticket.handover.reason instanceof BusyError)
      tiered(queue, 'f')
      assert.deepEqual(asked(), [false, false, true, true])
      running[2]!.ticket.leave()
      await urgent.turn
      assert.deepEqual(asked(), [false, false, true, true])
      tiered(queue, 'g')
      tiered(queue, 'h')
      assert.deepEqual(asked(), [false, true, true, true])
    })

    it('has the own batch work make room for the own user alone', async () => {
      const queue = admission(1, 16)
      const batch = tiered(queue, 'batch', { tier: 'batch', own: true })
      await batch.turn
      tiered(queue, 'stranger')
      assert.equal(batch.ticket.handover.aborted, false)
      tiered(queue, 'owner', { own: true })
      assert.equal(batch.ticket.handover.aborted, true)
    })
  })

  describe('a full queue', () => {
    it('takes a place from whoever holds the most, the latest first, and not for one who holds as many', async () => {
      const queue = admission(1, 4)
      const burst = [1, 2, 3, 4, 5].map((n) => wait(queue, 'greedy', `greedy${n}`))
      await burst[0]!.turn
      wait(queue, 'modest')
      await assert.rejects(burst[4]!.turn, BusyError)
      wait(queue, 'modest')
      await assert.rejects(burst[3]!.turn, BusyError)
      assert.throws(() => queue.enter(of('modest')), BusyError)
      assert.throws(() => queue.enter(of('greedy')), BusyError)
      assert.equal(queue.queued, 4)
    })

    it('refuses the less urgent first', async () => {
      const queue = admission(1, 2)
      await wait(queue, 'a').turn
      const [batch, best] = (['batch', 'best-effort'] as const).map((tier) => {
        const ticket = queue.enter(of('a', { tier }))
        return ticket.turn(never)
      })
      queue.enter(of('a', { tier: 'batch' }))
      await assert.rejects(best!, BusyError)
      queue.enter(of('a'))
      // The latest of the two.
      queue.enter(of('a'))
      await assert.rejects(batch!, BusyError)
      assert.throws(() => queue.enter(of('a', { tier: 'best-effort' })), BusyError)
    })

    it('counts peers of one group for no more than one', async () => {
      const queue = admission(1, 4)
      const stranger = (n: number): Entry => ({ share: { id: `s${n}`, weight: 1, group: 'strangers' } })
      await queue.enter(of('a')).turn(never)
      const turns = [1, 2, 3, 4].map((n) => queue.enter(stranger(n)).turn(never))
      assert.throws(() => queue.enter(stranger(5)), BusyError)
      queue.enter(of('friend'))
      await assert.rejects(Promise.race(turns), BusyError)
    })

    it('never refuses the own user for what peers fill', () => {
      const queue = admission(1, 1)
      wait(queue, 'a')
      wait(queue, 'b')
      for (let n = 0; n < 64; n++) queue.enter(of('', { own: true }))
      assert.equal(queue.queued, 65)
    })

    it('holds the own user to 1,024', () => {
      const queue = admission(1, 1)
      for (let n = 0; n < 1024; n++) queue.enter(of('', { own: true }))
      assert.throws(() => queue.enter(of('', { own: true })), BusyError)
    })
  })

  describe('the expected wait', () => {
    it('is told from measured times, and in a refusal', async () => {
      let now = 0
      const times = new ServiceTimes()
      const queue = new Admission({ slots: () => 1, queue: 2, clock: () => now, times }, () => changes++)
      const first = queue.enter(of('a'))
      await first.turn(never, 100)
      const second = queue.enter(of('a'))
      const turn = second.turn(never, 100)
      assert.equal(second.waitMs(), undefined)
      now = 1000
      first.leave({ work: 100, completionTokens: 100 })
      await turn
      const [third, fourth] = [queue.enter(of('a')), queue.enter(of('b'))]
      for (const ticket of [third, fourth]) void ticket.turn(never, 200)
      now = 1400
      // 600 ms of the second are left, which is a's as well; each that waits takes 2 s.
      assert.deepEqual([third.waitMs(), fourth.waitMs()], [2600, 600])
      assert.throws(() => queue.enter(of('b')), { name: 'BusyError', retryAfterMs: 4600 })
    })
  })

  it('takes nobody new once it is closed, and lets the others finish', async () => {
    const queue = admission(1, 2)
    const first = wait(queue, 'a')
    const second = wait(queue, 'b')
    queue.close()
    assert.throws(() => queue.enter(of('c')), ShuttingDownError)
    await first.turn
    first.ticket.leave()
    await second.turn
  })

  it('tells of each change', async () => {
    const queue = admission(1, 1)
    const { ticket, turn } = wait(queue, 'a')
    await turn
    const before = changes
    assert.ok(before > 0)
    ticket.leave()
    assert.ok(changes > before)
  })
})
