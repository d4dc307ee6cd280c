import fc from 'fast-check'
import { Temporal } from 'temporal-polyfill'
import { describe, expect, it, test } from 'vitest'
import { boundaryMs, lastBoundary } from '../../src/billing/interval.ts'
import { dayOffset } from '../../src/billing/proration.ts'
import {
  dayOfDate,
  dayStartMs,
  localDay,
  monthsBetween,
  monthsLater,
  startOfDayMs,
} from '../../src/kernel/local-day.ts'
import { HOUR_MS } from '../../src/kernel/time.ts'
import { anInterval, aStart, aZone } from '../billing/calendars.ts'

const RUNS = { numRuns: 2_000 }
const at = (text: string) => Date.parse(text)
const date = (day: number) => new Date(day * 24 * HOUR_MS).toISOString().slice(0, 10)
const aDay = fc.integer({ min: dayOfDate('1970-01-01'), max: dayOfDate('2060-12-31') })
/** Any instant of the hours before and after one at which clocks may do something odd. */
const anInstant = aZone.chain((zone) =>
  fc
    .tuple(aStart(zone), fc.integer({ min: -2 * HOUR_MS, max: 2 * HOUR_MS }))
    .map(([startMs, moreMs]) => ({ zone, atMs: startMs + moreMs })),
)

const months = { day: 0, week: 0, month: 1, quarter: 3, year: 12 }
const days = { day: 1, week: 7, month: 0, quarter: 0, year: 0 }
/** All by Temporal, step by step. */
const slow = {
  day: (zone: string, ms: number) =>
    Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO(zone).toPlainDate(),
  start: (zone: string, day: Temporal.PlainDate) => day.toZonedDateTime(zone).epochMilliseconds,
  startOfDay(zone: string, ms: number): number {
    let day = slow.day(zone, ms).subtract({ days: 2 })
    while (slow.start(zone, day.add({ days: 1 })) <= ms) day = day.add({ days: 1 })
    return slow.start(zone, day)
  },
}

describe('days as numbers', () => {
  test('are those of Temporal’s dates, and so are months later and between', () => {
    fc.assert(
      fc.property(aDay, aDay, fc.integer({ min: -400, max: 400 }), (day, other, months) => {
        const plain = Temporal.PlainDate.from(date(day))
        expect(dayOfDate(plain.toString())).toBe(day)
        expect(date(monthsLater(day, months))).toBe(plain.add({ months }).toString())
        const first = (one: number) => Temporal.PlainDate.from(date(one)).with({ day: 1 })
        expect(monthsBetween(day, other)).toBe(
          first(day).until(first(other), { largestUnit: 'months' }).months,
        )
      }),
      RUNS,
    )
  })
})

describe('days of a zone', () => {
  test('begin, and are told by their instants, as walking through Temporal’s days finds them', () => {
    fc.assert(
      fc.property(anInstant, ({ zone, atMs }) => {
        const day = slow.day(zone, atMs)
        expect(date(localDay(zone, atMs))).toBe(day.toString())
        expect(dayStartMs(zone, localDay(zone, atMs))).toBe(slow.start(zone, day))
        expect(startOfDayMs(zone, atMs)).toBe(slow.startOfDay(zone, atMs))
      }),
      RUNS,
    )
  })

  it.each([
    ['Pacific/Apia', '2011-12-30T09:59:59.999Z', '2011-12-29T10:00Z'],
    ['Pacific/Apia', '2011-12-30T10:00Z', '2011-12-30T10:00Z'],
    ['Australia/Lord_Howe', '2026-10-03T13:29Z', '2026-10-02T13:30Z'],
    ['Australia/Lord_Howe', '2026-10-04T13:00Z', '2026-10-04T13:00Z'],
    ['Asia/Kathmandu', '2026-01-01T18:14Z', '2025-12-31T18:15Z'],
    // Ramadan: an hour back on 15 February 2026, forward again on 22 March.
    ['Africa/Casablanca', '2026-02-15T23:30Z', '2026-02-14T23:00Z'],
    ['Africa/Casablanca', '2026-03-22T23:00Z', '2026-03-22T23:00Z'],
    // Midnight came twice: the day had begun, and stays begun.
    ['America/St_Johns', '2010-11-07T03:00Z', '2010-11-07T02:30Z'],
  ])('in %s the day of %s has begun at %s', (zone, instant, start) => {
    expect(new Date(startOfDayMs(zone, at(instant))).toISOString()).toBe(new Date(at(start)).toISOString())
  })
})

describe('what is counted in days', () => {
  test('boundaries, and days of a period, are what Temporal’s calendar gives', () => {
    fc.assert(
      fc.property(
        anInstant,
        anInterval,
        fc.integer({ min: -30, max: 60 }),
        fc.integer({ min: 0, max: 400 * 24 }),
        ({ zone, atMs }, interval, k, hours) => {
          const anchor = slow.day(zone, atMs)
          const steps = k * interval.count
          const wanted = anchor.add({
            months: steps * months[interval.unit],
            days: steps * days[interval.unit],
          })
          const boundary = boundaryMs(zone, anchor.toString(), interval, k)
          expect(boundary).toBe(slow.start(zone, wanted))

          const last = lastBoundary(zone, anchor.toString(), interval, atMs + hours * HOUR_MS)
          expect(boundaryMs(zone, anchor.toString(), interval, last)).toBeLessThanOrEqual(
            atMs + hours * HOUR_MS,
          )
          expect(boundaryMs(zone, anchor.toString(), interval, last + 1)).toBeGreaterThan(
            atMs + hours * HOUR_MS,
          )

          const laterMs = boundary + hours * HOUR_MS
          const begunMs = slow.startOfDay(zone, laterMs)
          const whole = Math.round((begunMs - boundary) / (24 * HOUR_MS))
          expect(dayOffset(zone, boundary, laterMs, 'floor')).toBe(whole)
          expect(dayOffset(zone, boundary, laterMs, 'ceil')).toBe(laterMs > begunMs ? whole + 1 : whole)
        },
      ),
      RUNS,
    )
  })
})
