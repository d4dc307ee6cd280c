// graduated: each part of the quantity pays the tier that it falls in, and each tier entered its flat amount. The first
// tier is entered from the start, so its flat amount is due at zero usage too.

import { priceModel } from './model.ts'
import { pricedBy } from './modifiers.ts'
import { tierRow, tierRowSchema, tiersFromZero, tiersSchema } from './tiers.ts'

export const graduated = priceModel({
  schema: pricedBy('graduated', { tiers: tiersSchema }).meta({
    id: 'GraduatedPrice',
    description:
      'Each part of the quantity pays the tier that it falls in. The flat amount of a tier is due when the quantity goes beyond the tier before; that of the first tier always.',
    example: {
      model: 'graduated',
      tiers: [
        { up_to: '1000', unit_amount: '0.01', flat_amount: '0' },
        { up_to: null, unit_amount: '0.005' },
      ],
    },
  }),
  rowSchema: tierRowSchema('graduated').meta({
    id: 'GraduatedRow',
    description: 'One tier that was entered.',
  }),
  charge: (price, quantity) =>
    tiersFromZero(price.tiers)
      .filter((tier, index) => index === 0 || quantity.gt(tier.from))
      .map((tier) => {
        const end = tier.upTo === null || quantity.lt(tier.upTo) ? quantity : tier.upTo
        return tierRow('graduated', tier, end.minus(tier.from))
      }),
})
