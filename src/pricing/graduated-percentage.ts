// graduated_percentage: each part of the quantity, which is an amount of money, pays the percentage of the tier that it
// falls in, and each tier entered its flat amount.

import { z } from 'zod'
import { percentOf } from '../kernel/decimal.ts'
import { decimalOutput } from '../kernel/decimal-schema.ts'
import { knownFields } from '../kernel/object-schema.ts'
import { percentField } from './fields.ts'
import { priceModel } from './model.ts'
import { pricedBy, quantityModifiers } from './modifiers.ts'
import { partsOf, paysOrFlat, tieredFields, tierFields, tierRow, tierRowFields } from './tiers.ts'

const percentTierSchema = knownFields('A tier', {
  up_to: tierFields.up_to,
  rate: percentField('Percent of what is in the tier: "2.9" is 2.9 %. Omitted: 0.', '2.9').optional(),
  flat_amount: tierFields.flat_amount,
})
  .refine(...paysOrFlat('rate'))
  .meta({ id: 'PercentageTier' })

const rowFields = tierRowFields(
  { rate: decimalOutput().meta({ description: 'In percent.', example: '1' }) },
  'quantity · rate / 100 + flat_amount',
)

export const graduatedPercentage = priceModel({
  schema: pricedBy('graduated_percentage', {
    ...tieredFields(percentTierSchema, ['"rate":"2.9"', '"rate":"2.5"']),
    ...quantityModifiers,
  }).meta({
    id: 'GraduatedPercentagePrice',
    description:
      'Each part of the quantity, which is an amount of money, pays the percentage of the tier that it falls in. Flat amounts are due as in a graduated price.',
    example: {
      model: 'graduated_percentage',
      tiers: [
        { up_to: '1000', rate: '2.9', flat_amount: '0' },
        { up_to: null, rate: '2.5' },
      ],
    },
  }),
  rowSchemas: [
    z.object({ kind: z.literal('graduated_percentage'), ...rowFields }).meta({
      id: 'GraduatedPercentageRow',
      description: 'One tier that was entered.',
    }),
  ],
  charge: (price, quantity) =>
    partsOf(price, quantity).map((part) => {
      const rate = part.tier.rate ?? '0'
      return tierRow('graduated_percentage', part, { rate }, percentOf(rate, part.quantity))
    }),
})
