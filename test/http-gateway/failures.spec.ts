import assert from 'node:assert/strict'
import {
  LedgerFailedError,
  NoProviderError,
  PeerLostError,
  PriceTooHighError,
  WIRE_ERRORS_BY_CODE,
  type LobstahError
} from '../../protocols/errors.ts'
import { toEnvelope, toFailure } from '../../http-gateway/failures.ts'

describe('http-gateway/failures', () => {
  const STATUSES: Record<string, number> = {
    bad_request: 400,
    unsupported_parameter: 400,
    context_length_exceeded: 400,
    credit_exhausted: 402,
    price_too_high: 402,
    not_allowed: 403,
    model_not_found: 404,
    busy: 429,
    internal: 500,
    ledger_failed: 500,
    cancelled: 503,
    engine_failed: 503,
    invalid_frame: 503,
    no_provider: 503,
    order_refused: 503,
    paused: 503,
    peer_lost: 503,
    receipt_refused: 503,
    receipt_unacknowledged: 503,
    shutting_down: 503,
    deadline: 504
  }
  const classes: (new () => LobstahError)[] = [
    ...WIRE_ERRORS_BY_CODE.values(),
    LedgerFailedError,
    NoProviderError,
    PeerLostError,
    PriceTooHighError
  ]

  it('has a status for every code there is', () => {
    const statuses = classes
      .map((errorClass) => new errorClass())
      .map((err) => [err.code, toFailure(err).status])
    assert.deepEqual(Object.fromEntries(statuses), STATUSES)
  })

  it('says when to come back, or that it is pointless', () => {
    for (const errorClass of classes) {
      const { status, headers } = toFailure(new errorClass())
      assert.equal('retry-after' in headers, status === 429 || status === 503, errorClass.name)
      assert.equal(
        headers['x-should-retry'],
        [429, 503, 504].includes(status) ? undefined : 'false',
        errorClass.name
      )
    }
  })

  it('keeps the parameter and the message, in an envelope with all four keys', () => {
    const failure = toFailure(new NoProviderError('nobody', { param: 'model' }))
    assert.deepEqual(toEnvelope(failure), {
      error: { message: 'nobody', type: 'server_error', param: 'model', code: 'no_provider' }
    })
  })

  it('tells nothing of what has no code', () => {
    for (const thrown of [new RangeError('secret'), 'secret', null]) {
      const failure = toFailure(thrown)
      assert.equal(failure.status, 500)
      assert.doesNotMatch(JSON.stringify(failure), /secret/)
    }
  })
})
