import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { resolveConfig } from '../../../node/config/index.ts'
import { DEFAULT_RELAY_LIMITS, type RelayLimits } from '../../../node/relay/defaults.ts'
import { BURST_S } from '../../../node/relay/limits.ts'

const count = new Intl.NumberFormat('en')

/** The rows of the table in docs/relay.md, one for each limit. */
const ROWS: Record<keyof RelayLimits, (value: number) => string> = {
  reservations: (value) => `${count.format(value)} peers`,
  circuitsPerPeer: (value) => `${count.format(value)} circuits`,
  bytesPerCircuit: (value) => `${count.format(value / 2 ** 30)} GiB`,
  circuitMs: (value) => `${count.format(value / 3_600_000)} hours`,
  bytesPerSecond: (value) =>
    `${count.format(value / 2 ** 20)} MiB a second, in bursts of up to ${count.format(BURST_S)} seconds' worth`
}

describe('node/relay/defaults', () => {
  it('are the defaults of the setting', () => {
    assert.deepEqual(
      resolveConfig({ flags: {}, env: {}, homeDir: '/nowhere' }).relayLimits,
      DEFAULT_RELAY_LIMITS
    )
  })

  for (const name of Object.keys(ROWS) as (keyof RelayLimits)[]) {
    it(`are what docs/relay.md says: ${name}`, () => {
      const page = readFileSync(new URL('../../../docs/relay.md', import.meta.url), 'utf8')
      const row = page.split('\n').find((line) => line.startsWith(`| \`${name}\``))
      assert.equal(row?.split('|')[2]?.trim(), ROWS[name](DEFAULT_RELAY_LIMITS[name]))
    })
  }
})
