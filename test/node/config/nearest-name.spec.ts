import assert from 'node:assert/strict'
import { SETTING_NAMES, nearestName } from '../../../node/config/index.ts'

describe('node/config/nearest-name', () => {
  for (const [said, meant] of [
    ['bootstrp', 'bootstrap'],
    ['gateway-port', 'gatewayPort'],
    ['LOBSTAH_GATEWAY_PORT', 'gatewayPort'],
    ['stun', 'stunPort'],
    ['Slots', 'slots'],
    ['temperature', undefined],
    ['x', undefined],
    ['', undefined]
  ] as const) {
    it(`takes ${JSON.stringify(said)} for ${meant ?? 'nothing'}`, () => {
      assert.equal(nearestName(said, SETTING_NAMES), meant)
    })
  }
})
