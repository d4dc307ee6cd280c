import { describe, expect, test } from 'vitest'
import {
  currencies,
  currencySchema,
  isCurrency,
  minorUnits,
  roundedAmount,
} from '../../src/kernel/currency.ts'
import { decimal } from '../../src/kernel/decimal.ts'

describe('currencies', () => {
  // ISO 4217 list one of 2026-09-17: how many of its codes have how many digits.
  test('are the 165 of ISO 4217 with a minor unit, each once', () => {
    expect(new Set(currencies).size).toBe(currencies.length)
    const count = (digits: number) => currencies.filter((code) => minorUnits(code) === digits).length
    expect([0, 1, 2, 3, 4].map(count)).toEqual([17, 0, 139, 7, 2])
    expect(currencies).toHaveLength(165)
    for (const code of currencies) expect(code).toMatch(/^[A-Z]{3}$/)
  })

  test.each([
    ['JPY', 0],
    ['KRW', 0],
    ['ISK', 0],
    ['VND', 0],
    ['CLP', 0],
    ['USD', 2],
    ['EUR', 2],
    ['HUF', 2],
    ['TWD', 2],
    ['XCG', 2],
    ['KWD', 3],
    ['IQD', 3],
    ['CLF', 4],
    ['UYW', 4],
  ])('%s has %i decimals', (code, digits) => {
    expect(minorUnits(code)).toBe(digits)
  })

  test.each(['XAU', 'XXX', 'XTS', 'XDR', 'BGN', 'ANG', 'CUC', 'usd', 'US', 'BTC', '', 'constructor'])(
    '%j is none, and has no minor unit',
    (code) => {
      expect(isCurrency(code)).toBe(false)
      expect(() => minorUnits(code)).toThrow()
    },
  )

  test.each<[unknown, string]>([
    ['usd', 'must be three capitals: send "USD"'],
    [' EUR', 'must be three capitals: send "EUR"'],
    ['XXX', 'must be a current ISO 4217 currency code, such as "USD"'],
    ['dollars', 'must be a current ISO 4217 currency code, such as "USD"'],
    [840, 'must be an ISO 4217 currency code, such as "USD"'],
    [undefined, 'must be an ISO 4217 currency code, such as "USD"'],
  ])('%j is refused with what would be right', (sent, message) => {
    expect(currencySchema.safeParse(sent).error?.issues.map((issue) => issue.message)).toEqual([message])
  })

  test.each([
    ['1.5', 'USD', '1.50'],
    ['1.5', 'JPY', '2'],
    ['1.5', 'KWD', '1.500'],
    ['1.5', 'CLF', '1.5000'],
    ['0.005', 'USD', '0.01'],
    ['-0.005', 'USD', '-0.01'],
    ['-0.004', 'USD', '0.00'],
    ['0', 'JPY', '0'],
  ])('%s %s is written %s', (value, currency, expected) => {
    expect(roundedAmount(decimal(value), currency)).toBe(expected)
  })
})
