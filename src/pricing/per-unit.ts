// per_unit: every unit costs the same.

import { z } from 'zod'
import { text } from '../kernel/decimal.ts'
import { decimalOutput } from '../kernel/decimal-schema.ts'
import { amountField } from './fields.ts'
import { priceModel } from './model.ts'
import { pricedBy, quantityModifiers } from './modifiers.ts'

export const perUnit = priceModel({
  schema: pricedBy('per_unit', {
    unit_amount: amountField('What each unit costs.', '0.01'),
    ...quantityModifiers,
  }).meta({
    id: 'PerUnitPrice',
    description: 'Every unit costs the same.',
    example: { model: 'per_unit', unit_amount: '0.01' },
  }),
  rowSchemas: [
    z
      .object({
        kind: z.literal('per_unit'),
        quantity: decimalOutput().meta({ example: '120' }),
        unit_amount: decimalOutput().meta({ example: '0.01' }),
        amount: decimalOutput().meta({ description: 'quantity · unit_amount', example: '1.2' }),
      })
      .meta({ id: 'PerUnitRow' }),
  ],
  charge: (price, quantity) => [
    {
      kind: 'per_unit' as const,
      quantity: text(quantity),
      unit_amount: price.unit_amount,
      amount: text(quantity.times(price.unit_amount)),
    },
  ],
})
