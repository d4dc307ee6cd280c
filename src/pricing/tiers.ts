// Tiers, which graduated and volume prices share: contiguous from 0, each up to and including its `up_to`, the last without end.

import { z } from 'zod'
import { type Decimal, decimal, text, zero } from '../kernel/decimal.ts'
import { decimalOutput, decimalString } from '../kernel/decimal-schema.ts'
import { knownFields } from '../kernel/object-schema.ts'
import { amountField } from './modifiers.ts'

export const TIERS_PER_PRICE = 100

const tierSchema = knownFields('A tier', {
  up_to: decimalString({ above: '0', otherwise: 'or null in the last tier' }).nullable().meta({
    description: 'The last unit in the tier. null in the last tier, and only there.',
    example: '1000',
  }),
  unit_amount: amountField('What each unit costs. Omitted: 0.', '0.01').optional(),
  flat_amount: amountField('Due once when the tier is used. Omitted: 0.', '0').optional(),
})
  .refine((tier) => tier.unit_amount !== undefined || tier.flat_amount !== undefined, {
    path: ['unit_amount'],
    error: 'must be there, or flat_amount must: a tier has one or both, "0" if it is free',
  })
  .meta({ id: 'Tier' })

export const tiersSchema = z
  .array(tierSchema, {
    error:
      'must be a list of tiers, such as [{"up_to":"1000","unit_amount":"0.01"},{"up_to":null,"unit_amount":"0.005"}]',
  })
  .min(1, {
    error: 'must have at least one tier: {"up_to":null,"unit_amount":"0.01"} prices every unit alike',
    abort: true,
  })
  .max(TIERS_PER_PRICE, { error: `must have at most ${TIERS_PER_PRICE} tiers`, abort: true })
  .superRefine((tiers, context) => {
    tiers.forEach((tier, index) => {
      const message = wrongEnd(tier.up_to, index === tiers.length - 1, tiers[index - 1]?.up_to ?? null)
      if (message !== null) context.addIssue({ code: 'custom', path: [index, 'up_to'], message })
    })
  })

/** What is wrong with where a tier ends, if anything. `previous`: where the tier before it ends. */
function wrongEnd(end: string | null, isLast: boolean, previous: string | null): string | null {
  if (end === null) return isLast ? null : 'must be the last unit of the tier: only the last tier has null'
  if (isLast)
    return `must be null, not "${end}": the last tier has no end; add a tier after this one, or take its end away`
  if (previous === null || decimal(end).gt(previous)) return null
  return `must be more than ${previous}, where the tier before it ends`
}

/** A tier as numbers: above `from`, up to and including `upTo`. */
export type Tier = { from: Decimal; upTo: Decimal | null; unitAmount: Decimal; flatAmount: Decimal }

export function tiersFromZero(tiers: z.output<typeof tiersSchema>): Tier[] {
  let from = zero
  return tiers.map(({ up_to, unit_amount = '0', flat_amount = '0' }) => {
    const upTo = up_to === null ? null : decimal(up_to)
    const tier = { from, upTo, unitAmount: decimal(unit_amount), flatAmount: decimal(flat_amount) }
    from = upTo ?? from
    return tier
  })
}

/** The row that explains what `quantity` units cost by this tier. */
export const tierRowSchema = <const Kind extends string>(kind: Kind) =>
  z.object({
    kind: z.literal(kind),
    from: decimalOutput().meta({ description: 'The tier is for what is above this.', example: '0' }),
    up_to: decimalOutput()
      .nullable()
      .meta({ description: '… and up to and including this.', example: '1000' }),
    quantity: decimalOutput().meta({ description: 'Units that this tier prices.', example: '120' }),
    unit_amount: decimalOutput().meta({ example: '0.01' }),
    flat_amount: decimalOutput().meta({ example: '0' }),
    amount: decimalOutput().meta({ description: 'quantity · unit_amount + flat_amount', example: '1.2' }),
  })

export const tierRow = <const Kind extends string>(kind: Kind, tier: Tier, quantity: Decimal) => ({
  kind,
  from: text(tier.from),
  up_to: tier.upTo === null ? null : text(tier.upTo),
  quantity: text(quantity),
  unit_amount: text(tier.unitAmount),
  flat_amount: text(tier.flatAmount),
  amount: text(quantity.times(tier.unitAmount).plus(tier.flatAmount)),
})
