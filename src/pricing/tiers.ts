// Tiers, which several models share: contiguous from 0, each up to and including its `up_to`, the last without end. What the
// units in a tier pay, an amount or a percentage, is the model's; here is where tiers lie, and their flat amounts.

import { z } from 'zod'
import { type Decimal, decimal, text, zero } from '../kernel/decimal.ts'
import { decimalOutput, decimalString } from '../kernel/decimal-schema.ts'
import { amountField, flatAtZeroField } from './fields.ts'

export const TIERS_PER_PRICE = 100

/** What every tier has, besides the field that says what its units pay. */
export const tierFields = {
  up_to: decimalString({ above: '0', otherwise: 'or null in the last tier' }).nullable().meta({
    description: 'The last unit in the tier. null in the last tier, and only there.',
    example: '1000',
  }),
  flat_amount: amountField('Due once when the tier is used. Omitted: 0.', '0').optional(),
}
type TierJson = { up_to: string | null; flat_amount?: string | undefined }

/** For `refine`: a tier has what its units pay, a flat amount, or both. `pays`: the field that says what they pay. */
export const paysOrFlat = <Pays extends string>(
  pays: Pays,
): [
  check: (tier: { [Field in Pays | 'flat_amount']?: unknown }) => boolean,
  { path: [Pays]; error: string },
] => [
  (tier) => tier[pays] !== undefined || tier.flat_amount !== undefined,
  {
    path: [pays],
    error: 'must be there, or flat_amount must: a tier has one or both, "0" if it is free',
  },
]

/** `tiers` and `flat_at_zero`, as the fields of a price. `examples`: what the units of a first and a last tier pay, as JSON. */
export const tieredFields = <Tier extends z.ZodType<TierJson>>(tier: Tier, examples: [string, string]) => ({
  tiers: z
    .array(tier, {
      error: `must be a list of tiers, such as [{"up_to":"1000",${examples[0]}},{"up_to":null,${examples[1]}}]`,
    })
    .min(1, {
      error: `must have at least one tier: {"up_to":null,${examples[0]}} prices every unit alike`,
      abort: true,
    })
    .max(TIERS_PER_PRICE, { error: `must have at most ${TIERS_PER_PRICE} tiers`, abort: true })
    .superRefine((tiers, context) => {
      tiers.forEach((tier, index) => {
        const message = wrongEnd(tier.up_to, index === tiers.length - 1, tiers[index - 1]?.up_to ?? null)
        if (message !== null) context.addIssue({ code: 'custom', path: [index, 'up_to'], message })
      })
    }),
  flat_at_zero: flatAtZeroField.optional(),
})

/** What is wrong with where a tier ends, if anything. `previous`: where the tier before it ends. */
function wrongEnd(end: string | null, isLast: boolean, previous: string | null): string | null {
  if (end === null) return isLast ? null : 'must be the last unit of the tier: only the last tier has null'
  if (isLast)
    return `must be null, not "${end}": the last tier has no end; add a tier after this one, or take its end away`
  if (previous === null || decimal(end).gt(previous)) return null
  return `must be more than ${previous}, where the tier before it ends`
}

type Tiered<Tier extends TierJson> = { tiers: Tier[]; flat_at_zero?: boolean | undefined }

/** A tier, how much of the quantity pays it, and what of its flat amount is due. */
export type TierPart<Tier> = {
  tier: Tier
  from: Decimal
  upTo: Decimal | null
  quantity: Decimal
  flatAmount: Decimal
}

/** Graduated: each part of the quantity pays the tier that it falls in. The first tier is entered from the start. */
export const partsOf = <Tier extends TierJson>(price: Tiered<Tier>, quantity: Decimal): TierPart<Tier>[] =>
  wholeIn(price, quantity)
    .filter(({ from }, index) => index === 0 || quantity.gt(from))
    .map((part) => ({
      ...part,
      quantity: (part.upTo === null || quantity.lt(part.upTo) ? quantity : part.upTo).minus(part.from),
    }))

/** Volume: the whole quantity pays the tier that it ends in. Zero usage ends in the first tier. */
export const tierOf = <Tier extends TierJson>(price: Tiered<Tier>, quantity: Decimal): TierPart<Tier> =>
  wholeIn(price, quantity).find(({ upTo }) => upTo === null || quantity.lte(upTo))!

/** Every tier, as if the whole quantity were in it. */
function wholeIn<Tier extends TierJson>(price: Tiered<Tier>, quantity: Decimal): TierPart<Tier>[] {
  const flatsAreDue = price.flat_at_zero !== false || quantity.gt('0')
  let from = zero
  return price.tiers.map((tier) => {
    const upTo = tier.up_to === null ? null : decimal(tier.up_to)
    const flatAmount = flatsAreDue ? decimal(tier.flat_amount ?? '0') : zero
    const part = { tier, from, upTo, quantity, flatAmount }
    from = upTo ?? from
    return part
  })
}

/** The row that explains what one tier's part costs; `pays` is the field, or fields, between `quantity` and `flat_amount`. */
export const tierRowFields = <Pays extends z.ZodRawShape>(pays: Pays, formula: string) => ({
  from: decimalOutput().meta({ description: 'The tier is for what is above this.', example: '0' }),
  up_to: decimalOutput().nullable().meta({ description: '… and up to and including this.', example: '1000' }),
  quantity: decimalOutput().meta({ description: 'Units that this tier prices.', example: '120' }),
  ...pays,
  flat_amount: decimalOutput().meta({ description: 'As far as it is due.', example: '0' }),
  amount: decimalOutput().meta({ description: formula, example: '1.2' }),
})

export const tierRow = <const Kind extends string, Pays>(
  kind: Kind,
  part: TierPart<unknown>,
  pays: Pays,
  amount: Decimal,
) => ({
  kind,
  from: text(part.from),
  up_to: part.upTo === null ? null : text(part.upTo),
  quantity: text(part.quantity),
  ...pays,
  flat_amount: text(part.flatAmount),
  amount: text(amount.plus(part.flatAmount)),
})
