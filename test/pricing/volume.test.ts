import { describe, expect, test } from 'vitest'
import { decimal } from '../../src/kernel/decimal.ts'
import { rate } from '../../src/pricing/rate.ts'
import { costs } from './cases.ts'

describe('a volume price', () => {
  const tiers = [
    { up_to: '1000', unit_amount: '0.01', flat_amount: '0' },
    { up_to: '5000', unit_amount: '0.008', flat_amount: '10' },
    { up_to: null, unit_amount: '0.005', flat_amount: '25' },
  ]

  costs('the whole quantity pays the tier that it ends in', { model: 'volume', tiers }, 'USD', [
    ['0', '0.00', '0'],
    ['0.5', '0.01', '0.005'],
    ['1000', '10.00', '10'],
    // 1000.000000000001 · 0.008 + 10
    ['1000.000000000001', '18.00', '18.000000000000008'],
    ['1001', '18.01', '18.008'],
    ['5000', '50.00', '50'],
    // 5001 · 0.005 + 25
    ['5001', '50.01', '50.005'],
    // 4999999999999.995 + 25
    ['999999999999999', '5000000000025.00', '5000000000024.995'],
    ['-3', '0.00', '0'],
  ])

  costs(
    'zero usage ends in the first tier, whose flat amount is due',
    {
      model: 'volume',
      tiers: [
        { up_to: '10', flat_amount: '3' },
        { up_to: null, flat_amount: '7.125' },
      ],
    },
    'USD',
    [
      ['-1', '3.00', '3'],
      ['0', '3.00', '3'],
      ['10', '3.00', '3'],
      ['10.000000000001', '7.13', '7.125'],
    ],
  )

  costs(
    'at zero usage no flat amount is due, if flat_at_zero is false',
    {
      model: 'volume',
      tiers: [
        { up_to: '10', flat_amount: '3' },
        { up_to: null, flat_amount: '7.125' },
      ],
      flat_at_zero: false,
    },
    'USD',
    [
      ['-1', '0.00', '0'],
      ['0', '0.00', '0'],
      ['0.000000000001', '3.00', '3'],
      ['11', '7.13', '7.125'],
    ],
  )

  costs('tiers see what is left after the free units', { model: 'volume', tiers, free_units: '500' }, 'USD', [
    ['1500', '10.00', '10'],
    ['1501', '18.01', '18.008'],
  ])

  costs(
    'in yen',
    {
      model: 'volume',
      tiers: [
        { up_to: '10', unit_amount: '0.25' },
        { up_to: null, unit_amount: '0.1' },
      ],
    },
    'JPY',
    [
      ['2', '1', '0.5'],
      ['10', '3', '2.5'],
      ['15', '2', '1.5'],
    ],
  )
  costs('in UF', { model: 'volume', tiers: [{ up_to: null, unit_amount: '0.000025' }] }, 'CLF', [
    ['1', '0.0000', '0.000025'],
    ['2', '0.0001', '0.00005'],
  ])

  test('is explained by the one tier that it ends in', () => {
    expect(rate({ model: 'volume', tiers }, decimal('1500'), 'USD').breakdown).toEqual([
      {
        kind: 'volume',
        from: '1000',
        up_to: '5000',
        quantity: '1500',
        unit_amount: '0.008',
        flat_amount: '10',
        amount: '22',
      },
    ])
  })
})
