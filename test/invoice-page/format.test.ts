import { describe, expect, it } from 'vitest'
import {
  shownAmount,
  shownDays,
  shownMoney,
  shownNumber,
  shownSpan,
} from '../../src/http/invoice-page/format.ts'

describe('a number', () => {
  it.each([
    ['0', '0'],
    ['999', '999'],
    ['1000', '1,000'],
    ['-1234567.5', '−1,234,567.5'],
    ['123456789012345.123456789012', '123,456,789,012,345.123456789012'],
    ['0.0000000000001', '≈\u00a00'],
  ])('%s is shown exactly, or as cut: %s', (value, shown) => {
    expect(shownNumber(value)).toBe(shown)
  })

  it.each([
    ['49', 'EUR', '49.00'],
    ['0.00000015', 'EUR', '0.00000015'],
    ['1500', 'JPY', '1,500'],
    ['1.5', 'KWD', '1.500'],
    ['-0.20', 'EUR', '−0.20'],
  ])('%s in %s has the decimals of the currency at least: %s', (value, currency, shown) => {
    expect(shownMoney(value, currency)).toBe(shown)
    expect(shownAmount(value, currency)).toBe(`${currency}\u00a0${shown}`)
  })
})

describe('a span', () => {
  it.each([
    ['UTC', '2026-11-01T00:00Z', '2026-12-01T00:00Z', '1 Nov 2026 – 30 Nov 2026', 'whole'],
    ['UTC', '2026-11-01T00:00Z', '2026-11-02T00:00Z', '1 Nov 2026', 'whole'],
    ['UTC', '2026-11-01T00:00Z', '2026-11-01T00:00Z', '1 Nov 2026', 'whole'],
    ['Asia/Kolkata', '2026-10-31T18:30Z', '2026-11-30T18:30Z', '1 Nov 2026 – 30 Nov 2026', 'whole'],
    // Clocks go forward at midnight there: the day begins at 01:00.
    ['America/Asuncion', '2024-10-06T04:00Z', '2024-10-07T03:00Z', '6 Oct 2024', 'whole'],
    ['UTC', '2026-11-01T10:00Z', '2026-11-01T12:00Z', '1 Nov 2026', '1 Nov 2026, 10:00 – 1 Nov 2026, 12:00'],
  ])('in %s from %s to %s is %s', (timezone, from, to, days, span) => {
    const [fromMs, toMs] = [Date.parse(from), Date.parse(to)]
    expect(shownDays(timezone, fromMs, toMs).replaceAll('\u00a0', ' ')).toBe(days)
    expect(shownSpan(timezone, fromMs, toMs).replaceAll('\u00a0', ' ')).toBe(span === 'whole' ? days : span)
  })
})
