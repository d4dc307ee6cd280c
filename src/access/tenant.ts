// A tenant: a business that bills its customers with Tollgate. It owns everything else.

import { z } from 'zod'
import { currencySchema } from '../kernel/currency.ts'
import { knownFields } from '../kernel/object-schema.ts'
import { keySchema, line } from '../kernel/text.ts'
import { type Unmetered, unmeteredChoices } from '../metering/meter.ts'

export const NAME_CHARS = 200

export type Tenant = {
  id: string
  name: string
  timezone: string
  currency: string
  /** key of the plan that its customers have who have no other */
  defaultPlan: string | null
  unmetered: Unmetered
  createdAt: Date
}

/**
 * A name of the IANA database, as the runtime's own tables have it. Offsets such as "+05:30" are left out: they have no
 * months and no summer time of their own, and stores disagree about their sign.
 */
export function isTimezone(name: string): boolean {
  if (!/^[A-Za-z]/.test(name)) return false
  try {
    new Intl.DateTimeFormat('en', { timeZone: name })
    return true
  } catch {
    return false
  }
}

const nameSchema = line(NAME_CHARS).meta({ description: 'Whose usage it is.', example: 'Acme Inc.' })
export const unmeteredSchema = z.enum(unmeteredChoices).meta({
  'x-name': 'Unmetered',
  description:
    'What becomes of an event whose resource type no meter measures: it is refused, so that a typing error is seen, or kept: accepted and logged, for meters that come later.',
  example: 'refuse',
})

export const tenantInputSchema = knownFields('A tenant', {
  name: nameSchema,
  timezone: z
    .string()
    .max(64)
    .refine(isTimezone, 'must be an IANA time zone name, such as "UTC" or "Asia/Kolkata"')
    .default('UTC')
    .meta({
      description: 'IANA time zone: where its days and months begin. It can’t be changed later.',
      example: 'Asia/Kolkata',
    }),
  currency: currencySchema.default('USD').meta({
    description: 'ISO 4217 currency of the default plan that is made with the tenant.',
    example: 'USD',
  }),
  unmetered: unmeteredSchema.default('refuse'),
})
export type TenantInput = z.output<typeof tenantInputSchema>

const settings = {
  default_plan: keySchema
    .optional()
    .meta({ description: 'Key of the plan of customers who have no other.', example: 'default' }),
  unmetered: unmeteredSchema.optional(),
}
/** What a tenant can change of itself. */
export const settingsChangeSchema = knownFields('A change of settings', settings)
/** What the operator can. */
export const tenantChangeSchema = knownFields('A change of a tenant', {
  name: nameSchema.optional(),
  ...settings,
})
export type TenantChange = z.output<typeof tenantChangeSchema>

export const keyInputSchema = knownFields('An API key', {
  tenant_id: z.guid('must be a tenant’s id, a UUID').meta({ description: 'Whose key it is.' }),
  name: line(NAME_CHARS)
    .default('default')
    .meta({ description: 'To tell it from other keys.', example: 'production' }),
})
export type KeyInput = z.output<typeof keyInputSchema>
