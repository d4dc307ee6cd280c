import { describe, expect, test } from 'vitest'
import { decimalString } from '../../src/kernel/decimal-schema.ts'
import { knownFields } from '../../src/kernel/object-schema.ts'

const message = (
  schema: { safeParse(sent: unknown): { error?: { issues: { message: string }[] } } },
  sent: unknown,
) => schema.safeParse(sent).error?.issues.map((issue) => issue.message)

const amount = decimalString({ min: '0' })
const size = decimalString({ above: '0' })
const any = decimalString()

describe('a decimal string', () => {
  test.each([
    ['0', '0'],
    ['0.01', '0.01'],
    ['1.50', '1.5'],
    ['0.000000000001', '0.000000000001'],
    ['999999999999999.999999999999', '999999999999999.999999999999'],
    ['1e3', '1000'],
    ['1E-7', '0.0000001'],
    ['1.50e+2', '150'],
    ['0E-18', '0'],
    ['1234567890123450E-1', '123456789012345'],
    ['000', undefined],
  ])('%s comes out canonical: %s', (sent, canonical) => {
    expect(amount.safeParse(sent).data).toBe(canonical)
  })

  test('may be negative where no bound says otherwise', () => {
    expect(any.parse('-1.50')).toBe('-1.5')
    expect(any.parse('-0')).toBe('0')
    expect(decimalString({ min: '-2' }).safeParse('-2').success).toBe(true)
    expect(message(decimalString({ min: '-2' }), '-2.1')).toEqual(['must be -2 or more'])
  })

  test('may have a greatest value, which is allowed', () => {
    const percent = decimalString({ min: '0', max: '100' })
    expect(percent.parse('100.0')).toBe('100')
    expect(message(percent, '100.000000000001')).toEqual(['must be 100 or less'])
    expect(message(percent, '-1')).toEqual(['must be 0 or more'])
  })

  test.each<[unknown, string]>([
    // Its digits are shown by whoever has the body's own text.
    [0.01, 'must be a string, so that no digit is lost: send a string'],
    [1e21, 'must be a string, so that no digit is lost: send a string'],
    [undefined, 'must be a decimal string, such as "0.01"'],
    [null, 'must be a decimal string, such as "0.01"'],
    [true, 'must be a decimal string, such as "0.01"'],
    ['', 'must be a decimal string, such as "0.01"'],
    ['ten', 'must be a decimal string, such as "0.01"'],
    ['1,000', 'must be a decimal string, such as "0.01"'],
    ['1e3x', 'must be a decimal string, such as "0.01"'],
    ['9'.repeat(1_000_000).concat('x'), 'must be a decimal string, such as "0.01"'],
    ['.5', 'must be a plain decimal: send "0.5", not ".5"'],
    ['+5', 'must be a plain decimal: send "5", not "+5"'],
    [' 5\n', 'must be a plain decimal: send "5", not " 5\\n"'],
    ['007', 'must be a plain decimal: send "7", not "007"'],
    ['-1', 'must be 0 or more'],
    ['1234567890123456', 'must have at most 15 digits before the point and 12 after it'],
    ['0.0000000000001', 'must have at most 15 digits before the point and 12 after it'],
    ['1e15', 'must have at most 15 digits before the point and 12 after it'],
    ['1E-13', 'must have at most 15 digits before the point and 12 after it'],
    ['1e999999999', 'must have at most 15 digits before the point and 12 after it'],
    ['1e-999999999', 'must have at most 15 digits before the point and 12 after it'],
    ['9e999', 'must have at most 15 digits before the point and 12 after it'],
    ['-1e3', 'must be 0 or more'],
    ['9'.repeat(1_000_000), 'must have at most 15 digits before the point and 12 after it'],
  ])('refuses %j and says what would be right', (sent, expected) => {
    expect(message(amount, sent)).toEqual([expected])
  })

  test('above 0 refuses 0 and less', () => {
    expect(message(size, '0')).toEqual(['must be more than 0'])
    expect(message(size, '0.000')).toEqual(['must be more than 0'])
    expect(message(size, '-1')).toEqual(['must be more than 0'])
    expect(size.parse('0.000000000001')).toBe('0.000000000001')
  })
})

describe('an object of known fields', () => {
  const schema = knownFields('A box', { width: amount, height: amount })

  test('refuses what it does not know by name, and names what it does', () => {
    expect(message(schema, { width: '1', height: '2', widht: '3' })).toEqual([
      'must not have "widht": a box has width, height',
    ])
  })

  test('keeps the message short however many and long the names are', () => {
    const sent = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`${i}x`.repeat(1000), 1]))
    expect(message(schema, { width: '1', height: '2', ...sent })![0]!.length).toBeLessThan(500)
  })

  test.each([[null], [5], ['x'], [[]], [undefined]])('refuses %j, which is no object', (sent) => {
    expect(message(schema, sent)).toEqual(['must be an object: a box has width, height'])
  })
})
