import { describe, expect, test } from 'vitest'
import { decimal } from '../../src/kernel/decimal.ts'
import { rate } from '../../src/pricing/rate.ts'
import { costs } from './cases.ts'

describe('a percentage price', () => {
  const card = { model: 'percentage', rate: '2.9', fixed_amount: '0.3' } as const

  costs('2.9 % of the money', { model: 'percentage', rate: '2.9' }, 'USD', [
    ['0', '0.00', '0'],
    ['0.17', '0.00', '0.00493'],
    ['0.18', '0.01', '0.00522'],
    ['100', '2.90', '2.9'],
    ['999999999999999.999999999999', '29000000000000.00', '28999999999999.999999999999971'],
    ['-100', '0.00', '0'],
    // events without an amount for each cost nothing
    ['100', '2.90', '2.9', '5'],
  ])
  costs('and 30 cents an event', card, 'USD', [
    ['100', '2.90', '2.9'],
    ['100', '3.20', '3.2', '1'],
    ['100', '6.50', '6.5', '12'],
    // an event of no money is an event
    ['0', '0.60', '0.6', '2'],
    ['-100', '0.60', '0.6', '2'],
    ['100', '2.90', '2.9', '-2'],
  ])
  costs('the first events free', { ...card, free_events: '10' }, 'USD', [
    ['100', '2.90', '2.9', '0'],
    ['100', '2.90', '2.9', '9'],
    ['100', '2.90', '2.9', '10'],
    ['100', '3.20', '3.2', '11'],
  ])
  costs('the first money free, and its events not', { ...card, free_amount: '1000' }, 'USD', [
    ['999.99', '0.30', '0.3', '1'],
    ['1000', '0.30', '0.3', '1'],
    ['1000.000000000001', '0.30', '0.300000000000029', '1'],
    ['1100', '3.20', '3.2', '1'],
  ])
  costs('of 0 %', { model: 'percentage', rate: '0', fixed_amount: '1' }, 'USD', [['500', '3.00', '3', '3']])
  costs('of more than all', { model: 'percentage', rate: '150' }, 'USD', [['10', '15.00', '15']])
  costs('half a yen', { model: 'percentage', rate: '0.5' }, 'JPY', [
    ['99', '0', '0.495'],
    ['100', '1', '0.5'],
  ])
  costs('half a fils', { model: 'percentage', rate: '0.05' }, 'KWD', [
    ['0.999', '0.000', '0.0004995'],
    ['1', '0.001', '0.0005'],
  ])
  costs(
    'of money that is counted in cents, with free money in dollars',
    { ...card, free_amount: '10', unit_conversion: { divide_by: '100', round: 'none' } },
    'USD',
    [
      ['1000', '0.30', '0.3', '1'],
      // 100.5 · 0.029 + 0.3
      ['11050', '3.21', '3.2145', '1'],
    ],
  )

  test('is explained in both its parts, and by what was free of either', () => {
    const price = { ...card, free_events: '10', free_amount: '1000' }
    expect(rate(price, decimal('1200'), 'USD', decimal('12'))).toEqual({
      amount: '6.40',
      unrounded_amount: '6.4',
      breakdown: [
        { kind: 'free_amount', free_amount: '1000', quantity: '1000', amount: '0' },
        { kind: 'percentage', quantity: '200', rate: '2.9', amount: '5.8' },
        {
          kind: 'fixed_amount',
          events: '12',
          free_events: '10',
          paid_events: '2',
          fixed_amount: '0.3',
          amount: '0.6',
        },
      ],
    })
  })

  test('is explained at zero usage', () => {
    expect(rate({ ...card, free_events: '10' }, decimal('0'), 'USD').breakdown).toEqual([
      { kind: 'percentage', quantity: '0', rate: '2.9', amount: '0' },
      {
        kind: 'fixed_amount',
        events: '0',
        free_events: '0',
        paid_events: '0',
        fixed_amount: '0.3',
        amount: '0',
      },
    ])
  })
})
