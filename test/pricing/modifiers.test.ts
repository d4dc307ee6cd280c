import { describe, expect, test } from 'vitest'
import { decimal } from '../../src/kernel/decimal.ts'
import { rate } from '../../src/pricing/rate.ts'
import { costs } from './cases.ts'

const cent = { model: 'per_unit', unit_amount: '0.01' } as const

describe('free units', () => {
  costs('come off first, and never below zero', { ...cent, free_units: '100' }, 'USD', [
    ['-5', '0.00', '0'],
    ['0', '0.00', '0'],
    ['40', '0.00', '0'],
    ['100', '0.00', '0'],
    ['100.5', '0.01', '0.005'],
    ['101', '0.01', '0.01'],
    ['1100', '10.00', '10'],
  ])
})

describe('a minimum and a maximum', () => {
  costs('hold for the line', { ...cent, minimum_amount: '5', maximum_amount: '20' }, 'USD', [
    ['-5', '5.00', '5'],
    ['0', '5.00', '5'],
    ['499', '5.00', '5'],
    ['500', '5.00', '5'],
    ['501', '5.01', '5.01'],
    ['2000', '20.00', '20'],
    ['2001', '20.00', '20'],
    ['999999999999999', '20.00', '20'],
  ])
  costs('may be the same: a fixed price', { ...cent, minimum_amount: '7', maximum_amount: '7' }, 'USD', [
    ['0', '7.00', '7'],
    ['700', '7.00', '7'],
    ['9999', '7.00', '7'],
  ])
  costs('of nothing at most makes it free', { ...cent, maximum_amount: '0' }, 'USD', [['100', '0.00', '0']])
  costs('come before rounding', { ...cent, minimum_amount: '0.005', maximum_amount: '0.014' }, 'USD', [
    ['0', '0.01', '0.005'],
    ['1', '0.01', '0.01'],
    ['9', '0.01', '0.014'],
  ])
  costs('in yen', { model: 'per_unit', unit_amount: '0.3', minimum_amount: '2.5' }, 'JPY', [
    ['0', '3', '2.5'],
    ['9', '3', '2.7'],
    ['12', '4', '3.6'],
  ])
})

describe('a unit conversion', () => {
  const kilo = (round: 'up' | 'down' | 'nearest' | 'none', price = {}) => ({
    model: 'per_unit' as const,
    unit_amount: '1',
    unit_conversion: { divide_by: '1000', round },
    ...price,
  })

  costs('rounded up: begun is used', kilo('up'), 'USD', [
    ['-1', '0.00', '0'],
    ['0', '0.00', '0'],
    ['0.000000000001', '1.00', '1'],
    ['1000', '1.00', '1'],
    ['1000.000000000001', '2.00', '2'],
  ])
  costs('rounded down: only what is complete counts', kilo('down'), 'USD', [
    ['0', '0.00', '0'],
    ['999.999999999999', '0.00', '0'],
    ['1000', '1.00', '1'],
    ['1999.999999999999', '1.00', '1'],
  ])
  costs('rounded to the nearest, a half up', kilo('nearest'), 'USD', [
    ['499.999999999999', '0.00', '0'],
    ['500', '1.00', '1'],
    ['1499.999999999999', '1.00', '1'],
    ['1500', '2.00', '2'],
  ])
  costs('not rounded', kilo('none'), 'USD', [
    ['0.000000000001', '0.00', '0.000000000000001'],
    ['4', '0.00', '0.004'],
    ['5', '0.01', '0.005'],
    ['1500', '1.50', '1.5'],
  ])
  costs(
    'by a fraction multiplies',
    kilo('none', { unit_conversion: { divide_by: '0.5', round: 'none' } }),
    'JPY',
    [['3', '6', '6']],
  )
  // 2⁻³⁰
  costs(
    'bytes in GiB',
    { model: 'per_unit', unit_amount: '0.02', unit_conversion: { divide_by: '1073741824', round: 'none' } },
    'USD',
    [
      ['1', '0.00', '0.0000000000186264514923095703125'],
      ['5368709120', '0.10', '0.1'],
    ],
  )
  // 4 / 3 · 0.00375 is half a cent: cut after any number of decimals, it would be less.
  costs(
    'a quotient without an end doesn’t miss the half cent that is due',
    { model: 'per_unit', unit_amount: '0.00375', unit_conversion: { divide_by: '3', round: 'none' } },
    'USD',
    [['4', '0.01', '0.00500000000000000000000000000000000000000025']],
  )
  costs(
    'comes before free units, tiers and packages, which are in the unit that is priced',
    {
      model: 'package',
      package_size: '10',
      package_amount: '5',
      free_units: '1',
      unit_conversion: { divide_by: '60', round: 'up' },
    },
    'KWD',
    [
      ['60', '0.000', '0'],
      ['61', '5.000', '5'],
      ['660', '5.000', '5'],
      ['661', '10.000', '10'],
    ],
  )
  costs(
    'rounded down to nothing is zero usage',
    {
      model: 'graduated',
      tiers: [{ up_to: null, flat_amount: '5' }],
      flat_at_zero: false,
      unit_conversion: { divide_by: '10', round: 'down' },
    },
    'USD',
    [
      ['9', '0.00', '0'],
      ['10', '5.00', '5'],
    ],
  )
})

describe('a discount', () => {
  costs('takes so many percent off', { ...cent, discount_percent: '15' }, 'USD', [
    ['0', '0.00', '0'],
    ['1', '0.01', '0.0085'],
    ['100', '0.85', '0.85'],
    ['-100', '0.00', '0'],
  ])
  costs('of 0 takes nothing off', { ...cent, discount_percent: '0' }, 'USD', [['100', '1.00', '1']])
  costs('of 100 takes all off', { ...cent, discount_percent: '100' }, 'USD', [['100', '0.00', '0']])
  costs('is exact', { ...cent, discount_percent: '33.333333333333' }, 'USD', [
    ['1', '0.01', '0.0066666666666667'],
  ])
  costs(
    'is of flat amounts too',
    { model: 'graduated', tiers: [{ up_to: null, flat_amount: '5' }], discount_percent: '50' },
    'JPY',
    [['0', '3', '2.5']],
  )
  costs(
    'is of both parts of a percentage price',
    { model: 'percentage', rate: '10', fixed_amount: '1', discount_percent: '50' },
    'USD',
    [['100', '6.00', '6', '2']],
  )
})

// Each comment says what another order would make of it.
describe('the order of modifiers', () => {
  const price = {
    ...cent,
    unit_amount: '1',
    unit_conversion: { divide_by: '10', round: 'up' as const },
    free_units: '3',
    discount_percent: '50',
  }
  // Free units first: (95 − 3) / 10 → 10 units, 5.
  costs('converts, then takes free units off', price, 'USD', [['95', '3.50', '3.5']])
  // The discount last: 7, lowered to 3, less 50 % → 1.5; and 5, lowered to 3 → 1.5.
  costs('takes the discount off, then applies the maximum', { ...price, maximum_amount: '3' }, 'USD', [
    ['95', '3.00', '3'],
    ['75', '2.50', '2.5'],
  ])
  // The discount last: 7, above the minimum, less 50 % → 3.5; and 0, raised to 6 → 3.
  costs('takes the discount off, then applies the minimum', { ...price, minimum_amount: '6' }, 'USD', [
    ['95', '6.00', '6'],
    ['0', '6.00', '6'],
  ])
  costs(
    'rounds the line after all of them',
    { ...price, unit_amount: '0.01', maximum_amount: '0.045' },
    'USD',
    [
      ['95', '0.04', '0.035'],
      ['500', '0.05', '0.045'],
    ],
  )

  test('is the order of the rows, each with what it did', () => {
    expect(rate({ ...price, maximum_amount: '3' }, decimal('95'), 'USD')).toEqual({
      amount: '3.00',
      unrounded_amount: '3',
      breakdown: [
        {
          kind: 'unit_conversion',
          quantity_before: '95',
          divide_by: '10',
          round: 'up',
          quantity_after: '10',
          amount: '0',
        },
        { kind: 'free_units', free_units: '3', quantity: '3', amount: '0' },
        { kind: 'per_unit', quantity: '7', unit_amount: '1', amount: '7' },
        { kind: 'discount_percent', discount_percent: '50', amount: '-3.5' },
        { kind: 'maximum_amount', maximum_amount: '3', amount: '-0.5' },
      ],
    })
  })

  test('ends with the minimum', () => {
    const rows = rate({ ...price, minimum_amount: '6' }, decimal('95'), 'USD').breakdown
    expect(rows.slice(-2)).toEqual([
      { kind: 'discount_percent', discount_percent: '50', amount: '-3.5' },
      { kind: 'minimum_amount', minimum_amount: '6', amount: '2.5' },
    ])
  })
})

describe('the breakdown', () => {
  test('shows the free units that were used and what was added to reach the minimum', () => {
    const price = { ...cent, free_units: '100', minimum_amount: '5' }
    expect(rate(price, decimal('120'), 'USD')).toEqual({
      amount: '5.00',
      unrounded_amount: '5',
      breakdown: [
        { kind: 'free_units', free_units: '100', quantity: '100', amount: '0' },
        { kind: 'per_unit', quantity: '20', unit_amount: '0.01', amount: '0.2' },
        { kind: 'minimum_amount', minimum_amount: '5', amount: '4.8' },
      ],
    })
  })

  test('shows what the maximum took off', () => {
    const price = { ...cent, free_units: '100', maximum_amount: '20' }
    expect(rate(price, decimal('5100'), 'USD')).toEqual({
      amount: '20.00',
      unrounded_amount: '20',
      breakdown: [
        { kind: 'free_units', free_units: '100', quantity: '100', amount: '0' },
        { kind: 'per_unit', quantity: '5000', unit_amount: '0.01', amount: '50' },
        { kind: 'maximum_amount', maximum_amount: '20', amount: '-30' },
      ],
    })
  })

  test('shows free units that were not used, and no bound that was not reached', () => {
    const price = { ...cent, free_units: '100', minimum_amount: '0', maximum_amount: '20' }
    expect(rate(price, decimal('40'), 'USD').breakdown).toEqual([
      { kind: 'free_units', free_units: '100', quantity: '40', amount: '0' },
      { kind: 'per_unit', quantity: '0', unit_amount: '0.01', amount: '0' },
    ])
  })

  test('shows a discount on nothing', () => {
    const price = { ...cent, discount_percent: '15' }
    expect(rate(price, decimal('0'), 'USD').breakdown.at(-1)).toEqual({
      kind: 'discount_percent',
      discount_percent: '15',
      amount: '0',
    })
  })

  test('leaves out a discount of none', () => {
    expect(rate({ ...cent, discount_percent: '0' }, decimal('1'), 'USD').breakdown).toHaveLength(1)
  })

  test('leaves out free units of none', () => {
    expect(rate({ ...cent, free_units: '0' }, decimal('1'), 'USD').breakdown).toHaveLength(1)
  })
})
