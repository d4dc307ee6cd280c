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

  test('leaves out free units of none', () => {
    expect(rate({ ...cent, free_units: '0' }, decimal('1'), 'USD').breakdown).toHaveLength(1)
  })
})
