import assert from 'node:assert/strict'
import fc from 'fast-check'
import { parseWindow } from '../../../node/owner/hours.ts'
import { decide, type Limits, type Situation } from '../../../node/owner/policy.ts'

const MINUTE = 60_000
const NOON = Date.parse('2026-11-25T12:00:00Z')

const free: Limits = {
  hours: [],
  timeZone: 'UTC',
  tokensPerDay: undefined,
  tokensPerMonth: undefined,
  onBattery: false,
  whileInUse: false,
  idleMinutes: 5
}
const idle: Situation = {
  now: NOON,
  pause: undefined,
  tokens: { day: 0, month: 0 },
  signals: {
    power: { known: true, value: 'mains' },
    input: { known: true, value: 60 * MINUTE },
    gpu: { known: true, value: 3 }
  }
}
const unknown = { known: false, detail: 'nobody knows' } as const

function reason(limits: Partial<Limits>, situation: Partial<Situation> = {}): string | undefined {
  const verdict = decide({ ...free, ...limits }, { ...idle, ...situation })
  return verdict.open ? undefined : verdict.reason
}

function until(limits: Partial<Limits>, situation: Partial<Situation> = {}): number | undefined {
  const verdict = decide({ ...free, ...limits }, { ...idle, ...situation })
  return verdict.open ? undefined : verdict.until
}

describe('node/owner/policy', () => {
  it('serves on an idle machine on mains', () => {
    assert.equal(reason({}), undefined)
  })

  it('keeps a pause until it ends', () => {
    assert.equal(reason({}, { pause: { until: null } }), 'paused')
    assert.equal(reason({}, { pause: { until: NOON + 1 } }), 'paused')
    assert.equal(reason({}, { pause: { until: NOON } }), undefined)
    assert.equal(until({}, { pause: { until: NOON + 1 } }), NOON + 1)
  })

  it('keeps the hours, and says when they begin', () => {
    const hours = [parseWindow('22:00-07:00')!]
    assert.equal(reason({ hours }), 'hours')
    assert.equal(until({ hours }), Date.parse('2026-11-25T22:00:00Z'))
    assert.equal(until({ hours, timeZone: 'Asia/Tokyo' }), Date.parse('2026-11-25T13:00:00Z'))
    assert.equal(reason({ hours, timeZone: 'Pacific/Auckland' }), undefined)
  })

  it('stops at the tokens of a day and a month, until the next', () => {
    const tokens = { day: 100, month: 500 }
    assert.equal(reason({ tokensPerDay: 101 }, { tokens }), undefined)
    assert.equal(reason({ tokensPerDay: 100 }, { tokens }), 'tokens_per_day')
    assert.equal(until({ tokensPerDay: 100 }, { tokens }), Date.parse('2026-11-26T00:00:00Z'))
    assert.equal(reason({ tokensPerDay: 100, tokensPerMonth: 500 }, { tokens }), 'tokens_per_month')
    assert.equal(until({ tokensPerMonth: 500 }, { tokens }), Date.parse('2026-12-01T00:00:00Z'))
  })

  it('serves on battery only where it may', () => {
    const signals = { ...idle.signals, power: { known: true, value: 'battery' } as const }
    assert.equal(reason({}, { signals }), 'on_battery')
    assert.equal(reason({ onBattery: true }, { signals }), undefined)
  })

  it('yields to input and to foreign load, and says when the machine will be idle', () => {
    const used = { ...idle.signals, input: { known: true, value: MINUTE } as const }
    assert.equal(reason({}, { signals: used }), 'in_use')
    assert.equal(until({}, { signals: used }), NOON + 4 * MINUTE)
    assert.equal(reason({ whileInUse: true }, { signals: used }), undefined)
    const game = { ...idle.signals, gpu: { known: true, value: 90 } as const }
    assert.equal(reason({}, { signals: game }), 'gpu_in_use')
  })

  it('never takes the unknown for idle or mains', () => {
    assert.equal(reason({}, { signals: { ...idle.signals, input: unknown } }), 'in_use')
    assert.equal(reason({}, { signals: { ...idle.signals, power: unknown } }), 'on_battery')
    // Where nobody can sit, nobody is kept waiting.
    const headless = { ...idle.signals, input: { known: true, value: 'no_desktop' } as const }
    assert.equal(reason({}, { signals: headless }), undefined)
  })

  it('never opens for more use, less allowed', () => {
    const signals = fc.record({
      power: fc.constantFrom(
        unknown,
        { known: true, value: 'mains' } as const,
        { known: true, value: 'battery' } as const
      ),
      input: fc.oneof(
        fc.constant(unknown),
        fc.nat(600_000).map((value) => ({ known: true, value }) as const)
      ),
      gpu: fc.oneof(
        fc.constant(unknown),
        fc.nat(100).map((value) => ({ known: true, value }) as const)
      )
    })
    const situations = fc.record({
      now: fc.integer({ min: NOON, max: NOON + 7 * 86_400_000 }),
      pause: fc.constantFrom(undefined, { until: null }, { until: NOON + 86_400_000 }),
      tokens: fc.record({ day: fc.nat(200), month: fc.nat(2000) }),
      signals
    })
    fc.assert(
      fc.property(situations, fc.boolean(), fc.boolean(), (situation, onBattery, whileInUse) => {
        const limits = { ...free, tokensPerDay: 100, tokensPerMonth: 1000, onBattery, whileInUse }
        if (!decide(limits, situation).open) return
        // An open node stays open with more allowed, and less used.
        assert.ok(decide({ ...limits, onBattery: true, whileInUse: true }, situation).open)
        assert.ok(decide(limits, { ...situation, pause: undefined, tokens: { day: 0, month: 0 } }).open)
        assert.ok(situation.tokens.day < 100 && situation.tokens.month < 1000)
        const { power, input } = situation.signals
        assert.ok(onBattery || (power.known && power.value === 'mains'))
        assert.ok(whileInUse || (input.known && input.value >= 5 * MINUTE))
      })
    )
  })
})
