import { describe, expect, test } from 'vitest'
import { decimal } from '../../src/kernel/decimal.ts'
import { rate } from '../../src/pricing/rate.ts'
import { costs } from './cases.ts'

describe('a graduated price', () => {
  const tiers = [
    { up_to: '1000', unit_amount: '0.01', flat_amount: '0' },
    { up_to: '5000', unit_amount: '0.008', flat_amount: '10' },
    { up_to: null, unit_amount: '0.005', flat_amount: '25' },
  ]

  costs('each part pays its tier', { model: 'graduated', tiers }, 'USD', [
    ['0', '0.00', '0'],
    ['0.4', '0.00', '0.004'],
    ['0.5', '0.01', '0.005'],
    ['999.999999999999', '10.00', '9.99999999999999'],
    ['1000', '10.00', '10'],
    // 10 + flat 10 + 10⁻¹² · 0.008
    ['1000.000000000001', '20.00', '20.000000000000008'],
    ['1001', '20.01', '20.008'],
    // 10 + 10 + 4000 · 0.008
    ['5000', '52.00', '52'],
    // 52 + flat 25 + 0.005
    ['5001', '77.01', '77.005'],
    ['5000.999999999999', '77.00', '77.004999999999995'],
    // 77 + 999999999994999.999999999999 · 0.005
    ['999999999999999.999999999999', '5000000000052.00', '5000000000051.999999999999995'],
    ['-3', '0.00', '0'],
  ])

  costs(
    "the first tier's flat amount is due at zero usage",
    {
      model: 'graduated',
      tiers: [
        { up_to: '10', flat_amount: '5' },
        { up_to: null, unit_amount: '1' },
      ],
    },
    'USD',
    [
      ['-1', '5.00', '5'],
      ['0', '5.00', '5'],
      ['10', '5.00', '5'],
      ['10.5', '5.50', '5.5'],
    ],
  )

  costs(
    "the first tier's flat amount is not due at zero usage, nor where all of it was free, if flat_at_zero is false",
    {
      model: 'graduated',
      tiers: [
        { up_to: '10', unit_amount: '1', flat_amount: '5' },
        { up_to: null, flat_amount: '7' },
      ],
      free_units: '100',
      flat_at_zero: false,
    },
    'USD',
    [
      ['-1', '0.00', '0'],
      ['0', '0.00', '0'],
      ['100', '0.00', '0'],
      ['100.5', '5.50', '5.5'],
      ['110', '15.00', '15'],
      ['111', '22.00', '22'],
    ],
  )

  costs(
    'tiers see what is left after the free units',
    { model: 'graduated', tiers, free_units: '500' },
    'USD',
    [
      ['500', '0.00', '0'],
      ['1500', '10.00', '10'],
      ['1501', '20.01', '20.008'],
    ],
  )

  costs(
    'in yen, rounded once a line and not once a tier',
    {
      model: 'graduated',
      tiers: [
        { up_to: '1', unit_amount: '0.4' },
        { up_to: '2', unit_amount: '0.4' },
        { up_to: null, unit_amount: '0.4' },
      ],
    },
    'JPY',
    [
      ['1', '0', '0.4'],
      ['2', '1', '0.8'],
      ['3', '1', '1.2'],
      ['4', '2', '1.6'],
    ],
  )

  costs(
    'with one tier it is a price per unit',
    {
      model: 'graduated',
      tiers: [{ up_to: null, unit_amount: '0.01' }],
    },
    'KWD',
    [['150.05', '1.501', '1.5005']],
  )

  test('is explained by the tiers that were entered', () => {
    expect(rate({ model: 'graduated', tiers }, decimal('1500'), 'USD').breakdown).toEqual([
      {
        kind: 'graduated',
        from: '0',
        up_to: '1000',
        quantity: '1000',
        unit_amount: '0.01',
        flat_amount: '0',
        amount: '10',
      },
      {
        kind: 'graduated',
        from: '1000',
        up_to: '5000',
        quantity: '500',
        unit_amount: '0.008',
        flat_amount: '10',
        amount: '14',
      },
    ])
  })

  test('is explained by the first tier at zero usage', () => {
    expect(rate({ model: 'graduated', tiers }, decimal('0'), 'USD').breakdown).toEqual([
      {
        kind: 'graduated',
        from: '0',
        up_to: '1000',
        quantity: '0',
        unit_amount: '0.01',
        flat_amount: '0',
        amount: '0',
      },
    ])
  })
  test('shows in the row of the first tier that its flat amount is not due', () => {
    const price = {
      model: 'graduated',
      tiers: [{ up_to: null, unit_amount: '1', flat_amount: '5' }],
      flat_at_zero: false,
    } as const
    const row = { kind: 'graduated', from: '0', up_to: null, unit_amount: '1' }
    expect(rate({ ...price, tiers: [...price.tiers] }, decimal('0'), 'USD').breakdown).toEqual([
      { ...row, quantity: '0', flat_amount: '0', amount: '0' },
    ])
    expect(rate({ ...price, tiers: [...price.tiers] }, decimal('2'), 'USD').breakdown).toEqual([
      { ...row, quantity: '2', flat_amount: '5', amount: '7' },
    ])
  })
})
