// A plan: what it sells for, version by version, in one currency. A customer without a subscription is billed by the newest
// version of its own plan, or of the tenant's default one; a subscription stays on the version that it was given.

import { z } from 'zod'
import { currencySchema } from '../kernel/currency.ts'
import { knownFields } from '../kernel/object-schema.ts'
import { keySchema, line } from '../kernel/text.ts'
import { refuseLongPeriods, type Terms, termsFields, termsInputFields, termsSchema } from './terms.ts'

export const PLAN_NAME_CHARS = 200

export type Plan = {
  /** The tenant's own name for it; never changed. */
  key: string
  name: string | null
  /** ISO 4217; of every amount in the terms */
  currency: string
  /** counts from 1; the newest if nothing else is said */
  version: number
  terms: Terms
  createdAt: Date
  updatedAt: Date
}

const nameSchema = line(PLAN_NAME_CHARS).nullable().meta({ description: 'For people.', example: 'Pro' })
const defaultSchema = z
  .boolean({ error: 'must be true or false' })
  .meta({ description: 'Whether customers without a plan of their own have this one.', example: true })

export const planInputSchema = knownFields('A plan', {
  key: keySchema.meta({ description: 'Your own name for the plan; it stays.', example: 'pro' }),
  name: nameSchema.optional(),
  currency: currencySchema,
  ...termsInputFields,
  default: defaultSchema.optional(),
})
  .superRefine(refuseLongPeriods)
  .meta({ id: 'PlanInput' })

const optional = {
  prices: termsFields.prices.optional(),
  fees: termsFields.fees.optional(),
  interval: termsFields.interval.optional(),
  interval_count: termsFields.interval_count.optional(),
  trial_days: termsFields.trial_days.optional(),
  entitlements: termsFields.entitlements.optional(),
}

/** What is absent stays as it is. `prices` and `fees` replace them all. The key is the plan's identity. */
export const planChangeSchema = knownFields('A change of a plan', {
  name: nameSchema.optional(),
  currency: currencySchema.optional(),
  ...optional,
  default: defaultSchema.optional(),
}).meta({ id: 'PlanChange' })

export const planSchema = z
  .object({
    key: z.string().meta({ example: 'pro' }),
    name: z.string().nullable().meta({ example: 'Pro' }),
    currency: z.string().meta({ description: 'ISO 4217 code.', example: 'USD' }),
    version: z.int().meta({ description: 'Counts from 1. A version never changes.', example: 1 }),
    ...termsSchema.shape,
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
  version: plan.version,
  ...plan.terms,
  default: isDefault,
  created_at: plan.createdAt.toISOString(),
  updated_at: plan.updatedAt.toISOString(),
})
