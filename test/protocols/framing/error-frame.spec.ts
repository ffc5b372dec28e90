import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { decodeJson, encodeJson } from '../../../protocols/framing/index.ts'
import * as protocols from '../../../protocols/index.ts'
import {
  BusyError,
  InternalError,
  LobstahError,
  MAX_ERROR_MESSAGE_LENGTH,
  LedgerFailedError,
  NoProviderError,
  PeerLostError,
  PriceTooHighError,
  UnsupportedParameterError,
  WIRE_ERRORS_BY_CODE,
  contributorFrame,
  fromErrorFrame,
  toErrorFrame,
  toLobstahError
} from '../../../protocols/index.ts'

/** The rows of the table in protocols/README.md: code, and whether it is retryable. */
async function table(): Promise<Map<string, boolean>> {
  const text = await readFile(join(import.meta.dirname, '../../../protocols/README.md'), 'utf8')
  const section = text.split(/^## /m).find((part) => part.startsWith('Errors'))
  const rows = section?.matchAll(/^\| `(\w+)` *\|.*\| (yes|no) *\|$/gm) ?? []
  return new Map([...rows].map(([, code, retryable]) => [code!, retryable === 'yes']))
}

type ErrorClass = new (message?: string) => LobstahError

const isErrorClass = (value: unknown): value is ErrorClass =>
  typeof value === 'function' && value.prototype instanceof LobstahError

describe('protocols/errors', () => {
  it('are those of the table in protocols/README.md, retryable as it says', async () => {
    const classes = [...WIRE_ERRORS_BY_CODE].map(
      ([code, errorClass]) => [code, new errorClass().retryable] as const
    )
    assert.deepEqual(new Map(classes), await table())
  })

  it('are all in the table, but for those found locally', () => {
    const local = Object.values<unknown>(protocols)
      .filter(isErrorClass)
      .filter((errorClass) => !WIRE_ERRORS_BY_CODE.has(new errorClass().code))
    assert.deepEqual(
      new Set(local),
      new Set([PeerLostError, NoProviderError, PriceTooHighError, LedgerFailedError])
    )
  })

  it('have a name, a message, and a cause where they were given one', () => {
    for (const errorClass of Object.values<unknown>(protocols).filter(isErrorClass)) {
      const cause = new BusyError()
      const err = new errorClass()
      assert.equal(err.name, errorClass.name)
      assert.ok(err.message.length > 5)
      assert.equal(
        new (errorClass as new (message: string, init: object) => LobstahError)('x', { cause }).cause,
        cause
      )
    }
  })
})

describe('protocols/framing/error-frame', () => {
  for (const [code, errorClass] of WIRE_ERRORS_BY_CODE) {
    it(`carries ${code} over the wire`, () => {
      const err = new errorClass('Something happened', { param: 'tools', retryAfterMs: 1234.5 })
      const frame = decodeJson(contributorFrame, encodeJson(toErrorFrame(err)))
      assert.ok(frame.type === 'error')
      const received = fromErrorFrame(frame)
      assert.equal(received.constructor, errorClass)
      const { message, param, retryAfterMs, retryable } = received
      assert.deepEqual([message, param, retryable], ['Something happened', 'tools', err.retryable])
      assert.ok(retryAfterMs === 1234 || retryAfterMs === 1235)
    })
  }

  it('tells nothing of errors that are not for the wire', () => {
    for (const err of [
      new PeerLostError('secret'),
      toLobstahError(new TypeError('secret')),
      toLobstahError('secret')
    ]) {
      const frame = toErrorFrame(err)
      assert.equal(frame.code, 'internal')
      assert.ok(!JSON.stringify(frame).includes('secret'))
    }
  })

  it('keeps the cause of what has no code, for the own log', () => {
    const cause = new TypeError('why')
    const err = toLobstahError(cause)
    assert.ok(err instanceof InternalError)
    assert.equal(err.cause, cause)
    assert.equal(toLobstahError(err), err)
  })

  it('cuts what is too long, and so sends only what the other side takes', () => {
    const init = fc.record({
      message: fc.string({ maxLength: 3000, unit: 'grapheme' }),
      retryAfterMs: fc.double({ min: 0, noNaN: true }),
      param: fc.string({ maxLength: 600 })
    })
    fc.assert(
      fc.property(init, ({ message, param, retryAfterMs }) => {
        const frame = toErrorFrame(new UnsupportedParameterError(message, { param, retryAfterMs }))
        assert.ok(frame.message.length <= MAX_ERROR_MESSAGE_LENGTH)
        decodeJson(contributorFrame, encodeJson(frame))
      })
    )
  })

  it('goes by what the frame says where it does not know the code', () => {
    for (const retryable of [true, false]) {
      const err = fromErrorFrame({
        type: 'error',
        code: 'from_the_future',
        message: 'Hm',
        retryable,
        retryAfterMs: 5
      })
      assert.ok(err instanceof LobstahError)
      assert.deepEqual(
        [err.code, err.message, err.retryable, err.retryAfterMs],
        ['from_the_future', 'Hm', retryable, 5]
      )
    }
  })

  it('goes by the code where the frame contradicts it', () => {
    const frame = { type: 'error' as const, code: 'bad_request', message: 'Hm', retryable: true }
    assert.equal(fromErrorFrame(frame).retryable, false)
  })
})
