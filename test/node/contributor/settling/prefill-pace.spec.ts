import assert from 'node:assert/strict'
import { PrefillPace } from '../../../../node/contributor/settling/prefill-pace.ts'

describe('node/contributor/settling/prefill-pace', () => {
  it("takes a model that was never seen for a slow machine's", () => {
    assert.equal(new PrefillPace().tokensIn('m', 2000), 1000)
  })

  it('follows what each model showed, a fifth of the way each time', () => {
    const pace = new PrefillPace()
    pace.observe('m', 1000, 1000)
    assert.equal(pace.tokensIn('m', 500), 500)
    pace.observe('m', 2000, 1000)
    assert.equal(pace.tokensIn('m', 1000), 1200)
    assert.equal(pace.tokensIn('other', 1000), 500)
  })

  it('learns nothing from a short prompt, nor from one that was read at once', () => {
    const pace = new PrefillPace()
    pace.observe('m', 63, 1)
    pace.observe('m', 1000, 0)
    assert.equal(pace.tokensIn('m', 1000), 500)
  })
})
