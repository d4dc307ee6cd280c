// Zones, intervals and starts as fast-check draws them, and what the clock on the wall says, by Intl instead of Temporal.

import fc from 'fast-check'
import { INTERVAL_COUNT_MAX, type Interval, intervalUnits } from '../../src/billing/interval.ts'
import { bucketStartMs, HOUR_MS } from '../../src/kernel/time.ts'

export const aZone = fc.constantFrom(
  'UTC',
  'Europe/Berlin',
  'America/New_York',
  'Australia/Lord_Howe',
  'Asia/Kolkata',
  'Asia/Kathmandu',
  'Pacific/Chatham',
  // Midnight is missing, or comes twice.
  'America/Sao_Paulo',
  'America/Havana',
  'Asia/Beirut',
  'Africa/Cairo',
  // Summer all year, but for Ramadan.
  'Africa/Casablanca',
  // Clocks went back from just after midnight into the day before.
  'America/St_Johns',
  // Offsets that change by three hours, and by a whole day.
  'Antarctica/Casey',
  'Pacific/Apia',
)

/** Any that is allowed, but mostly short ones. */
export const anInterval: fc.Arbitrary<Interval> = fc
  .constantFrom(...intervalUnits)
  .chain((unit) =>
    fc
      .oneof(
        { weight: 3, arbitrary: fc.integer({ min: 1, max: 3 }) },
        fc.integer({ min: 1, max: INTERVAL_COUNT_MAX[unit] }),
      )
      .map((count) => ({ unit, count })),
  )

/** Hours of 1990 to 2040, and often of the days on which clocks do something odd. */
export const aStart = (zone: string) =>
  fc
    .oneof(
      fc.integer({ min: Date.UTC(1990, 0) / HOUR_MS, max: Date.UTC(2040, 0) / HOUR_MS }),
      fc
        .tuple(
          fc.constantFrom(
            '2010-03-04', // Casey
            '2010-11-07', // St John's
            '2011-12-29', // Apia
            '2018-11-03', // São Paulo
            '2024-02-29',
            '2026-01-31',
            '2026-02-15', // Casablanca
            '2026-03-29', // Berlin, Beirut
            '2026-04-24', // Cairo
            '2026-10-04', // Lord Howe
            '2026-11-01', // New York, Havana
          ),
          fc.integer({ min: -48, max: 48 }),
        )
        .map(([date, hours]) => Date.parse(date) / HOUR_MS + hours),
    )
    .map((hour) => bucketStartMs(zone, hour * HOUR_MS))

const formats = new Map<string, Intl.DateTimeFormat>()

/** "2026-01-31 00:00:00" */
function local(zone: string, ms: number): string {
  let format = formats.get(zone)
  if (format === undefined) {
    format = new Intl.DateTimeFormat('sv', { timeZone: zone, dateStyle: 'short', timeStyle: 'medium' })
    formats.set(zone, format)
  }
  return format.format(ms)
}

export const localDay = (zone: string, ms: number): string => local(zone, ms).slice(0, 10)
export const localClock = (zone: string, ms: number): string => local(zone, ms).slice(11)
