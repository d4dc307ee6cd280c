// flat: a fixed amount, whatever the quantity.

import { z } from 'zod'
import { text } from '../kernel/decimal.ts'
import { decimalOutput } from '../kernel/decimal-schema.ts'
import { amountField, flatAtZeroField } from './fields.ts'
import { priceModel } from './model.ts'
import { pricedBy } from './modifiers.ts'

export const flat = priceModel({
  schema: pricedBy('flat', {
    flat_amount: amountField('What the line costs.', '49'),
    flat_at_zero: flatAtZeroField.optional(),
  }).meta({
    id: 'FlatPrice',
    description: 'A fixed amount, whatever the quantity; at zero usage too, unless flat_at_zero is false.',
    example: { model: 'flat', flat_amount: '49' },
  }),
  rowSchemas: [
    z
      .object({
        kind: z.literal('flat'),
        quantity: decimalOutput().meta({ example: '120' }),
        flat_amount: decimalOutput().meta({ example: '49' }),
        amount: decimalOutput().meta({
          description: 'flat_amount; 0 at zero usage if flat_at_zero is false.',
          example: '49',
        }),
      })
      .meta({ id: 'FlatRow' }),
  ],
  charge: (price, quantity) => {
    const due = price.flat_at_zero !== false || quantity.gt('0')
    const { flat_amount } = price
    return [{ kind: 'flat' as const, quantity: text(quantity), flat_amount, amount: due ? flat_amount : '0' }]
  },
})
