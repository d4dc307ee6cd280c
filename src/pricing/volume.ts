// volume: the whole quantity pays the tier that it ends in, and that tier's flat amount. Zero usage ends in the first tier.

import { priceModel } from './model.ts'
import { pricedBy } from './modifiers.ts'
import { tierRow, tierRowSchema, tiersFromZero, tiersSchema } from './tiers.ts'

export const volume = priceModel({
  schema: pricedBy('volume', { tiers: tiersSchema }).meta({
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
  rowSchema: tierRowSchema('volume').meta({
    id: 'VolumeRow',
    description: 'The tier that the quantity ends in.',
  }),
  charge: (price, quantity) => {
    const tiers = tiersFromZero(price.tiers)
    const tier = tiers.find(({ upTo }) => upTo === null || quantity.lte(upTo))!
    return [tierRow('volume', tier, quantity)]
  },
})
