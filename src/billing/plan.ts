// A plan: what each meter costs, in one currency. A customer has a plan of its own or the tenant's default one.

import { z } from 'zod'
import { currencySchema } from '../kernel/currency.ts'
import { knownFields } from '../kernel/object-schema.ts'
import { keySchema, line } from '../kernel/text.ts'
import { type Price, priceSchema } from '../pricing/price.ts'

export const PRICES_PER_PLAN = 200
export const PLAN_NAME_CHARS = 200

export type PlanPrice = { meter: string; price: Price }

export type Plan = {
  /** The tenant's own name for it; never changed. */
  key: string
  name: string | null
  /** ISO 4217; of every amount in the prices */
  currency: string
  /** one a meter at most; a bill's lines come in this order */
  prices: PlanPrice[]
  createdAt: Date
  updatedAt: Date
}

const planPriceSchema = knownFields("A plan's price", {
  meter: keySchema.meta({ description: "The meter's key.", example: 'api_calls' }),
  price: priceSchema,
}).meta({ id: 'PlanPrice' })

const pricesSchema = z
  .array(planPriceSchema, { error: 'must be a list of {"meter", "price"}' })
  .max(PRICES_PER_PLAN, { error: `must have at most ${PRICES_PER_PLAN} prices`, abort: true })
  .superRefine((prices, context) => {
    const indexes = new Map<string, number>()
    prices.forEach(({ meter }, index) => {
      const first = indexes.get(meter)
      if (first === undefined) indexes.set(meter, index)
      else {
        const message = `must be another meter: ${meter} has a price at index ${first}, and a plan has one price a meter`
        context.addIssue({ code: 'custom', path: [index, 'meter'], message })
      }
    })
  })
  .meta({ description: 'One price a meter at most. The lines of a bill come in this order.' })

const nameSchema = line(PLAN_NAME_CHARS).nullable().meta({ description: 'For people.', example: 'Pro' })
const defaultSchema = z
  .boolean({ error: 'must be true or false' })
  .meta({ description: 'Whether customers without a plan of their own have this one.', example: true })

export const planInputSchema = knownFields('A plan', {
  key: keySchema.meta({ description: 'Your own name for the plan; it stays.', example: 'pro' }),
  name: nameSchema.optional(),
  currency: currencySchema,
  prices: pricesSchema,
  default: defaultSchema.optional(),
}).meta({ id: 'PlanInput' })

/** What is absent stays as it is. `prices` replaces them all. The key is not among them: it is the plan's identity. */
export const planChangeSchema = knownFields('A change of a plan', {
  name: nameSchema.optional(),
  currency: currencySchema.optional(),
  prices: pricesSchema.optional(),
  default: defaultSchema.optional(),
}).meta({ id: 'PlanChange' })

export const planSchema = z
  .object({
    key: z.string().meta({ example: 'pro' }),
    name: z.string().nullable().meta({ example: 'Pro' }),
    currency: z.string().meta({ description: 'ISO 4217 code.', example: 'USD' }),
    prices: z.array(planPriceSchema),
    default: defaultSchema,
    created_at: z.iso.datetime().meta({ example: '2026-11-01T09:30:00.000Z' }),
    updated_at: z.iso.datetime().meta({ example: '2026-11-01T09:30:00.000Z' }),
  })
  .meta({ id: 'Plan' })

export type PlanInput = z.output<typeof planInputSchema>
export type PlanChange = z.output<typeof planChangeSchema>
export type PlanJson = z.output<typeof planSchema>

/** The plan as the API shows it. */
export const planJson = (plan: Plan, isDefault: boolean): PlanJson => ({
  key: plan.key,
  name: plan.name,
  currency: plan.currency,
  prices: plan.prices,
  default: isDefault,
  created_at: plan.createdAt.toISOString(),
  updated_at: plan.updatedAt.toISOString(),
})
