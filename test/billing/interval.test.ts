import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import {
  type Anchor,
  anchorDate,
  boundaryMs,
  INTERVAL_COUNT_MAX,
  type Interval,
  type IntervalUnit,
  intervalUnits,
  lastBoundary,
  periodAt,
} from '../../src/billing/interval.ts'
import { bucketStartMs, HOUR_MS, rfc3339 } from '../../src/kernel/time.ts'
import { anInterval, aStart, aZone, localClock, localDay } from './calendars.ts'

const at = (text: string) => Date.parse(text)
const every = (count: number, unit: IntervalUnit): Interval => ({ unit, count })
const instant = (ms: number) => rfc3339(ms).replace(':00.000Z', 'Z')

describe('the anchor date', () => {
  it.each<[IntervalUnit, Anchor, string, string, string]>([
    ['day', 'calendar', 'UTC', '2026-01-31T10:00Z', '2026-01-31'],
    ['week', 'calendar', 'UTC', '2026-01-31T10:00Z', '2026-01-26'],
    ['month', 'calendar', 'UTC', '2026-01-31T10:00Z', '2026-01-01'],
    ['quarter', 'calendar', 'UTC', '2026-01-31T10:00Z', '2026-01-01'],
    ['year', 'calendar', 'UTC', '2026-01-31T10:00Z', '2026-01-01'],
    // A week begins on Monday, and may begin in the year before.
    ['week', 'calendar', 'UTC', '2027-01-03T23:00Z', '2026-12-28'],
    ['week', 'calendar', 'UTC', '2027-01-04T00:00Z', '2027-01-04'],
    ['quarter', 'calendar', 'UTC', '2026-03-31T23:00Z', '2026-01-01'],
    ['quarter', 'calendar', 'UTC', '2026-04-01T00:00Z', '2026-04-01'],
    ['quarter', 'calendar', 'UTC', '2026-09-30T12:00Z', '2026-07-01'],
    ['quarter', 'calendar', 'UTC', '2024-02-29T12:00Z', '2024-01-01'],
    ['quarter', 'calendar', 'UTC', '2026-12-31T12:00Z', '2026-10-01'],
    ['year', 'calendar', 'UTC', '2024-02-29T12:00Z', '2024-01-01'],
    // It is the zone's day.
    ['day', 'calendar', 'Asia/Kolkata', '2026-01-31T18:30Z', '2026-02-01'],
    ['month', 'calendar', 'Asia/Kathmandu', '2026-01-31T18:15Z', '2026-02-01'],
    ['month', 'calendar', 'Asia/Kathmandu', '2026-01-31T17:15Z', '2026-01-01'],
    ['year', 'calendar', 'America/New_York', '2027-01-01T04:00Z', '2026-01-01'],
    ...intervalUnits.flatMap((unit): [IntervalUnit, Anchor, string, string, string][] => [
      [unit, 'anniversary', 'UTC', '2024-02-29T23:00Z', '2024-02-29'],
      [unit, 'anniversary', 'Europe/Berlin', '2024-02-29T23:00Z', '2024-03-01'],
    ]),
  ])('of a %s, by %s, in %s at %s is %s', (unit, anchor, zone, start, date) => {
    expect(anchorDate(zone, anchor, every(1, unit), at(start))).toBe(date)
  })
})

describe('boundaries', () => {
  it.each<[string, string, Interval, string[]]>([
    [
      '31 January in a common year',
      '2026-01-31',
      every(1, 'month'),
      ['2026-01-31', '2026-02-28', '2026-03-31', '2026-04-30', '2026-05-31'],
    ],
    [
      '31 January in a leap year',
      '2028-01-31',
      every(1, 'month'),
      ['2028-01-31', '2028-02-29', '2028-03-31'],
    ],
    ['30 January', '2026-01-30', every(1, 'month'), ['2026-01-30', '2026-02-28', '2026-03-30']],
    [
      'every two months from 31 December',
      '2026-12-31',
      every(2, 'month'),
      ['2026-12-31', '2027-02-28', '2027-04-30', '2027-06-30', '2027-08-31'],
    ],
    [
      'quarters from 31 January',
      '2026-01-31',
      every(1, 'quarter'),
      ['2026-01-31', '2026-04-30', '2026-07-31', '2026-10-31', '2027-01-31'],
    ],
    [
      'quarters from 30 November, over a leap year',
      '2026-11-30',
      every(1, 'quarter'),
      ['2026-11-30', '2027-02-28', '2027-05-30', '2027-08-30', '2027-11-30', '2028-02-29'],
    ],
    ['years from 31 January', '2026-01-31', every(1, 'year'), ['2026-01-31', '2027-01-31', '2028-01-31']],
    [
      'years from 29 February',
      '2024-02-29',
      every(1, 'year'),
      ['2024-02-29', '2025-02-28', '2026-02-28', '2027-02-28', '2028-02-29'],
    ],
    [
      'every three years from 29 February',
      '2024-02-29',
      every(3, 'year'),
      ['2024-02-29', '2027-02-28', '2030-02-28', '2033-02-28', '2036-02-29'],
    ],
    ['weeks over New Year', '2026-12-21', every(1, 'week'), ['2026-12-21', '2026-12-28', '2027-01-04']],
    ['every two weeks', '2026-12-21', every(2, 'week'), ['2026-12-21', '2027-01-04', '2027-01-18']],
    ['days over 29 February', '2028-02-28', every(1, 'day'), ['2028-02-28', '2028-02-29', '2028-03-01']],
    ['every 30 days', '2026-01-31', every(30, 'day'), ['2026-01-31', '2026-03-02', '2026-04-01']],
  ])('%s', (_, anchor, interval, dates) => {
    expect(dates.map((_, k) => rfc3339(boundaryMs('UTC', anchor, interval, k)).slice(0, 10))).toEqual(dates)
  })

  it('before the anchor date are counted from it as well', () => {
    expect(
      [-2, -1, 0].map((k) => rfc3339(boundaryMs('UTC', '2026-03-31', every(1, 'month'), k)).slice(0, 10)),
    ).toEqual(['2026-01-31', '2026-02-28', '2026-03-31'])
  })

  it.each<[string, string, Interval, string[]]>([
    [
      'Europe/Berlin',
      '2026-02-28',
      every(1, 'month'),
      ['2026-02-27T23:00Z', '2026-03-27T23:00Z', '2026-04-27T22:00Z'],
    ],
    ['Europe/Berlin', '2026-03-29', every(1, 'day'), ['2026-03-28T23:00Z', '2026-03-29T22:00Z']],
    ['Europe/Berlin', '2026-10-25', every(1, 'day'), ['2026-10-24T22:00Z', '2026-10-25T23:00Z']],
    ['America/New_York', '2026-03-02', every(1, 'week'), ['2026-03-02T05:00Z', '2026-03-09T04:00Z']],
    ['America/New_York', '2026-11-01', every(1, 'month'), ['2026-11-01T04:00Z', '2026-12-01T05:00Z']],
    // Half an hour: +10:30 in winter, +11 in summer.
    ['Australia/Lord_Howe', '2026-10-04', every(1, 'day'), ['2026-10-03T13:30Z', '2026-10-04T13:00Z']],
    ['Australia/Lord_Howe', '2026-04-05', every(1, 'day'), ['2026-04-04T13:00Z', '2026-04-05T13:30Z']],
    ['Asia/Kolkata', '2026-01-31', every(1, 'month'), ['2026-01-30T18:30Z', '2026-02-27T18:30Z']],
    ['Asia/Kathmandu', '2026-01-01', every(1, 'quarter'), ['2025-12-31T18:15Z', '2026-03-31T18:15Z']],
    // There is no midnight: the day begins at one.
    [
      'America/Sao_Paulo',
      '2018-11-03',
      every(1, 'day'),
      ['2018-11-03T03:00Z', '2018-11-04T03:00Z', '2018-11-05T02:00Z'],
    ],
    ['America/Sao_Paulo', '2018-10-04', every(1, 'month'), ['2018-10-04T03:00Z', '2018-11-04T03:00Z']],
    ['Asia/Beirut', '2026-03-29', every(1, 'day'), ['2026-03-28T22:00Z', '2026-03-29T21:00Z']],
    ['Africa/Cairo', '2026-04-24', every(1, 'day'), ['2026-04-23T22:00Z', '2026-04-24T21:00Z']],
    // Midnight comes twice, in Cairo and in Havana: the day before is longer, or the day itself.
    ['Africa/Cairo', '2026-10-29', every(1, 'day'), ['2026-10-28T21:00Z', '2026-10-29T22:00Z']],
    ['America/Havana', '2026-11-01', every(1, 'day'), ['2026-11-01T04:00Z', '2026-11-02T05:00Z']],
    // There is no such day: it is the next one's start.
    ['Pacific/Apia', '2011-11-30', every(1, 'month'), ['2011-11-30T10:00Z', '2011-12-30T10:00Z']],
    ['Pacific/Apia', '2011-11-30', every(2, 'month'), ['2011-11-30T10:00Z', '2012-01-29T10:00Z']],
  ])('in %s from %s, %o', (zone, anchor, interval, instants) => {
    expect(instants.map((_, k) => instant(boundaryMs(zone, anchor, interval, k)))).toEqual(instants)
  })
})

describe('periods', () => {
  type Row = [
    interval: Interval,
    anchor: Anchor,
    zone: string,
    start: string,
    periods: string[],
    days: number[],
  ]
  it.each<Row>([
    [
      every(1, 'month'),
      'calendar',
      'UTC',
      '2026-01-31T10:00Z',
      ['2026-01-31T10:00Z', '2026-02-01T00:00Z', '2026-03-01T00:00Z'],
      [31, 28],
    ],
    [
      every(1, 'month'),
      'anniversary',
      'UTC',
      '2026-01-31T10:00Z',
      ['2026-01-31T10:00Z', '2026-02-28T00:00Z', '2026-03-31T00:00Z', '2026-04-30T00:00Z'],
      [28, 31, 30],
    ],
    // In the middle of a day of 23 hours.
    [
      every(1, 'month'),
      'anniversary',
      'Europe/Berlin',
      '2026-03-29T05:00Z',
      ['2026-03-29T05:00Z', '2026-04-28T22:00Z'],
      [31],
    ],
    [
      every(1, 'week'),
      'calendar',
      'America/New_York',
      '2026-12-31T15:00Z',
      ['2026-12-31T15:00Z', '2027-01-04T05:00Z', '2027-01-11T05:00Z'],
      [7, 7],
    ],
    [
      every(2, 'quarter'),
      'calendar',
      'Asia/Kolkata',
      '2026-05-10T06:30Z',
      ['2026-05-10T06:30Z', '2026-09-30T18:30Z', '2027-03-31T18:30Z'],
      [183, 182],
    ],
    [
      every(1, 'year'),
      'anniversary',
      'Asia/Kathmandu',
      '2024-02-29T06:15Z',
      [
        '2024-02-29T06:15Z',
        '2025-02-27T18:15Z',
        '2026-02-27T18:15Z',
        '2027-02-27T18:15Z',
        '2028-02-28T18:15Z',
      ],
      [365, 365, 365, 366],
    ],
    [
      every(1, 'day'),
      'calendar',
      'Australia/Lord_Howe',
      '2026-10-03T20:00Z',
      ['2026-10-03T20:00Z', '2026-10-04T13:00Z', '2026-10-05T13:00Z'],
      [1, 1],
    ],
    // What starts at a boundary starts with a whole period.
    [
      every(1, 'month'),
      'calendar',
      'Europe/Berlin',
      '2026-02-28T23:00Z',
      ['2026-02-28T23:00Z', '2026-03-31T22:00Z', '2026-04-30T22:00Z'],
      [31, 30],
    ],
    [
      every(1, 'day'),
      'anniversary',
      'America/Sao_Paulo',
      '2018-11-04T03:00Z',
      ['2018-11-04T03:00Z', '2018-11-05T02:00Z', '2018-11-06T02:00Z'],
      [1, 1],
    ],
    // Samoa had no 30 December 2011: a day that never was is no period, and December has 30 days.
    [
      every(1, 'day'),
      'calendar',
      'Pacific/Apia',
      '2011-12-28T15:00Z',
      [
        '2011-12-28T15:00Z',
        '2011-12-29T10:00Z',
        '2011-12-30T10:00Z',
        '2011-12-31T10:00Z',
        '2012-01-01T10:00Z',
      ],
      [1, 1, 1, 1],
    ],
    [
      every(1, 'month'),
      'calendar',
      'Pacific/Apia',
      '2011-12-01T10:00Z',
      ['2011-12-01T10:00Z', '2011-12-31T10:00Z', '2012-01-31T10:00Z'],
      [30, 31],
    ],
    [
      every(1, 'month'),
      'anniversary',
      'Pacific/Apia',
      '2011-12-30T10:00Z',
      ['2011-12-30T10:00Z', '2012-01-30T10:00Z'],
      [31],
    ],
  ])('%o by %s in %s from %s', (interval, anchor, zone, start, boundaries, days) => {
    const date = anchorDate(zone, anchor, interval, at(start))
    const periods = days.map((_, index) => periodAt(zone, date, interval, at(start), index))
    expect(periods.map(({ startMs, endMs }) => [instant(startMs), instant(endMs)])).toEqual(
      days.map((_, i) => boundaries.slice(i, i + 2)),
    )
    expect(periods.map((period) => period.days)).toEqual(days)
  })

  it('that are cut short know where they would have begun; others begin there', () => {
    const [first, second] = [0, 1].map((index) =>
      periodAt('Europe/Berlin', '2026-03-01', every(1, 'month'), at('2026-03-29T05:00Z'), index),
    )
    expect(first).toEqual({
      index: 0,
      startMs: at('2026-03-29T05:00Z'),
      endMs: at('2026-03-31T22:00Z'),
      fullStartMs: at('2026-02-28T23:00Z'),
      days: 31,
    })
    expect(second!.fullStartMs).toBe(second!.startMs)
  })

  it('may start before their anchor date, as a trial does', () => {
    const period = periodAt('UTC', '2026-03-31', every(1, 'month'), at('2026-03-10T00:00Z'), 0)
    expect([instant(period.fullStartMs), instant(period.endMs)]).toEqual([
      '2026-02-28T00:00Z',
      '2026-03-31T00:00Z',
    ])
  })

  it.each(intervalUnits)('of the most %ss that are allowed are no longer than three years', (unit) => {
    const { fullStartMs, endMs } = periodAt(
      'UTC',
      '2027-03-01',
      every(INTERVAL_COUNT_MAX[unit], unit),
      at('2027-03-01T00:00Z'),
      0,
    )
    expect(endMs).toBeLessThanOrEqual(at('2030-03-01T00:00Z'))
    expect(endMs).toBeGreaterThanOrEqual(fullStartMs + 364 * 24 * HOUR_MS)
  })
})

// A failure prints its seed and the smallest case that still fails.
describe('in every zone, for every interval', () => {
  const aSubscription = fc
    .record({ zone: aZone, interval: anInterval, anchor: fc.constantFrom<Anchor>('calendar', 'anniversary') })
    .chain((one) => aStart(one.zone).map((startMs) => ({ ...one, startMs })))
    .map((one) => ({ ...one, date: anchorDate(one.zone, one.anchor, one.interval, one.startMs) }))
  const RUNS = { numRuns: 300 }

  test('periods follow each other without a gap, none is empty, and they cut no hour', () => {
    fc.assert(
      fc.property(aSubscription, fc.nat({ max: 100 }), ({ zone, interval, startMs, date }, index) => {
        const [one, next] = [index, index + 1].map((i) => periodAt(zone, date, interval, startMs, i))
        expect(one!.endMs).toBe(next!.startMs)
        expect(one!.startMs).toBeLessThan(one!.endMs)
        expect(one!.days).toBeGreaterThan(0)
        expect(bucketStartMs(zone, one!.startMs)).toBe(one!.startMs)
        expect(bucketStartMs(zone, one!.endMs)).toBe(one!.endMs)
        expect(one!.fullStartMs).toBeLessThanOrEqual(one!.startMs)
        expect(one!.startMs === one!.fullStartMs || index === 0).toBe(true)
      }),
      RUNS,
    )
  })

  test('the first period begins with the start, and every instant from then on is in exactly one', () => {
    fc.assert(
      fc.property(aSubscription, fc.double({ min: 0, max: 1, noNaN: true }), (subscription, part) => {
        const { zone, interval, startMs, date } = subscription
        const periods = Array.from({ length: 12 }, (_, i) => periodAt(zone, date, interval, startMs, i))
        expect(periods[0]!.startMs).toBe(startMs)
        const instantMs = startMs + Math.floor(part * (periods.at(-1)!.endMs - 1 - startMs))
        expect(
          periods.filter(({ startMs, endMs }) => startMs <= instantMs && instantMs < endMs),
        ).toHaveLength(1)
      }),
      RUNS,
    )
  })

  test('a boundary computed alone is the one that walking there comes to', () => {
    fc.assert(
      fc.property(aSubscription, fc.integer({ min: 1, max: 60 }), (subscription, steps) => {
        const { zone, interval, startMs, date } = subscription
        let walked = startMs
        for (let i = 0; i < steps; i++) {
          const k = lastBoundary(zone, date, interval, walked)
          expect(boundaryMs(zone, date, interval, k)).toBeLessThanOrEqual(walked)
          walked = boundaryMs(zone, date, interval, k + 1)
        }
        expect(periodAt(zone, date, interval, startMs, steps - 1).endMs).toBe(walked)
      }),
      RUNS,
    )
  })

  test('a boundary is the first instant of the date that plain arithmetic gives', () => {
    fc.assert(
      fc.property(aSubscription, fc.integer({ min: -20, max: 60 }), ({ zone, interval, date }, k) => {
        const boundary = boundaryMs(zone, date, interval, k)
        // On paper Samoa has a 30 December 2011, in its clocks not.
        const wanted = later(date, interval, k)
        expect(localDay(zone, boundary)).toBe(
          zone === 'Pacific/Apia' && wanted === '2011-12-30' ? '2011-12-31' : wanted,
        )
        expect(localDay(zone, boundary - 1) < localDay(zone, boundary)).toBe(true)
        // Where clocks skip midnight, a day begins later: in Nepal 1986 did at 00:15, in Samoa 1950 at 00:30.
        expect(localClock(zone, boundary)).toMatch(/^0(0:00|0:15|0:30|1:00):00$/)
      }),
      RUNS,
    )
  })
})

/** Without Temporal: the month is counted, the day is cut to it. */
function later(date: string, { unit, count }: Interval, k: number): string {
  const [year, month, day] = date.split('-').map(Number) as [number, number, number]
  if (unit === 'day' || unit === 'week') {
    const days = k * count * (unit === 'week' ? 7 : 1)
    return new Date(Date.UTC(year, month - 1, day + days)).toISOString().slice(0, 10)
  }
  const months = year * 12 + month - 1 + k * count * { month: 1, quarter: 3, year: 12 }[unit]
  const [toYear, toMonth] = [Math.floor(months / 12), months % 12]
  const length = new Date(Date.UTC(toYear, toMonth + 1, 0)).getUTCDate()
  return new Date(Date.UTC(toYear, toMonth, Math.min(day, length))).toISOString().slice(0, 10)
}
