// What a plan sells for: prices by meter, recurring fees, how long a period is, and what a customer is entitled to. Each
// set of terms is a version of its plan, and never changes once it is published.

import { z } from 'zod'
import { decimalString } from '../kernel/decimal-schema.ts'
import { knownFields } from '../kernel/object-schema.ts'
import { keySchema, line } from '../kernel/text.ts'
import { wholeNumber } from '../kernel/whole-number.ts'
import { amountField } from '../pricing/fields.ts'
import { groupPricesSchema } from '../pricing/group-price.ts'
import { priceSchema } from '../pricing/price.ts'
import { INTERVAL_COUNT_MAX, type Interval, type IntervalUnit, intervalUnits } from './interval.ts'

export const PRICES_PER_PLAN = 200
/** Prices and group prices together: each is a line of an invoice. */
export const PARTS_PER_PLAN = 1_000
export const FEES_PER_PLAN = 20
export const ENTITLEMENTS_PER_PLAN = 100
export const TRIAL_MAX_DAYS = 730
const COUNT_MAX = Math.max(...Object.values(INTERVAL_COUNT_MAX))
const NAME_CHARS = 200

export const planPriceSchema = knownFields("A plan's price", {
  meter: keySchema.meta({ description: "The meter's key.", example: 'api_calls' }),
  price: priceSchema.optional(),
  groups: groupPricesSchema.optional(),
})
  .refine(({ price, groups = [] }) => price !== undefined || groups.length > 0, {
    path: ['price'],
    error: 'must be there, or `groups` must: what no group’s price is for is shown as unpriced then',
  })
  .meta({ id: 'PlanPrice' })

/** `price` is for everything, or for what no group's price is for; without it that is shown as unpriced. */
export type PlanPrice = z.output<typeof planPriceSchema>

/** One price a meter at most. */
export const pricesSchema = z
  .array(planPriceSchema, { error: 'must be a list of {"meter", "price"}' })
  .max(PRICES_PER_PLAN, { error: `must have at most ${PRICES_PER_PLAN} prices`, abort: true })
  .superRefine((prices, context) =>
    oneEach(prices, 'meter', 'price', 'a plan has one price a meter', context),
  )
  .superRefine(refuseTooManyParts)
  .meta({
    description: `One price a meter at most, and ${PARTS_PER_PLAN} prices and group prices together. The lines of a bill come in this order.`,
  })

export const feeSchema = knownFields('A fee', {
  key: keySchema.meta({ description: 'Your own name for the fee.', example: 'base' }),
  name: line(NAME_CHARS).nullable().default(null).meta({ description: 'For people.', example: 'Base fee' }),
  amount: amountField('Due each period, prorated by days where a period is cut.', '49'),
  due: z.enum(['advance', 'arrears']).default('advance').meta({
    'x-name': 'FeeDue',
    description: 'advance: for the period that begins. arrears: for the one that ends.',
  }),
}).meta({ id: 'Fee' })

export type Fee = z.output<typeof feeSchema>

const feesSchema = z
  .array(feeSchema, { error: 'must be a list of {"key", "amount", "due"}' })
  .max(FEES_PER_PLAN, { error: `must have at most ${FEES_PER_PLAN} fees`, abort: true })
  .superRefine((fees, context) => oneEach(fees, 'key', 'fee', 'each fee has a key of its own', context))
  .meta({ description: 'What is due each period whatever was used.' })

const entitlementsSchema = z
  .record(
    keySchema,
    z.union([z.boolean(), decimalString({ min: '0' })], {
      error: 'must be true, false, or a limit as a decimal string, such as "1000"',
    }),
  )
  .refine((all) => Object.keys(all).length <= ENTITLEMENTS_PER_PLAN, {
    error: `must have at most ${ENTITLEMENTS_PER_PLAN} names`,
  })
  .meta({
    description:
      'What a customer of this plan may use: by name, true, false, or a limit. Kept, not enforced.',
    example: { sso: true, seats: '10' },
  })

/** The fields of terms, each optional: what is absent is the default here, or stays as it is in a change. */
export const termsFields = {
  prices: pricesSchema,
  fees: feesSchema,
  interval: z
    .enum(intervalUnits)
    .meta({ 'x-name': 'Interval', description: 'How long a period is …', example: 'month' }),
  interval_count: wholeNumber(1, COUNT_MAX).meta({
    description: '… in so many of these units.',
    example: 1,
  }),
  trial_days: wholeNumber(0, TRIAL_MAX_DAYS).meta({
    description: 'A new subscription is free for so many days.',
    example: 14,
  }),
  entitlements: entitlementsSchema,
}

const defaults = { fees: [], interval: 'month', interval_count: 1, trial_days: 0, entitlements: {} } as const

/** The fields of terms as a plan's creation takes them. */
export const termsInputFields = {
  prices: termsFields.prices,
  fees: termsFields.fees.default(defaults.fees as never),
  interval: termsFields.interval.default(defaults.interval),
  interval_count: termsFields.interval_count.default(defaults.interval_count),
  trial_days: termsFields.trial_days.default(defaults.trial_days),
  entitlements: termsFields.entitlements.default(defaults.entitlements),
}

export const termsSchema = z.object(termsFields)
export type Terms = z.output<typeof termsSchema>
export const termNames = Object.keys(termsFields) as (keyof Terms)[]

/** The terms among the fields of an input. */
export const termsOf = (input: Terms): Terms =>
  Object.fromEntries(termNames.map((name) => [name, input[name]])) as Terms

/** Terms with nothing but these prices. */
export const onlyPrices = (prices: PlanPrice[]): Terms => ({ ...defaults, fees: [], prices })

export const intervalOf = (terms: Pick<Terms, 'interval' | 'interval_count'>): Interval => ({
  unit: terms.interval,
  count: terms.interval_count,
})

function refuseTooManyParts(prices: PlanPrice[], context: z.core.$RefinementCtx): void {
  const parts = prices.reduce((all, { groups = [] }) => all + 1 + groups.length, 0)
  if (parts <= PARTS_PER_PLAN) return
  const message = `must have at most ${PARTS_PER_PLAN} prices and group prices together, as each is a line of an invoice: these have ${parts}`
  context.addIssue({ code: 'custom', message })
}

/** A period is three years long at most. */
export function refuseLongPeriods(
  { interval, interval_count: count }: { interval?: IntervalUnit; interval_count?: number },
  context: z.core.$RefinementCtx,
): void {
  if (interval === undefined || count === undefined || count <= INTERVAL_COUNT_MAX[interval]) return
  const message = `must be at most ${INTERVAL_COUNT_MAX[interval]} with the interval ${interval}: a period is three years long at most`
  context.addIssue({ code: 'custom', path: ['interval_count'], message })
}

function oneEach<Field extends string>(
  items: Record<Field, string>[],
  field: Field,
  what: string,
  because: string,
  context: z.core.$RefinementCtx,
): void {
  const indexes = new Map<string, number>()
  for (const [index, item] of items.entries()) {
    const value = item[field]
    const first = indexes.get(value)
    if (first === undefined) indexes.set(value, index)
    else {
      const message = `must be another ${field}: ${value} has a ${what} at index ${first}, and ${because}`
      context.addIssue({ code: 'custom', path: [index, field], message })
    }
  }
}
