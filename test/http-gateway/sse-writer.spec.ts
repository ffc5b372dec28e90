import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import type { ServerResponse } from 'node:http'
import { mock } from 'node:test'
import { SseWriter } from '../../http-gateway/answer/sse-writer.ts'

class StubResponse extends EventEmitter {
  readonly written: string[] = []
  writableNeedDrain = false
  closed = false

  write(text: string): boolean {
    this.written.push(text)
    return !this.writableNeedDrain
  }

  end(): void {
    this.close()
  }

  destroy(): void {
    this.close()
  }

  close(): void {
    this.closed = true
    this.emit('close')
  }
}

describe('http-gateway/answer/sse-writer', () => {
  let response: StubResponse
  let out: SseWriter

  beforeEach(() => {
    mock.timers.enable({ apis: ['setInterval', 'setTimeout'] })
    response = new StubResponse()
    out = new SseWriter(response as unknown as ServerResponse, { keepAliveMs: 100, stalledReaderMs: 1000 })
  })

  afterEach(() => {
    mock.timers.reset()
  })

  it('sends a comment after each time of silence', () => {
    out.write('data: x\n\n')
    mock.timers.tick(99)
    assert.equal(response.written.length, 1)
    mock.timers.tick(101)
    assert.deepEqual(response.written.slice(1), [': ping\n\n', ': ping\n\n'])
  })

  it('starts the silence anew with each event', () => {
    mock.timers.reset()
    // The mocked clock knows no refresh.
    const refresh = mock.fn()
    const stubbed = mock.method(globalThis, 'setInterval', () => ({ refresh }))
    try {
      const flowing = new SseWriter(response as unknown as ServerResponse, {
        keepAliveMs: 1,
        stalledReaderMs: 1
      })
      flowing.write('data: x\n\n')
      flowing.write('data: y\n\n')
      assert.equal(refresh.mock.callCount(), 2)
    } finally {
      stubbed.mock.restore()
    }
  })

  it('adds no comments to what a slow reader has to catch up on', () => {
    response.writableNeedDrain = true
    mock.timers.tick(300)
    assert.deepEqual(response.written, [])
  })

  it('sends none after the end, and none to a client that is gone', () => {
    out.end()
    mock.timers.tick(300)
    assert.deepEqual(response.written, [])
    const gone = new StubResponse()
    new SseWriter(gone as unknown as ServerResponse, { keepAliveMs: 100, stalledReaderMs: 1000 })
    gone.close()
    mock.timers.tick(300)
    assert.deepEqual(gone.written, [])
  })

  it('leaves no timer behind when it cuts what is closed already', () => {
    response.close()
    const destroy = mock.method(response, 'destroy')
    out.cut('data: x\n\n')
    mock.timers.tick(2000)
    assert.deepEqual(response.written, [])
    assert.equal(destroy.mock.callCount(), 0)
  })

  it('waits until the reader has caught up', async () => {
    await out.drained()
    response.writableNeedDrain = true
    const caughtUp = out.drained()
    response.writableNeedDrain = false
    response.emit('drain')
    await caughtUp
    mock.timers.tick(2000)
    assert.equal(response.closed, false)
    assert.equal(response.listenerCount('drain'), 0)
  })

  it('gives up on a reader that stands still', async () => {
    response.writableNeedDrain = true
    const over = out.drained()
    mock.timers.tick(999)
    assert.equal(response.closed, false)
    mock.timers.tick(1)
    assert.equal(response.closed, true)
    await over
    await out.drained()
  })
})
