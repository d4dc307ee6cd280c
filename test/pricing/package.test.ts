import { describe, expect, test } from 'vitest'
import { decimal } from '../../src/kernel/decimal.ts'
import { rate } from '../../src/pricing/rate.ts'
import { costs } from './cases.ts'

describe('a price per package', () => {
  const hundreds = { model: 'package', package_size: '100', package_amount: '5' } as const

  costs('5 a hundred', hundreds, 'USD', [
    ['0', '0.00', '0'],
    ['0.000000000001', '5.00', '5'],
    ['1', '5.00', '5'],
    ['100', '5.00', '5'],
    ['100.000000000001', '10.00', '10'],
    ['101', '10.00', '10'],
    ['200', '10.00', '10'],
    ['250', '15.00', '15'],
    ['999999999999999', '50000000000000.00', '50000000000000'],
    ['-250', '0.00', '0'],
  ])

  costs('a size with a fraction', { model: 'package', package_size: '0.3', package_amount: '0.1' }, 'USD', [
    ['0.3', '0.10', '0.1'],
    ['0.9', '0.30', '0.3'],
    ['1', '0.40', '0.4'],
  ])
  costs(
    'the smallest size',
    { model: 'package', package_size: '0.000000000001', package_amount: '0.01' },
    'USD',
    [['999999999999999.999999999999', '9999999999999999999999999.99', '9999999999999999999999999.99']],
  )
  // The remainder is 10⁻²⁷ of a package: a quotient of 20 decimals doesn't see it.
  costs(
    'the largest size',
    { model: 'package', package_size: '999999999999999', package_amount: '1' },
    'USD',
    [
      ['999999999999999', '1.00', '1'],
      ['999999999999999.000000000001', '2.00', '2'],
    ],
  )

  costs('free units come off before packages are counted', { ...hundreds, free_units: '100' }, 'USD', [
    ['100', '0.00', '0'],
    ['101', '5.00', '5'],
    ['200', '5.00', '5'],
    ['201', '10.00', '10'],
  ])
  costs('half a yen a package', { model: 'package', package_size: '10', package_amount: '0.5' }, 'JPY', [
    ['10', '1', '0.5'],
    ['11', '1', '1'],
    ['21', '2', '1.5'],
  ])

  test('is explained by how many packages were begun', () => {
    expect(rate(hundreds, decimal('250'), 'USD').breakdown).toEqual([
      {
        kind: 'package',
        quantity: '250',
        packages: '3',
        package_size: '100',
        package_amount: '5',
        amount: '15',
      },
    ])
  })
})
