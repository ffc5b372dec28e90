import assert from 'node:assert/strict'
import * as errors from '../../../node/ledger/errors.ts'

describe('node/ledger/errors', () => {
  const classes = Object.values(errors).filter(
    (value) => typeof value === 'function' && value.name.endsWith('Error')
  )

  it('keeps the class of every error from thread to thread', () => {
    const named = classes.filter(({ name }) => name !== 'toLedgerError') as (typeof errors.LedgerError)[]
    assert.ok(named.length >= 9)
    for (const errorClass of named) {
      const message = structuredClone(errors.toMessage(new errorClass('what to do')))
      const err = errors.fromMessage(message)
      assert.equal(err.constructor, errorClass)
      assert.equal(err.name, errorClass.name)
      assert.equal(err.message, 'what to do')
      assert.notEqual(new errorClass().message, '')
    }
  })

  it('names the file, and says what to do, for every result of SQLite', () => {
    const results: [number, string][] = [
      [5, 'LedgerError'],
      [8 | (1 << 8), 'LedgerError'],
      [10 | (3 << 8), 'LedgerError'],
      [11 | (1 << 8), 'LedgerCorruptError'],
      [13, 'LedgerFullError'],
      [14, 'LedgerError'],
      [26, 'LedgerCorruptError']
    ]
    for (const [errcode, name] of results) {
      const cause = Object.assign(new TypeError('said SQLite'), { errcode })
      const err = errors.toLedgerError(cause, '/var/lib/lobstah/ledger.sqlite')
      assert.equal(err.name, name)
      assert.equal(err.cause, cause)
      assert.match(err.message, /\/var\/lib\/lobstah\/ledger\.sqlite.*: /)
    }
  })
})
