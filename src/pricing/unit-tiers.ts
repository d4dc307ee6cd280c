// Tiers whose units pay an amount each: of graduated and volume prices.

import { z } from 'zod'
import { decimalOutput } from '../kernel/decimal-schema.ts'
import { knownFields } from '../kernel/object-schema.ts'
import { amountField } from './fields.ts'
import { paysOrFlat, type TierPart, tieredFields, tierFields, tierRow, tierRowFields } from './tiers.ts'

const unitTierSchema = knownFields('A tier', {
  up_to: tierFields.up_to,
  unit_amount: amountField('What each unit costs. Omitted: 0.', '0.01').optional(),
  flat_amount: tierFields.flat_amount,
})
  .refine(...paysOrFlat('unit_amount'))
  .meta({ id: 'Tier' })

export const unitTieredFields = tieredFields(unitTierSchema, [
  '"unit_amount":"0.01"',
  '"unit_amount":"0.005"',
])

const rowFields = tierRowFields(
  { unit_amount: decimalOutput().meta({ example: '0.01' }) },
  'quantity · unit_amount + flat_amount',
)

export const unitTierRowSchema = <const Kind extends string>(kind: Kind) =>
  z.object({ kind: z.literal(kind), ...rowFields })

export function unitTierRow<const Kind extends string>(
  kind: Kind,
  part: TierPart<z.output<typeof unitTierSchema>>,
) {
  const unit_amount = part.tier.unit_amount ?? '0'
  return tierRow(kind, part, { unit_amount }, part.quantity.times(unit_amount))
}
