// package: units are sold in packages, and a package that is only begun is paid in full.

import { z } from 'zod'
import { decimal, quotientRoundedUp, text } from '../kernel/decimal.ts'
import { decimalOutput, decimalString } from '../kernel/decimal-schema.ts'
import { amountField } from './fields.ts'
import { priceModel } from './model.ts'
import { pricedBy, quantityModifiers } from './modifiers.ts'

export const packages = priceModel({
  schema: pricedBy('package', {
    package_size: decimalString({ above: '0' }).meta({ description: 'Units in a package.', example: '100' }),
    package_amount: amountField('What a package costs, full or only begun.', '5'),
    ...quantityModifiers,
  }).meta({
    id: 'PackagePrice',
    description: 'Units are sold in packages; one that is only begun is paid in full.',
    example: { model: 'package', package_size: '100', package_amount: '5' },
  }),
  rowSchemas: [
    z
      .object({
        kind: z.literal('package'),
        quantity: decimalOutput().meta({ example: '120' }),
        packages: decimalOutput().meta({ description: 'quantity / package_size, rounded up.', example: '2' }),
        package_size: decimalOutput().meta({ example: '100' }),
        package_amount: decimalOutput().meta({ example: '5' }),
        amount: decimalOutput().meta({ description: 'packages · package_amount', example: '10' }),
      })
      .meta({ id: 'PackageRow' }),
  ],
  charge: (price, quantity) => {
    const begun = quotientRoundedUp(quantity, decimal(price.package_size))
    return [
      {
        kind: 'package' as const,
        quantity: text(quantity),
        packages: text(begun),
        package_size: price.package_size,
        package_amount: price.package_amount,
        amount: text(begun.times(price.package_amount)),
      },
    ]
  },
})
