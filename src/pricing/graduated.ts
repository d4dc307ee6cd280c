// graduated: each part of the quantity pays the tier that it falls in, and each tier entered its flat amount. The first
// tier is entered from the start, so its flat amount is due at zero usage too, unless flat_at_zero is false.

import { priceModel } from './model.ts'
import { pricedBy, quantityModifiers } from './modifiers.ts'
import { partsOf } from './tiers.ts'
import { unitTieredFields, unitTierRow, unitTierRowSchema } from './unit-tiers.ts'

export const graduated = priceModel({
  schema: pricedBy('graduated', { ...unitTieredFields, ...quantityModifiers }).meta({
    id: 'GraduatedPrice',
    description:
      'Each part of the quantity pays the tier that it falls in. The flat amount of a tier is due when the quantity goes beyond the tier before; that of the first tier always, unless flat_at_zero is false.',
    example: {
      model: 'graduated',
      tiers: [
        { up_to: '1000', unit_amount: '0.01', flat_amount: '0' },
        { up_to: null, unit_amount: '0.005' },
      ],
    },
  }),
  rowSchemas: [
    unitTierRowSchema('graduated').meta({ id: 'GraduatedRow', description: 'One tier that was entered.' }),
  ],
  charge: (price, quantity) => partsOf(price, quantity).map((part) => unitTierRow('graduated', part)),
})
