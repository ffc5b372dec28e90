import assert from 'node:assert/strict'
import fc from 'fast-check'
import { isOpen, nextOpening, parseWindow, type HoursWindow } from '../../../node/owner/hours.ts'
import { addDays, nextMonth, startOfDate, wallTime } from '../../../node/owner/zone.ts'

const MINUTE = 60_000
const DAY = 86_400_000

/** Zones whose clocks change by an hour, by half an hour, at midnight, or never. */
const ZONES = [
  'Europe/Vienna',
  'America/New_York',
  'Australia/Lord_Howe',
  'America/Santiago',
  'Africa/Casablanca',
  'Asia/Kathmandu',
  'UTC'
]

/** Around changes of clocks in all of them, and any time else. */
const times = fc.oneof(
  ...['2026-03-08', '2026-03-29', '2026-04-05', '2026-09-06', '2026-10-04', '2026-10-25', '2026-11-01'].map(
    (date) => fc.integer({ min: -2 * DAY, max: 2 * DAY }).map((ms) => Date.parse(`${date}T06:00:00Z`) + ms)
  ),
  fc.integer({ min: Date.parse('2024-01-01T00:00:00Z'), max: Date.parse('2030-01-01T00:00:00Z') })
)
const zones = fc.constantFrom(...ZONES)
const windows = fc.array(
  fc
    .record({
      days: fc.uniqueArray(fc.integer({ min: 0, max: 6 }), { minLength: 1 }),
      start: fc.integer({ min: 0, max: 1439 }),
      end: fc.integer({ min: 0, max: 1440 })
    })
    .filter(({ start, end }) => start !== end),
  { minLength: 1, maxLength: 3 }
)

/** A zone's wall clock, computed in another way than the code's: as text. */
function shown(at: number, zone: string): { day: string; minute: number } {
  const text = new Date(at).toLocaleString('en-GB', {
    timeZone: zone,
    weekday: 'short',
    hour: '2-digit',
    minute: '2-digit'
  })
  const [, day = '', hour = '', minute = ''] = /(\w{3}).*?(\d\d):(\d\d)/.exec(text) ?? []
  return { day, minute: Number(hour) * 60 + Number(minute) }
}

const NAMES = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']

function openByText(all: readonly HoursWindow[], at: number, zone: string): boolean {
  const { day, minute } = shown(at, zone)
  const today = NAMES.indexOf(day)
  return all.some(({ days, start, end }) =>
    days.some((from) =>
      start < end
        ? from === today && minute >= start && minute < end
        : (from === today && minute >= start) || ((from + 1) % 7 === today && minute < end)
    )
  )
}

describe('node/owner/hours', () => {
  it('reads days, ranges of days and windows over midnight', () => {
    assert.deepEqual(parseWindow('mon-fri 22:00-07:00'), { days: [1, 2, 3, 4, 5], start: 1320, end: 420 })
    assert.deepEqual(parseWindow('Saturday 00:00-24:00'), { days: [6], start: 0, end: 1440 })
    assert.deepEqual(parseWindow('fri-mon 9:30-10:00')?.days, [5, 6, 0, 1])
    assert.deepEqual(parseWindow('22:00-07:00')?.days.length, 7)
    assert.deepEqual(parseWindow('daily 22:00-07:00')?.days.length, 7)
  })

  it('refuses what is no window', () => {
    for (const text of [
      '',
      'mon',
      '22-7',
      '25:00-26:00',
      '10:00-10:00',
      '10:61-11:00',
      'someday 1:00-2:00',
      '24:00-1:00'
    ])
      assert.equal(parseWindow(text), undefined, text)
  })

  it('is open as the clock on the wall says, also where clocks change', () => {
    fc.assert(
      fc.property(windows, times, zones, (all, at, zone) => {
        assert.equal(isOpen(all, wallTime(at, zone)), openByText(all, at, zone))
      }),
      { numRuns: 2000 }
    )
  })

  it('finds the first minute that is open', () => {
    fc.assert(
      fc.property(windows, times, zones, (all, from, zone) => {
        const next = nextOpening(all, from, zone)
        assert.ok(next !== undefined)
        assert.ok(openByText(all, next, zone))
        if (next === from) return
        assert.equal(next % MINUTE, 0)
        assert.equal(openByText(all, from, zone), false)
        // No open minute is passed over: each quarter of an hour before it, and the minute before it, are shut.
        for (let at = next - MINUTE; at > from; at -= 15 * MINUTE)
          assert.equal(openByText(all, at, zone), false)
      }),
      { numRuns: 60 }
    )
  })

  it('opens in a gap of the clock when the gap ends, and twice in an hour that comes twice', () => {
    const gap = [parseWindow('02:30-04:00')!]
    const night = Date.parse('2026-03-29T00:00:00Z')
    assert.equal(nextOpening(gap, night, 'Europe/Vienna'), Date.parse('2026-03-29T01:00:00Z'))
    const twice = [parseWindow('01:00-02:30')!]
    const shut = Date.parse('2026-10-25T00:40:00Z')
    assert.equal(isOpen(twice, wallTime(shut, 'Europe/Vienna')), false)
    assert.equal(nextOpening(twice, shut, 'Europe/Vienna'), Date.parse('2026-10-25T01:00:00Z'))
  })
})

describe('node/owner/zone', () => {
  it('begins dates where the clock first shows them', () => {
    fc.assert(
      fc.property(times, zones, (at, zone) => {
        const { date } = wallTime(at, zone)
        const start = startOfDate(date, zone)
        assert.ok(start <= at)
        assert.equal(wallTime(start, zone).date, date)
        assert.ok(wallTime(start - 1, zone).date < date)
        assert.ok(at - start < 25.5 * 3_600_000)
      })
    )
    // Chile's clocks go from 24:00 to 01:00.
    assert.equal(startOfDate('2026-09-06', 'America/Santiago'), Date.parse('2026-09-06T04:00:00Z'))
  })

  it('counts days and months of the calendar', () => {
    assert.equal(addDays('2026-02-28', 1), '2026-03-01')
    assert.equal(nextMonth('2026-12-31'), '2027-01-01')
  })
})
