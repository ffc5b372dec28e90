import assert from 'node:assert/strict'
import { toGrammarSchema } from '../../../../node/engines/embedded/schema.ts'
import { UnsupportedParameterError } from '../../../../protocols/errors.ts'

describe('node/engines/embedded/schema', () => {
  it('keeps what the grammar enforces and drops what does not restrict', () => {
    const schema = {
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      title: 'Person',
      properties: { name: { type: 'string', description: 'Who', maxLength: 9 }, next: { $ref: '#/$defs/n' } },
      required: ['name'],
      additionalProperties: false,
      $defs: { n: { type: 'integer' } }
    }
    assert.deepEqual(toGrammarSchema(schema), {
      type: 'object',
      properties: { name: { type: 'string', maxLength: 9 }, next: { $ref: '#/$defs/n' } },
      additionalProperties: false,
      $defs: { n: { type: 'integer' } }
    })
  })

  it('reads alternatives in both forms', () => {
    const either = { oneOf: [{ type: 'string' }, { type: 'null' }] }
    assert.deepEqual(toGrammarSchema({ anyOf: [{ type: 'string' }, { type: 'null' }] }), either)
    assert.deepEqual(toGrammarSchema({ type: ['string', 'null'] }), either)
  })

  it('refuses what the grammar would let pass', () => {
    const refused = [
      { type: 'string', pattern: '^a' },
      { type: 'integer', minimum: 1 },
      { type: 'array', items: { type: 'number', multipleOf: 2 } },
      { type: 'object', properties: { a: { not: {} } } },
      { $ref: '#/definitions/a' },
      { allOf: [] },
      {},
      'string'
    ]
    for (const schema of refused) {
      assert.throws(() => toGrammarSchema(schema), UnsupportedParameterError, JSON.stringify(schema))
    }
  })
})
