import assert from 'node:assert/strict'
import { Admission, type Ticket } from '../../../../node/contributor/orders/admission.ts'
import { BusyError, CancelledError, ShuttingDownError } from '../../../../protocols/index.ts'
import { until } from '../../../support/mesh.ts'

const never = new AbortController().signal

describe('node/contributor/orders/admission', () => {
  let changes: number
  let order: string[]

  beforeEach(() => {
    changes = 0
    order = []
  })

  const admission = (slots: number, queue: number): Admission =>
    new Admission({ slots, queue }, () => changes++)

  /** Enters and waits; notes the name when its turn comes. */
  function wait(
    queue: Admission,
    peer: string,
    name = peer,
    signal = never
  ): { ticket: Ticket; turn: Promise<void> } {
    const ticket = queue.enter(peer)
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
    assert.throws(() => queue.enter('c'), BusyError)
    await first.turn
    first.ticket.leave()
    await second.turn
    queue.enter('c')
    assert.throws(() => queue.enter('d'), BusyError)
  })

  it('counts those who still read their request, so that they are bounded too', () => {
    const queue = admission(1, 1)
    queue.enter('a')
    const second = queue.enter('b')
    assert.deepEqual([queue.active, queue.queued], [0, 2])
    assert.throws(() => queue.enter('c'), BusyError)
    second.leave()
    queue.enter('c')
  })

  it('refuses all when it has neither slots nor places', () => {
    assert.throws(() => admission(0, 0).enter('a'), BusyError)
  })

  describe('leave', () => {
    for (const [state, enter] of [
      ['arriving', (queue: Admission) => ({ ticket: queue.enter('b'), turn: Promise.resolve() })],
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
      new Admission({ slots, queue, clock: () => now }, () => changes++)

    beforeEach(() => {
      now = 0
    })

    it('keeps a place for 5 s, then gives it to the next who comes: the oldest first', async () => {
      const queue = clocked(1, 1)
      const [first, second] = [queue.enter('a'), queue.enter('a')]
      now = 4999
      assert.throws(() => queue.enter('b'), BusyError)
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
      const slow = queue.enter('a')
      const waiting = wait(queue, 'b')
      await waiting.turn
      now = 60_000
      const turn = slow.turn(never)
      queue.enter('c')
      assert.throws(() => queue.enter('d'), BusyError)
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
      return new Admission({ slots, queue, busy }, () => changes++)
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
      assert.throws(() => queue.enter('c'), BusyError)
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

  it('takes nobody new once it is closed, and lets the others finish', async () => {
    const queue = admission(1, 2)
    const first = wait(queue, 'a')
    const second = wait(queue, 'b')
    queue.close()
    assert.throws(() => queue.enter('c'), ShuttingDownError)
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
