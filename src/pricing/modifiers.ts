// What a price may have whatever its model. They are applied in one order: the quantity is converted, free units come off it,
// the model rates what is left, the discount comes off that, and what remains is held within the maximum and the minimum.

import { z } from 'zod'
import { decimal } from '../kernel/decimal.ts'
import { knownFields } from '../kernel/object-schema.ts'
import { type Bounds, maximumField, minimumField } from './bounds.ts'
import { discountField } from './discount.ts'
import { freeUnitsField } from './free-units.ts'
import { unitConversionField } from './unit-conversion.ts'

/** Those of the quantity. A model in which one of them has no meaning doesn't take it, so it is refused by name. */
export const quantityModifiers = {
  unit_conversion: unitConversionField.optional(),
  free_units: freeUnitsField.optional(),
}

/** Those of the amount, which every price may have. */
const amountModifiers = {
  discount_percent: discountField.optional(),
  minimum_amount: minimumField.optional(),
  maximum_amount: maximumField.optional(),
}

export type Modifiers = z.output<z.ZodObject<typeof quantityModifiers & typeof amountModifiers>>

/** The schema of a price: `model`, the fields that are given, and the modifiers of the amount. */
export const pricedBy = <const Model extends string, Fields extends z.ZodRawShape>(
  model: Model,
  fields: Fields,
) =>
  knownFields(`A ${model} price`, { model: z.literal(model), ...fields, ...amountModifiers }).superRefine(
    (price, context) => {
      const { minimum_amount: minimum, maximum_amount: maximum } = price as Bounds
      if (minimum === undefined || maximum === undefined || decimal(minimum).lte(maximum)) return
      context.addIssue({
        code: 'custom',
        path: ['maximum_amount'],
        message: `must be ${minimum} or more, because minimum_amount is ${minimum}`,
      })
    },
  )
