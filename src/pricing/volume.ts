// volume: the whole quantity pays the tier that it ends in, and that tier's flat amount. Zero usage ends in the first tier.

import { priceModel } from './model.ts'
import { pricedBy, quantityModifiers } from './modifiers.ts'
import { tierOf } from './tiers.ts'
import { unitTieredFields, unitTierRow, unitTierRowSchema } from './unit-tiers.ts'

export const volume = priceModel({
  schema: pricedBy('volume', { ...unitTieredFields, ...quantityModifiers }).meta({
    id: 'VolumePrice',
    description: 'The whole quantity pays the tier that it ends in, and the flat amount of that tier.',
    example: {
      model: 'volume',
      tiers: [
        { up_to: '1000', unit_amount: '0.01' },
        { up_to: null, unit_amount: '0.005' },
      ],
    },
  }),
  rowSchemas: [
    unitTierRowSchema('volume').meta({ id: 'VolumeRow', description: 'The tier that the quantity ends in.' }),
  ],
  charge: (price, quantity) => [unitTierRow('volume', tierOf(price, quantity))],
})
