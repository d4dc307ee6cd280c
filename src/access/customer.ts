// A customer: who gets the bill. The tenant's own id names it; it need not be created before it is used or billed, so
// what is kept here is only what a tenant wants to add: a name, a plan, its own notes.

import { z } from 'zod'
import { knownFields } from '../kernel/object-schema.ts'
import { isStorable, keySchema, line } from '../kernel/text.ts'
import { customerIdSchema } from '../metering/event.ts'
import { percentField } from '../pricing/fields.ts'
import { NAME_CHARS } from './tenant.ts'

export const METADATA_KEYS = 50
const METADATA_KEY_CHARS = 64
const METADATA_VALUE_CHARS = 500
const EMAIL_CHARS = 254

export const TAX_RATES_PER_CUSTOMER = 5

export type TaxRate = { name: string; percent: string }

export type Customer = {
  customerId: string
  name: string | null
  email: string | null
  /** key of its plan; null: the tenant's default plan */
  plan: string | null
  metadata: Record<string, string>
  /** What its invoices add. */
  taxRates: TaxRate[]
  /** null: known by its usage alone, never created */
  createdAt: Date | null
  updatedAt: Date | null
}

/** A customer that nobody created, but that has usage. */
export const usedOnly = (customerId: string): Customer => ({
  customerId,
  name: null,
  email: null,
  plan: null,
  metadata: {},
  taxRates: [],
  createdAt: null,
  updatedAt: null,
})

const metadataKey = line(METADATA_KEY_CHARS)
const metadataValue = z
  .string()
  .max(METADATA_VALUE_CHARS)
  .refine(isStorable, 'must be valid Unicode without NUL characters')
const METADATA = {
  description: 'Your own notes: up to 50 names with a text each.',
  example: { crm_id: '4711' },
}

const name = line(NAME_CHARS).nullable().meta({ description: 'Its name.', example: 'Globex' })
const email = z
  .string()
  .max(EMAIL_CHARS)
  // Without flags: JSON Schema, and so the OpenAPI document, has none.
  .regex(
    /^[^\s@\x00-\x1f\x7f-\x9f]+@[^\s@\x00-\x1f\x7f-\x9f]+$/,
    'must be an e-mail address, such as "billing@example.com"',
  )
  .refine((text) => text.isWellFormed(), 'must be valid Unicode')
  .nullable()
  .meta({ description: 'Where its bills go.', example: 'billing@globex.example' })
const plan = keySchema
  .nullable()
  .meta({ description: 'Key of its plan; null or absent: the default plan.', example: 'default' })

const taxRates = z
  .array(
    knownFields('A tax rate', {
      name: line(NAME_CHARS).meta({ description: 'On the invoice.', example: 'VAT' }),
      percent: percentField('Of what is left after coupons: "19" is 19 %. 100 at most.', '19', '100'),
    }).meta({ id: 'TaxRate' }),
  )
  .max(TAX_RATES_PER_CUSTOMER)
  .meta({ description: 'What its invoices add, each rounded once. None: no tax.', example: [] })

export const customerInputSchema = knownFields('A customer', {
  customer_id: customerIdSchema,
  name: name.default(null),
  email: email.default(null),
  plan: plan.default(null),
  metadata: z
    .record(metadataKey, metadataValue)
    .refine((metadata) => Object.keys(metadata).length <= METADATA_KEYS, tooManyNames())
    .default({})
    .meta(METADATA),
  tax_rates: taxRates.default([]),
})
export type CustomerInput = z.output<typeof customerInputSchema>

/** What is left out stays as it is. In metadata, names are set one by one, and null takes one away. */
export const customerChangeSchema = knownFields('A change of a customer', {
  name: name.optional(),
  email: email.optional(),
  plan: plan.optional(),
  metadata: z
    .record(metadataKey, metadataValue.nullable())
    .refine((metadata) => Object.keys(metadata).length <= METADATA_KEYS, tooManyNames())
    .optional()
    .meta({
      ...METADATA,
      description: `${METADATA.description} Those that are not sent stay; null takes one away.`,
    }),
  tax_rates: taxRates.optional(),
})
export type CustomerChange = z.output<typeof customerChangeSchema>

function tooManyNames(): string {
  return `must have at most ${METADATA_KEYS} names`
}
