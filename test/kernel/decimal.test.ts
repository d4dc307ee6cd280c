import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type Decimal,
  decimal,
  fixedText,
  percentOf,
  quotient,
  quotientRoundedDown,
  quotientRoundedUp,
  roundHalfAwayFromZero,
  roundUp,
  sum,
  text,
} from '../../src/kernel/decimal.ts'

/** Whole numbers of 10⁻¹², as the text of a decimal. */
function fromPicos(picos: bigint): string {
  const digits = (picos < 0n ? -picos : picos).toString().padStart(13, '0')
  return `${picos < 0n ? '-' : ''}${digits.slice(0, -12)}.${digits.slice(-12)}`
}
const toPicos = (value: Decimal): bigint => BigInt(value.toFixed(12).replace('.', ''))

const picos = fc.bigInt({ min: -(10n ** 27n), max: 10n ** 27n })
const positive = fc.bigInt({ min: 1n, max: 10n ** 27n })
const ceiling = (a: bigint, b: bigint): bigint => (a + b - 1n) / b

describe('a decimal', () => {
  test('refuses a JavaScript number, at the start and in the middle', () => {
    expect(() => decimal(0.1 as unknown as string)).toThrow()
    expect(() => decimal('0.1').plus(0.2)).toThrow()
    expect(() => decimal('0.1').times(3)).toThrow()
    expect(() => +decimal('0.1')).toThrow()
  })

  test.each(['', ' ', '1,5', '1.2.3', '0x10', 'NaN', 'Infinity', '--1', '1 ', '1e', '１'])(
    'refuses %j, which is no number',
    (wrong) => {
      expect(() => decimal(wrong)).toThrow()
    },
  )

  test('refuses an exponent that would fill the memory', () => {
    expect(() => decimal('1e1001')).toThrow(RangeError)
    expect(() => decimal('1E-999999999')).toThrow(RangeError)
    expect(text(decimal('1e1000'))).toHaveLength(1001)
  })

  test.each([
    ['1.50', '1.5'],
    ['007', '7'],
    ['-0', '0'],
    ['-0.000', '0'],
    ['1e3', '1000'],
    ['1.5e-7', '0.00000015'],
    ['123456789012345678901234567890.000000000001', '123456789012345678901234567890.000000000001'],
    ['0.000000000000000000000000000001', '0.000000000000000000000000000001'],
  ])('%s is canonically %s', (sent, canonical) => {
    expect(text(decimal(sent))).toBe(canonical)
  })

  test('adds, subtracts and multiplies like whole numbers of a trillionth', () => {
    fc.assert(
      fc.property(picos, picos, (a, b) => {
        const [x, y] = [decimal(fromPicos(a)), decimal(fromPicos(b))]
        expect(toPicos(x.plus(y))).toBe(a + b)
        expect(toPicos(x.minus(y))).toBe(a - b)
        expect(toPicos(sum([x, y, x]))).toBe(a + b + a)
        expect(
          x
            .times(y)
            .toFixed(24)
            .replace('.', '')
            .replace(/^(-?)0+(?=\d)/, '$1'),
        ).toBe(a * b === 0n ? '0' : (a * b).toString())
      }),
    )
  })
})

describe('rounding', () => {
  test.each([
    ['0.125', 2, '0.13'],
    ['-0.125', 2, '-0.13'],
    ['0.1249999999999999999999999', 2, '0.12'],
    ['0.5', 0, '1'],
    ['-0.5', 0, '-1'],
    ['0.4999', 0, '0'],
    ['2.5', 0, '3'],
    ['0.05', 0, '0'],
    ['9.995', 2, '10'],
    ['0.00005', 4, '0.0001'],
  ])('%s to %i decimals, half away from zero, is %s', (value, places, expected) => {
    expect(text(roundHalfAwayFromZero(decimal(value), places))).toBe(expected)
  })

  test('agrees with whole-number arithmetic, for either sign and any places', () => {
    fc.assert(
      fc.property(picos, fc.integer({ min: 0, max: 11 }), (a, places) => {
        const unit = 10n ** BigInt(12 - places)
        const magnitude = a < 0n ? -a : a
        const rounded = ((magnitude + unit / 2n) / unit) * unit
        expect(toPicos(roundHalfAwayFromZero(decimal(fromPicos(a)), places))).toBe(
          a < 0n ? -rounded : rounded,
        )
      }),
    )
  })

  test.each([
    ['2.1', '3'],
    ['2', '2'],
    ['0.000000000001', '1'],
    ['0', '0'],
    ['-2.1', '-2'],
    ['-0.5', '0'],
  ])('%s rounded up is %s', (value, expected) => {
    expect(text(roundUp(decimal(value)))).toBe(expected)
  })

  test.each([
    ['1.5', 2, '1.50'],
    ['1.005', 2, '1.01'],
    ['2', 0, '2'],
    ['0', 3, '0.000'],
    ['-0.001', 2, '0.00'],
    ['-1.5', 0, '-2'],
    ['1e21', 2, '1000000000000000000000.00'],
  ])('%s with %i decimals is written %s', (value, places, expected) => {
    expect(fixedText(decimal(value), places)).toBe(expected)
  })
})

describe('division', () => {
  test.each([
    ['1', '3', 12, '0.333333333333'],
    ['2', '3', 12, '0.666666666667'],
    ['-2', '3', 12, '-0.666666666667'],
    ['1', '8', 2, '0.13'],
    ['0', '7', 12, '0'],
    ['1', '3', 30, '0.333333333333333333333333333333'],
  ])('%s / %s to %i decimals is %s', (a, b, places, expected) => {
    expect(text(quotient(decimal(a), decimal(b), places))).toBe(expected)
  })

  test('by zero throws', () => {
    expect(() => quotient(decimal('1'), decimal('0'), 2)).toThrow()
    expect(() => quotientRoundedUp(decimal('1'), decimal('0'))).toThrow()
  })

  test.each([
    ['0', '100', '0'],
    ['100', '100', '1'],
    ['100.000000000001', '100', '2'],
    ['0.9', '0.3', '3'],
    ['1', '0.3', '4'],
    // a rounded quotient of 20 decimals is exactly 1 here
    ['999999999999999000000000000.000000000001', '999999999999999000000000000', '2'],
  ])('%s in parts of %s, rounded up, is %s', (a, b, expected) => {
    expect(text(quotientRoundedUp(decimal(a), decimal(b)))).toBe(expected)
  })

  test.each([
    ['1', '3', 2, '0.34'],
    ['1', '8', 3, '0.125'],
    ['1', '8', 2, '0.13'],
    ['0', '3', 2, '0'],
    ['0.000000000001', '999999999999999', 2, '0.01'],
  ])('%s / %s, rounded up to %i decimals, is %s', (a, b, places, expected) => {
    expect(text(quotientRoundedUp(decimal(a), decimal(b), places))).toBe(expected)
  })

  test('rounded up or down agrees with whole-number arithmetic', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 27n }), positive, (a, b) => {
        const [dividend, divisor] = [decimal(fromPicos(a)), decimal(fromPicos(b))]
        expect(text(quotientRoundedUp(dividend, divisor))).toBe(ceiling(a, b).toString())
        expect(text(quotientRoundedDown(dividend, divisor))).toBe((a / b).toString())
        const inTrillionths = quotientRoundedUp(dividend, divisor, 12)
        expect(toPicos(inTrillionths)).toBe(ceiling(a * 10n ** 12n, b))
        expect(inTrillionths.round(12).eq(inTrillionths)).toBe(true)
      }),
    )
  })
})

test.each([
  ['2.9', '200', '5.8'],
  ['0.000000000001', '0.000000000001', '0.00000000000000000000000001'],
  ['100', '-3', '-3'],
  ['0', '5', '0'],
])('%s %% of %s is %s, exactly', (percent, value, expected) => {
  expect(text(percentOf(percent, decimal(value)))).toBe(expected)
  expect(text(percentOf(decimal(percent), decimal(value)))).toBe(expected)
})
