import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { instantInZoneMs, instantMs, instantOrDateSchema, instantSchema } from '../../src/kernel/instant.ts'

const utc = (ms: number): string => new Date(ms).toISOString()
const words = (schema: z.ZodType, sent: unknown) =>
  schema.safeParse(sent).error?.issues.map(({ message }) => message)

describe('an instant', () => {
  it.each([
    ['2026-11-20T10:00:00Z', '2026-11-20T10:00:00.000Z'],
    ['2026-11-20t10:00:00z', '2026-11-20T10:00:00.000Z'],
    ['2026-11-20T10:00Z', '2026-11-20T10:00:00.000Z'],
    ['2026-11-20T10:00:00.5Z', '2026-11-20T10:00:00.500Z'],
    ['2026-11-20T10:00:00.1234567890123Z', '2026-11-20T10:00:00.123Z'],
    ['2026-11-20T10:00:00+05:45', '2026-11-20T04:15:00.000Z'],
    ['2026-11-20T10:00:00-08:00', '2026-11-20T18:00:00.000Z'],
    ['2026-11-20T10:00:00-00:00', '2026-11-20T10:00:00.000Z'],
    ['2026-11-20T23:59:60Z', '2026-11-21T00:00:00.000Z'],
    ['2016-12-31T23:59:60.25Z', '2017-01-01T00:00:00.250Z'],
    ['2016-12-31T15:59:60-08:00', '2017-01-01T00:00:00.000Z'],
    ['1990-12-31T15:59:60-08:00', '1991-01-01T00:00:00.000Z'],
    ['1937-01-01T12:00:27.87+00:20', '1937-01-01T11:40:27.870Z'],
    ['2024-02-29T00:00:00Z', '2024-02-29T00:00:00.000Z'],
    ['2000-02-29T00:00:00Z', '2000-02-29T00:00:00.000Z'],
    ['0000-02-29T00:00:00Z', '0000-02-29T00:00:00.000Z'],
  ])('%s is %s', (sent, instant) => {
    expect(utc(instantMs(sent))).toBe(instant)
    expect(instantSchema('2026-11-01T00:00:00Z').parse(sent)).toBe(Date.parse(instant))
  })

  it.each([
    ['2026-02-30T10:00:00Z', '2026-02 has the days 01 to 28'],
    ['2024-02-30T10:00:00Z', '2024-02 has the days 01 to 29'],
    ['1900-02-29T10:00:00Z', '1900-02 has the days 01 to 28'],
    ['2026-11-31T10:00:00Z', '2026-11 has the days 01 to 30'],
    ['2026-11-00T10:00:00Z', '2026-11 has the days 01 to 30'],
    ['2026-13-01T10:00:00Z', 'there is no month 13'],
    ['2026-00-01T10:00:00Z', 'there is no month 00'],
    ['2026-11-20T24:00:00Z', 'hours go from 00 to 23'],
    ['2026-11-20T10:60:00Z', 'minutes go from 00 to 59'],
    ['2026-11-20T10:00:61Z', 'seconds go from 00 to 59'],
    ['2026-11-20T10:00:60Z', 'only 23:59 in UTC has a second 60'],
    ['2026-11-20T23:59:60+01:00', 'only 23:59 in UTC has a second 60'],
    ['2026-11-20', 'there is no time in it'],
    ['2026-11-20T10:00:00', 'it needs its offset from UTC, "Z" for UTC itself'],
    ['2026-11-20 10:00:00Z', 'send "2026-11-20T10:00:00Z"'],
    ['2026-11-20 10:00:00+00:00', 'send "2026-11-20T10:00:00+00:00"'],
    ['2026-11-20T10:00:00+0100', 'send "2026-11-20T10:00:00+01:00"'],
    ['2026-11-20T10:00:00+01', 'send "2026-11-20T10:00:00+01:00"'],
    ['2026-11-20T10:00:00 01:00', 'send "2026-11-20T10:00:00+01:00"'],
    [' 2026-11-20T10:00:00Z', 'send "2026-11-20T10:00:00Z"'],
  ])('%s is none, and the refusal says: %s', (sent, says) => {
    const right = 'must be an RFC 3339 time, such as "2026-11-22T10:00:00Z"'
    expect(instantMs(sent)).toBeNaN()
    expect(words(instantSchema('2026-11-22T10:00:00Z'), sent)).toEqual([`${right}: ${says}`])
  })

  it.each([
    ...['', 'Z', 'yesterday', '1795168800', '2026-11-20T', '2026-11-20T10:00:00.Z', '2026-11-20T10:00:00Zx'],
    ...[
      '2026-11-20T10:00:00.Z',
      '2026-11-20T1a:00:00Z',
      '20261120T100000Z',
      '２026-11-20T10:00:00Z',
      5,
      null,
    ],
    '9'.repeat(1_000_000),
  ])('%j is none', (sent) => {
    expect(words(instantSchema('2026-11-22T10:00:00Z'), sent)?.[0]).toMatch(
      /^must be an RFC 3339 time, such as "2026/,
    )
  })

  it('is read as Date.parse reads what both take, and as zod judges', () => {
    const judge = z.iso.datetime({ offset: true })
    const two = (max: number) => fc.integer({ min: 0, max }).map((n) => String(n).padStart(2, '0'))
    const text = fc
      .tuple(
        fc.integer({ min: 0, max: 9999 }),
        two(13),
        two(32),
        two(25),
        two(61),
        two(59),
        fc.constantFrom('', '.1', '.987654'),
        fc.constantFrom('Z', '+05:30', '-23:59', '+24:00', ''),
      )
      .map(([y, mo, d, h, mi, s, f, o]) => `${String(y).padStart(4, '0')}-${mo}-${d}T${h}:${mi}:${s}${f}${o}`)
    fc.assert(
      fc.property(text, (sent) => {
        expect(instantMs(sent)).toBe(judge.safeParse(sent).success ? Date.parse(sent) : Number.NaN)
      }),
      { numRuns: 20_000 },
    )
  })
})

describe('a date in place of an instant', () => {
  const schema = instantOrDateSchema('2026-11-01T00:00:00Z')

  it.each([
    ['UTC', '2026-11-20', '2026-11-20T00:00:00.000Z'],
    ['Asia/Kathmandu', '2026-11-20', '2026-11-19T18:15:00.000Z'],
    ['America/New_York', '2026-11-02', '2026-11-02T05:00:00.000Z'],
    // A day without a midnight: clocks went from 23:59:59 to 01:00.
    ['America/Santiago', '2026-09-06', '2026-09-06T04:00:00.000Z'],
    ['Europe/Berlin', '2026-11-20T00:00:00Z', '2026-11-20T00:00:00.000Z'],
  ])('is in %s, of %s, %s', (timezone, sent, instant) => {
    expect(schema.parse(sent)).toBe(sent)
    expect(utc(instantInZoneMs(timezone, sent))).toBe(instant)
  })

  it.each(['2026-02-30', '2026-11', '2026-11-1', '20261120', '2026-11-20x'])('is not %s', (sent) => {
    expect(words(schema, sent)?.[0]).toMatch(
      /^must be an RFC 3339 time, such as .*, or a date, such as "2026-11-01"/,
    )
    expect(instantInZoneMs('UTC', sent)).toBeNaN()
  })
})
