import { describe, expect, test } from 'vitest'
import { decimal } from '../../src/kernel/decimal.ts'
import { rate } from '../../src/pricing/rate.ts'
import { costs } from './cases.ts'

describe('a price per unit', () => {
  costs('a cent', { model: 'per_unit', unit_amount: '0.01' }, 'USD', [
    ['0', '0.00', '0'],
    ['1', '0.01', '0.01'],
    ['0.4', '0.00', '0.004'],
    ['0.5', '0.01', '0.005'],
    ['149.5', '1.50', '1.495'],
    ['149.4999', '1.49', '1.494999'],
    ['999999999999999.999999999999', '10000000000000.00', '9999999999999.99999999999999'],
    ['123456789012345678901234.5', '1234567890123456789012.35', '1234567890123456789012.345'],
  ])

  costs('a token', { model: 'per_unit', unit_amount: '0.00000015' }, 'USD', [
    ['1', '0.00', '0.00000015'],
    ['33333', '0.00', '0.00499995'],
    ['33334', '0.01', '0.0050001'],
    ['1000000', '0.15', '0.15'],
  ])

  costs('the smallest amount', { model: 'per_unit', unit_amount: '0.000000000001' }, 'USD', [
    ['0.000000000001', '0.00', '0.000000000000000000000001'],
    ['4999999999.999999999999', '0.00', '0.004999999999999999999999'],
    ['5000000000', '0.01', '0.005'],
  ])

  costs('half a yen', { model: 'per_unit', unit_amount: '0.5' }, 'JPY', [
    ['1', '1', '0.5'],
    ['3', '2', '1.5'],
    ['5', '3', '2.5'],
    ['0.999999999999', '0', '0.4999999999995'],
  ])
  costs('half a fils', { model: 'per_unit', unit_amount: '0.0005' }, 'KWD', [
    ['0', '0.000', '0'],
    ['1', '0.001', '0.0005'],
    ['3', '0.002', '0.0015'],
    ['0.9', '0.000', '0.00045'],
  ])
  costs('half of the smallest part of a UF', { model: 'per_unit', unit_amount: '0.00005' }, 'CLF', [
    ['1', '0.0001', '0.00005'],
    ['0.9', '0.0000', '0.000045'],
    ['30001', '1.5001', '1.50005'],
  ])

  costs('negative usage is no credit', { model: 'per_unit', unit_amount: '0.01' }, 'USD', [
    ['-1', '0.00', '0'],
    ['-999999999999999', '0.00', '0'],
  ])

  test('is explained in one row', () => {
    expect(rate({ model: 'per_unit', unit_amount: '0.01' }, decimal('149.50'), 'USD').breakdown).toEqual([
      { kind: 'per_unit', quantity: '149.5', unit_amount: '0.01', amount: '1.495' },
    ])
  })
})
