import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { anchorDate, type Interval, periodAt } from '../../src/billing/interval.ts'
import { dayOffset, daySpans, proratedAmount } from '../../src/billing/proration.ts'
import { minorUnits, roundedAmount } from '../../src/kernel/currency.ts'
import { decimal, sum, text } from '../../src/kernel/decimal.ts'
import { anInterval, aStart, aZone } from './calendars.ts'

const at = (text: string) => Date.parse(text)
const month: Interval = { unit: 'month', count: 1 }

describe('days from the start of a period', () => {
  it.each([
    ['UTC', '2026-03-01T00:00Z', '2026-03-01T00:00Z', 0, 0],
    ['UTC', '2026-03-01T00:00Z', '2026-03-01T01:00Z', 0, 1],
    ['UTC', '2026-03-01T00:00Z', '2026-03-01T23:59:59.999Z', 0, 1],
    ['UTC', '2026-03-01T00:00Z', '2026-03-02T00:00Z', 1, 1],
    ['UTC', '2026-03-01T00:00Z', '2026-04-01T00:00Z', 31, 31],
    // Over the day of 23 hours, and the one of 25.
    ['Europe/Berlin', '2026-02-28T23:00Z', '2026-03-29T21:00Z', 28, 29],
    ['Europe/Berlin', '2026-02-28T23:00Z', '2026-03-29T22:00Z', 29, 29],
    ['Europe/Berlin', '2026-02-28T23:00Z', '2026-03-31T22:00Z', 31, 31],
    ['Europe/Berlin', '2026-09-30T22:00Z', '2026-10-25T22:00Z', 24, 25],
    ['Europe/Berlin', '2026-09-30T22:00Z', '2026-10-25T23:00Z', 25, 25],
    ['America/New_York', '2026-11-01T04:00Z', '2026-11-02T04:00Z', 0, 1],
    ['America/New_York', '2026-11-01T04:00Z', '2026-11-02T05:00Z', 1, 1],
    ['Australia/Lord_Howe', '2026-09-30T13:30Z', '2026-10-04T13:00Z', 4, 4],
    ['Australia/Lord_Howe', '2026-09-30T13:30Z', '2026-10-04T12:00Z', 3, 4],
    ['Asia/Kathmandu', '2026-03-31T18:15Z', '2026-04-01T17:15Z', 0, 1],
    // Midnight is missing: one o'clock is the start of the day.
    ['America/Sao_Paulo', '2018-11-01T03:00Z', '2018-11-04T03:00Z', 3, 3],
    ['America/Sao_Paulo', '2018-11-01T03:00Z', '2018-11-04T04:00Z', 3, 4],
    ['Asia/Beirut', '2026-02-28T22:00Z', '2026-03-28T22:00Z', 28, 28],
    // Samoa: 29 December was followed by the 31st.
    ['Pacific/Apia', '2011-12-01T10:00Z', '2011-12-30T09:00Z', 28, 29],
    ['Pacific/Apia', '2011-12-01T10:00Z', '2011-12-30T10:00Z', 29, 29],
    ['Pacific/Apia', '2011-12-01T10:00Z', '2011-12-31T10:00Z', 30, 30],
    // St John's went back from a minute past midnight to a minute past eleven: the day had begun, and stays begun.
    ['America/St_Johns', '2010-11-01T02:30Z', '2010-11-07T02:30Z', 6, 6],
    ['America/St_Johns', '2010-11-01T02:30Z', '2010-11-07T02:45Z', 6, 7],
  ])('in %s from %s to %s: %i, rounded up %i', (zone, start, instant, floor, ceil) => {
    expect([
      dayOffset(zone, at(start), at(instant), 'floor'),
      dayOffset(zone, at(start), at(instant), 'ceil'),
    ]).toEqual([floor, ceil])
  })
})

describe('a part of a price', () => {
  it.each([
    ['31.00', 0, 1, 31, 'USD', '1.00'],
    ['10.00', 0, 1, 3, 'USD', '3.33'],
    ['10.00', 1, 2, 3, 'USD', '3.34'],
    ['10.00', 2, 3, 3, 'USD', '3.33'],
    ['10.00', 0, 3, 3, 'USD', '10.00'],
    ['10.00', 2, 2, 3, 'USD', '0.00'],
    // Exactly half a minor unit goes away from zero, up to each day.
    ['0.01', 0, 1, 2, 'USD', '0.01'],
    ['0.01', 1, 2, 2, 'USD', '0.00'],
    ['-0.01', 0, 1, 2, 'USD', '-0.01'],
    ['-10.00', 1, 2, 3, 'USD', '-3.34'],
    ['1', 0, 15, 31, 'JPY', '0'],
    ['1', 0, 16, 31, 'JPY', '1'],
    ['1000', 0, 10, 28, 'JPY', '357'],
    ['1', 0, 1, 3, 'KWD', '0.333'],
    // The price is rounded first: this is a cent, whose half is a cent; half of 0.006 would be none.
    ['0.006', 0, 1, 2, 'USD', '0.01'],
    ['0.994', 0, 2, 2, 'USD', '0.99'],
    ['999999999999999999999.99', 0, 1, 3, 'USD', '333333333333333333333.33'],
  ])('%s for days %i to %i of %i in %s: %s', (price, from, to, days, currency, amount) => {
    expect(roundedAmount(proratedAmount(decimal(price), from, to, days, currency), currency)).toBe(amount)
  })

  // A failure prints its seed and the smallest case that still fails.
  const aCurrency = fc.constantFrom('JPY', 'USD', 'KWD', 'CLF')
  const aPrice = fc
    .tuple(fc.bigInt({ min: -(10n ** 15n), max: 10n ** 15n }), fc.nat({ max: 6 }))
    .map(([units, places]) => decimal(`${units}e-${places}`))
  const cutDays = fc
    .integer({ min: 1, max: 1096 })
    .chain((days) =>
      fc
        .array(fc.integer({ min: 0, max: days }), { maxLength: 20 })
        .map((cuts) => ({ days, cuts: [0, ...cuts.sort((a, b) => a - b), days] })),
    )

  test('however a period is divided, its parts add up to the rounded price, each in whole minor units', () => {
    fc.assert(
      fc.property(aPrice, aCurrency, cutDays, (price, currency, { days, cuts }) => {
        const parts = cuts.slice(1).map((to, i) => proratedAmount(price, cuts[i]!, to, days, currency))
        expect(roundedAmount(sum(parts), currency)).toBe(roundedAmount(price, currency))
        for (const part of parts) expect(part.eq(part.round(minorUnits(currency)))).toBe(true)
      }),
      { numRuns: 1_000 },
    )
  })

  test('the credit for what is unused and the charge for what is used are the price', () => {
    fc.assert(
      fc.property(aPrice, aCurrency, cutDays, (price, currency, { days, cuts }) => {
        const day = cuts[1]!
        const credit = proratedAmount(price.neg(), day, days, days, currency)
        const used = proratedAmount(price, 0, day, days, currency)
        expect(roundedAmount(used.minus(credit), currency)).toBe(roundedAmount(price, currency))
        // A credit undoes its charge to the last minor unit.
        expect(text(credit.plus(proratedAmount(price, day, days, days, currency)))).toBe('0')
      }),
      { numRuns: 1_000 },
    )
  })

  test('never has the other sign, and is within a minor unit of its exact share', () => {
    fc.assert(
      fc.property(aPrice, aCurrency, cutDays, (price, currency, { days, cuts }) => {
        const [from, to] = [cuts[1]!, cuts[2] ?? days]
        const part = proratedAmount(price, from, to, days, currency)
        expect(part.times(price).gte('0')).toBe(true)
        const unit = decimal(`1e-${minorUnits(currency)}`)
        // In days, as the share itself may have no end of decimals.
        const whole = decimal(roundedAmount(price, currency))
        const apart = part.times(String(days)).minus(whole.times(String(to - from)))
        expect(apart.abs().lte(unit.times(String(days)))).toBe(true)
      }),
    )
  })
})

describe('phases of a period', () => {
  const march = { fullStartMs: at('2026-02-28T23:00Z') }
  const spans = (...instants: string[]) =>
    daySpans(
      'Europe/Berlin',
      march,
      instants.slice(1).map((to, i) => ({ fromMs: at(instants[i]!), toMs: at(to) })),
    ).map(({ fromDay, toDay }) => [fromDay, toDay])

  it.each([
    ['one of them has every day', ['2026-02-28T23:00Z', '2026-03-31T22:00Z'], [[0, 31]]],
    [
      'a change at the start of a day divides the days before from it and those after',
      ['2026-02-28T23:00Z', '2026-03-10T23:00Z', '2026-03-31T22:00Z'],
      [
        [0, 10],
        [10, 31],
      ],
    ],
    [
      'the day that a change cuts belongs to the later one',
      ['2026-02-28T23:00Z', '2026-03-11T15:00Z', '2026-03-31T22:00Z'],
      [
        [0, 10],
        [10, 31],
      ],
    ],
    [
      'of two changes on a day, the last has it, and what was between has none',
      ['2026-02-28T23:00Z', '2026-03-11T08:00Z', '2026-03-11T15:00Z', '2026-03-31T22:00Z'],
      [
        [0, 10],
        [10, 10],
        [10, 31],
      ],
    ],
    ['the day of a start counts', ['2026-03-11T15:00Z', '2026-03-31T22:00Z'], [[10, 31]]],
    ['the day of a cancellation counts as used', ['2026-02-28T23:00Z', '2026-03-11T15:00Z'], [[0, 11]]],
    ['what ends with a day has that day and no more', ['2026-02-28T23:00Z', '2026-03-11T23:00Z'], [[0, 11]]],
    [
      'a change and a cancellation on one day: the day is used, by the later one',
      ['2026-02-28T23:00Z', '2026-03-11T08:00Z', '2026-03-11T15:00Z'],
      [
        [0, 10],
        [10, 11],
      ],
    ],
    ['an hour is a day', ['2026-03-11T08:00Z', '2026-03-11T09:00Z'], [[10, 11]]],
  ])('%s', (_, instants, expected) => {
    expect(spans(...instants)).toEqual(expected)
  })

  test('follow each other without a gap, in order and within the period, in every zone; a whole period is used whole', () => {
    const periods = fc
      .record({
        zone: aZone,
        interval: fc.oneof(fc.constant(month), anInterval),
        anchor: fc.constantFrom('calendar' as const, 'anniversary' as const),
        index: fc.nat({ max: 3 }),
        cuts: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 8 }),
      })
      .chain((one) => aStart(one.zone).map((startMs) => ({ ...one, startMs })))
    fc.assert(
      fc.property(periods, ({ zone, interval, anchor, index, cuts, startMs }) => {
        const date = anchorDate(zone, anchor, interval, startMs)
        const period = periodAt(zone, date, interval, startMs, index)
        const changes = cuts
          .map((part) => period.startMs + Math.floor(part * (period.endMs - period.startMs)))
          .sort((a, b) => a - b)
        const instants = [period.startMs, ...changes, period.endMs]
        const phases = instants.slice(1).map((toMs, i) => ({ fromMs: instants[i]!, toMs }))
        const spans = daySpans(zone, period, phases)
        spans.forEach(({ fromDay, toDay }, i) => {
          expect(fromDay).toBe(
            i === 0 ? dayOffset(zone, period.fullStartMs, period.startMs, 'floor') : spans[i - 1]!.toDay,
          )
          expect(toDay).toBeGreaterThanOrEqual(fromDay)
        })
        expect(spans.at(-1)!.toDay).toBe(period.days)
        if (period.startMs === period.fullStartMs) expect(spans[0]!.fromDay).toBe(0)
        expect(spans[0]!.fromDay).toBeLessThan(period.days)
      }),
      { numRuns: 500 },
    )
  })
})
