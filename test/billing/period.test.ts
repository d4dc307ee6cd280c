import { describe, expect, it } from 'vitest'
import { periodOf } from '../../src/billing/period.ts'
import type { TollgateError } from '../../src/kernel/errors.ts'

const NOW = Date.parse('2026-11-20T10:20:30Z')
const asked = (query: Parameters<typeof periodOf>[0], timezone = 'Europe/Berlin') => {
  const { startMs, endMs } = periodOf(query, timezone, NOW)
  return [startMs, endMs].map((ms) => new Date(ms).toISOString().replace(':00.000Z', 'Z'))
}
const refusal = (query: Parameters<typeof periodOf>[0]) => {
  try {
    periodOf(query, 'Europe/Berlin', NOW)
  } catch (error) {
    return (error as TollgateError).issues.map(({ pointer, detail }) => `${pointer}: ${detail}`)
  }
  return []
}

describe('a period', () => {
  it('from a date to a date lasts from midnight to midnight of the tenant’s time zone', () => {
    expect(asked({ from: '2026-10-25', to: '2026-10-26' })).toEqual([
      '2026-10-24T22:00Z',
      '2026-10-25T23:00Z',
    ])
    expect(asked({ from: '2026-11-01', to: '2026-11-02' }, 'Asia/Kathmandu')).toEqual([
      '2026-10-31T18:15Z',
      '2026-11-01T18:15Z',
    ])
  })

  it('may begin with a date and end with an instant', () => {
    expect(asked({ from: '2026-11-01', to: '2026-11-02t00:00:00z' })).toEqual([
      '2026-10-31T23:00Z',
      '2026-11-02T00:00Z',
    ])
  })

  it('with from alone lasts until now, and with it all of this hour', () => {
    expect(asked({ from: '2026-11-01' })).toEqual(['2026-10-31T23:00Z', '2026-11-20T11:00Z'])
    expect(asked({ from: '2026-11-20T10:00:00Z' })).toEqual(['2026-11-20T10:00Z', '2026-11-20T11:00Z'])
    expect(asked({ from: '2026-11-20' }, 'Asia/Kathmandu')).toEqual([
      '2026-11-19T18:15Z',
      '2026-11-20T11:15Z',
    ])
  })

  it('ends before the date that it ends with, so that of one day there is nothing', () => {
    expect(refusal({ from: '2026-11-01', to: '2026-11-01' })).toEqual([
      'to: must be later than from: the period is from ≤ t < to',
    ])
  })

  it.each([
    [{ to: '2026-11-01' }, 'from: is required with to'],
    [{ from: '2026-11-21' }, 'from: must not lie ahead: without to, the period lasts until now'],
    [{ from: '2025-01-01' }, 'from: must be at most 400 days back: without to, the period lasts until now'],
    [{ from: '2025-01-01', to: '2026-11-01' }, 'to: must be at most 400 days after from'],
  ])('%j is none: %s', (query, says) => {
    expect(refusal(query)).toEqual([says])
  })

  it.each([
    ['2026-02-30', /2026-02 has the days 01 to 28/],
    ['2026-02-30T00:00:00Z', /2026-02 has the days 01 to 28/],
    ['2026-11-01T00:00:00 01:00', /send "2026-11-01T00:00:00\+01:00" \(in a URL, \+ is written %2B\)/],
    ['2026-11', /or a date, such as "2026-11-01"/],
    ['0001-01-01', /or a date, such as "2026-11-01"/],
    ['2026-11-01T00:30:00Z', /must be a full hour in Europe\/Berlin/],
  ])('beginning with %s is none, and the refusal says what would be right', (from, says) => {
    expect(refusal({ from, to: '2026-11-05' })[0]).toMatch(says)
  })
})
