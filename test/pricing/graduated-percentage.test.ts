import { describe, expect, test } from 'vitest'
import { decimal } from '../../src/kernel/decimal.ts'
import { rate } from '../../src/pricing/rate.ts'
import { costs } from './cases.ts'

describe('a graduated percentage price', () => {
  const tiers = [
    { up_to: '1000', rate: '3' },
    { up_to: '10000', rate: '2.5', flat_amount: '10' },
    { up_to: null, rate: '1' },
  ]
  const price = { model: 'graduated_percentage', tiers } as const

  costs('each part pays the rate of its tier', price, 'USD', [
    ['-1', '0.00', '0'],
    ['0', '0.00', '0'],
    ['0.1', '0.00', '0.003'],
    ['1000', '30.00', '30'],
    // 30 + flat 10 + 10⁻¹² · 0.025
    ['1000.000000000001', '40.00', '40.000000000000025'],
    ['1200', '45.00', '45'],
    // 30 + 10 + 9000 · 0.025
    ['10000', '265.00', '265'],
    ['10000.5', '265.01', '265.005'],
  ])
  costs('tiers see what is left after the free money', { ...price, free_units: '500' }, 'USD', [
    ['500', '0.00', '0'],
    ['1500', '30.00', '30'],
    ['1700', '45.00', '45'],
  ])
  const withFirstFlat = { ...price, tiers: [{ up_to: '10', flat_amount: '5' }, tiers[2]!] }
  costs("the first tier's flat amount is due at zero usage", withFirstFlat, 'USD', [
    ['0', '5.00', '5'],
    ['10', '5.00', '5'],
    ['110', '6.00', '6'],
  ])
  costs('… unless that is not wanted', { ...withFirstFlat, flat_at_zero: false }, 'USD', [
    ['-1', '0.00', '0'],
    ['0', '0.00', '0'],
    ['0.000000000001', '5.00', '5'],
    ['110', '6.00', '6'],
  ])
  costs('in yen, rounded once a line and not once a tier', price, 'JPY', [
    ['16', '0', '0.48'],
    ['17', '1', '0.51'],
  ])
  costs('in dinars', price, 'KWD', [['0.05', '0.002', '0.0015']])

  test('is explained by the tiers that were entered', () => {
    expect(rate(price, decimal('1200'), 'USD').breakdown).toEqual([
      {
        kind: 'graduated_percentage',
        from: '0',
        up_to: '1000',
        quantity: '1000',
        rate: '3',
        flat_amount: '0',
        amount: '30',
      },
      {
        kind: 'graduated_percentage',
        from: '1000',
        up_to: '10000',
        quantity: '200',
        rate: '2.5',
        flat_amount: '10',
        amount: '15',
      },
    ])
  })
})
