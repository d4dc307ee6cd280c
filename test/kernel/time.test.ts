import { describe, expect, it } from 'vitest'
import {
  bucketStartMs,
  HOUR_MS,
  monthMs,
  nextWindowStartMs,
  rfc3339,
  windowStartMs,
} from '../../src/kernel/time.ts'
import { boundariesOf } from '../../src/metering/windows.ts'

const at = (text: string) => Date.parse(text)

describe('buckets', () => {
  it.each([
    ['UTC', '2026-11-22T10:59:59.999Z', '2026-11-22T10:00:00.000Z'],
    ['Asia/Kolkata', '2026-11-22T10:29:59.999Z', '2026-11-22T09:30:00.000Z'],
    ['Asia/Kolkata', '2026-11-22T10:30:00.000Z', '2026-11-22T10:30:00.000Z'],
    ['Asia/Kathmandu', '2026-11-22T10:14:00.000Z', '2026-11-22T09:15:00.000Z'],
    ['America/St_Johns', '2026-07-01T12:00:00.000Z', '2026-07-01T11:30:00.000Z'],
    ['UTC', '1969-12-31T23:59:59.999Z', '1969-12-31T23:00:00.000Z'],
  ])('in %s, %s is in the hour from %s', (zone, instant, start) => {
    expect(rfc3339(bucketStartMs(zone, at(instant)))).toBe(start)
  })

  it.each([
    'Europe/Berlin',
    'America/New_York',
    'Asia/Kolkata',
    'Asia/Kathmandu',
    'Australia/Lord_Howe',
    'Africa/Cairo',
    'America/Havana',
    'Pacific/Chatham',
  ])('no local day of a year in %s cuts one', (zone) => {
    for (
      let day = windowStartMs(zone, 'day', at('2026-01-05T12:00:00Z'));
      day < at('2027-01-05T00:00:00Z');
      day = nextWindowStartMs(zone, 'day', day)
    ) {
      expect(bucketStartMs(zone, day)).toBe(day)
    }
  })
})

describe('windows', () => {
  it.each(['hour', 'day', 'month'] as const)(
    '%ss of a year with every change of clocks follow each other without a gap, and hold their buckets',
    (window) => {
      for (const zone of ['Europe/Berlin', 'Australia/Lord_Howe', 'America/Havana']) {
        const from = at('2026-03-01T00:00:00Z')
        const start = windowStartMs(zone, window, from)
        for (let step = 0, now = start; step < 700; step++) {
          const next = nextWindowStartMs(zone, window, now)
          expect(next).toBeGreaterThan(now)
          expect(next - now).toBeLessThanOrEqual(
            window === 'hour' ? HOUR_MS : window === 'day' ? 25 * HOUR_MS : 31 * 24 * HOUR_MS + HOUR_MS,
          )
          expect(windowStartMs(zone, window, next)).toBeLessThanOrEqual(next)
          now = next
        }
      }
    },
  )

  it('of an event in the hour after clocks changed by half an hour hold that event', () => {
    const event = at('2026-10-03T15:45:00Z')
    const boundaries = boundariesOf(
      'Australia/Lord_Howe',
      at('2026-10-03T12:30:00Z'),
      at('2026-10-03T18:00:00Z'),
      'hour',
    )
    const bucket = bucketStartMs('Australia/Lord_Howe', event)
    const i = boundaries.findLastIndex((boundary) => boundary <= bucket)
    expect([rfc3339(boundaries[i]!), rfc3339(boundaries[i + 1]!)]).toEqual([
      '2026-10-03T15:00:00.000Z',
      '2026-10-03T16:00:00.000Z',
    ])
  })

  it('days of 23 and of 25 hours', () => {
    const day = (text: string) => {
      const start = windowStartMs('Europe/Berlin', 'day', at(text))
      return (nextWindowStartMs('Europe/Berlin', 'day', start) - start) / HOUR_MS
    }
    expect([day('2026-03-29T12:00:00Z'), day('2026-10-25T12:00:00Z'), day('2026-06-01T12:00:00Z')]).toEqual([
      23, 25, 24,
    ])
  })

  it('months by the zone', () => {
    const { startMs, endMs } = monthMs('Asia/Kolkata', '2026-11')!
    expect([rfc3339(startMs), rfc3339(endMs)]).toEqual([
      '2026-10-31T18:30:00.000Z',
      '2026-11-30T18:30:00.000Z',
    ])
    expect([monthMs('UTC', '2026-13'), monthMs('UTC', '0001-01'), monthMs('UTC', '26-11')]).toEqual([
      null,
      null,
      null,
    ])
  })
})
