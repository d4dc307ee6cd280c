import { describe, expect, test } from 'vitest'
import { decimal } from '../../src/kernel/decimal.ts'
import { rate } from '../../src/pricing/rate.ts'
import { costs } from './cases.ts'

describe('a flat price', () => {
  const flat = { model: 'flat', flat_amount: '49' } as const

  costs('is the same whatever the quantity', flat, 'USD', [
    ['-1', '49.00', '49'],
    ['0', '49.00', '49'],
    ['0.000000000001', '49.00', '49'],
    ['1', '49.00', '49'],
    ['999999999999999.999999999999', '49.00', '49'],
  ])
  costs('not due at zero usage', { ...flat, flat_at_zero: false }, 'USD', [
    ['-1', '0.00', '0'],
    ['0', '0.00', '0'],
    ['0.000000000001', '49.00', '49'],
    ['7', '49.00', '49'],
  ])
  costs('said to be due at zero usage', { ...flat, flat_at_zero: true }, 'USD', [['0', '49.00', '49']])
  costs('in yen', { model: 'flat', flat_amount: '49.5' }, 'JPY', [['3', '50', '49.5']])
  costs('in dinars', { model: 'flat', flat_amount: '0.0005' }, 'KWD', [['3', '0.001', '0.0005']])
  costs(
    'may have a discount, and a minimum that is due at zero usage',
    { ...flat, flat_at_zero: false, discount_percent: '10', minimum_amount: '5' },
    'USD',
    [
      ['0', '5.00', '5'],
      ['1', '44.10', '44.1'],
    ],
  )

  test('is explained in one row, which shows whether it is due', () => {
    const price = { ...flat, flat_at_zero: false }
    expect(rate(price, decimal('120'), 'USD').breakdown).toEqual([
      { kind: 'flat', quantity: '120', flat_amount: '49', amount: '49' },
    ])
    expect(rate(price, decimal('0'), 'USD').breakdown).toEqual([
      { kind: 'flat', quantity: '0', flat_amount: '49', amount: '0' },
    ])
  })
})
