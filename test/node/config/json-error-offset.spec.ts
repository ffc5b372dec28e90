import assert from 'node:assert/strict'
import fc from 'fast-check'
import { jsonErrorOffset } from '../../../node/config/json-error-offset.ts'

describe('node/config/json-error-offset', () => {
  const cases: [string, number][] = [
    ['', 0],
    ['  x', 2],
    ['{"a":1,}', 7],
    ['{"a" 1}', 5],
    ['{"a":1 "b":2}', 7],
    ['[1,2', 4],
    ['[1,]', 3],
    ['[01]', 1],
    ['[1.]', 1],
    ['["a\nb"]', 1],
    ['["a]', 1],
    ['{"a":tru}', 5],
    ["{'a':1}", 1],
    ['{"a":1} // why', 8],
    ['{"a":{"b":[{},[],{"c":undefined}]}}', 22],
    ['{', 1]
  ]
  for (const [text, offset] of cases) {
    it(`finds the mistake in ${JSON.stringify(text)}`, () => {
      assert.throws(() => JSON.parse(text) as unknown)
      assert.equal(jsonErrorOffset(text), offset)
    })
  }

  it('finds none in JSON, and one where JSON is cut off', () => {
    fc.assert(
      fc.property(fc.json(), fc.nat(), (text, cut) => {
        assert.equal(jsonErrorOffset(text), text.length)
        assert.ok(jsonErrorOffset(`${text} ,`) <= text.length + 1)
        const part = `[${text.slice(0, cut % (text.length + 1))}`
        assert.ok(jsonErrorOffset(part) <= part.length)
      })
    )
  })
})
