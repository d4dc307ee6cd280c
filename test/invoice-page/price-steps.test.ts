import { describe, expect, it } from 'vitest'
import { priceSteps } from '../../src/http/invoice-page/price-steps.ts'
import { decimal } from '../../src/kernel/decimal.ts'
import { priceSchema } from '../../src/pricing/price.ts'
import { rate } from '../../src/pricing/rate.ts'
import { breakdownRowSchema } from '../../src/pricing/rated.ts'

type Case = [price: object, quantity: string, steps: string[]]

const perUnit = { model: 'per_unit', unit_amount: '0.01' }
const tiers = [
  { up_to: '1000', unit_amount: '0.01' },
  { up_to: '2000', unit_amount: '0.005', flat_amount: '5' },
  { up_to: null, unit_amount: '0' },
]

const cases: Case[] = [
  [perUnit, '1200', ['1,200 × 0.01 = 12.00']],
  [perUnit, '-5', ['0 × 0.01 = 0.00']],
  [{ ...perUnit, free_units: '100' }, '60', ['60 of 100 free', '0 × 0.01 = 0.00']],
  [
    { ...perUnit, unit_conversion: { divide_by: '1024', round: 'up' } },
    '1500',
    ['1,500 ÷ 1,024, rounded up: 2', '2 × 0.01 = 0.02'],
  ],
  [
    { ...perUnit, unit_conversion: { divide_by: '3', round: 'none' } },
    '1',
    ['1 ÷ 3: ≈ 0.333333333333', '≈ 0.333333333333 × 0.01 = ≈ 0.003333333333'],
  ],
  [{ ...perUnit, discount_percent: '15' }, '1000', ['1,000 × 0.01 = 10.00', '15 % off: −1.50']],
  [{ ...perUnit, minimum_amount: '5' }, '120', ['120 × 0.01 = 1.20', 'At least 5.00: +3.80']],
  [{ ...perUnit, maximum_amount: '5' }, '600', ['600 × 0.01 = 6.00', 'At most 5.00: −1.00']],
  [
    { model: 'package', package_size: '100', package_amount: '5' },
    '120',
    ['2 × 5.00 for each 100 begun = 10.00'],
  ],
  [
    { model: 'graduated', tiers },
    '2500',
    [
      'Up to 1,000: 1,000 × 0.01 = 10.00',
      'Over 1,000 up to 2,000: 1,000 × 0.005 + 5.00 = 10.00',
      'Over 2,000: 500 × 0.00 = 0.00',
    ],
  ],
  [{ model: 'volume', tiers }, '1500', ['Over 1,000 up to 2,000: 1,500 × 0.005 + 5.00 = 12.50']],
  [{ model: 'volume', tiers: [{ up_to: null, unit_amount: '2' }] }, '3', ['3 × 2.00 = 6.00']],
  [{ model: 'flat', flat_amount: '49' }, '7', ['Flat amount: 49.00']],
  [{ model: 'flat', flat_amount: '49', flat_at_zero: false }, '0', ['Flat amount: 0.00']],
  [
    { model: 'percentage', rate: '2.9', fixed_amount: '0.3', free_events: '2', free_amount: '1000' },
    '1200.5',
    ['1,000.00 of 1,000.00 free', '2.9 % of 200.50 = 5.8145', '10 events × 0.30 = 3.00 (2 more free)'],
  ],
  [
    {
      model: 'graduated_percentage',
      tiers: [
        { up_to: '1000', rate: '2.9', flat_amount: '1' },
        { up_to: null, rate: '2.5' },
      ],
    },
    '1200',
    ['Up to 1,000.00: 2.9 % of 1,000.00 + 1.00 = 30.00', 'Over 1,000.00: 2.5 % of 200.00 = 5.00'],
  ],
]

const breakdownOf = ([price, quantity]: Case) =>
  rate(priceSchema.parse(price), decimal(quantity), 'USD', decimal('12')).breakdown

describe('the steps of a price', () => {
  it.each(cases)('%j of %s', (...one) => {
    const said = priceSteps(breakdownOf(one), 'USD').map((step) => step.replaceAll('\u00a0', ' '))
    expect(said).toEqual(one[2])
  })

  it('are shown here for every kind that there is', () => {
    const kinds = breakdownRowSchema.options.map(({ shape }) => shape.kind.value)
    expect([...new Set(cases.flatMap(breakdownOf).map(({ kind }) => kind))].sort()).toEqual(kinds.sort())
  })
})
