// A tenant: a business that bills its customers with Tollgate. It owns everything else.

import { z } from 'zod'
import { currencySchema } from '../kernel/currency.ts'
import { knownFields } from '../kernel/object-schema.ts'
import { keySchema, line } from '../kernel/text.ts'
import { DEDUPE_WINDOW_HOURS_MOST } from '../metering/limits.ts'
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
  /** how long its events are kept; 0: for ever; null: as long as the server says */
  eventLogDays: number | null
  /** how long an event's id is known at least; null: as long as the server says */
  dedupeWindowHours: number | null
  /** from when on the log has everything that arrived; null: not known */
  logSince: Date | null
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

/** Days that events may be kept for, beyond which it is for ever. */
const EVENT_LOG_DAYS_MOST = 36_500
export const eventLogDaysSchema = z
  .int('must be a whole number of days')
  .min(0, 'must be 0 (for ever) or more days')
  .max(EVENT_LOG_DAYS_MOST, `must be ${EVENT_LOG_DAYS_MOST} days at most, or 0: for ever`)
  .nullable()
  .meta({
    description:
      'For how many days after its arrival an event is kept in the log, whole blocks at a time; 0: for ever. null: as the server has it (`EVENT_LOG_DAYS`). What was counted stays.',
    example: 400,
  })

export const dedupeWindowHoursSchema = z
  .int('must be a whole number of hours')
  .min(1, 'must be 1 hour or more')
  .max(DEDUPE_WINDOW_HOURS_MOST, `must be ${DEDUPE_WINDOW_HOURS_MOST} hours (35 days) at most`)
  .nullable()
  .meta({
    description:
      'For how many hours, at least, the id of an event is known: so late may a retry come and still count once. null: as the server has it (`DEDUPE_WINDOW_HOURS`, 24). A change holds from the next event on. A longer one can’t bring back ids that are forgotten already: what was sent before the change is known for as long as it would have been, at least, and for the longer time only if it was still known then.',
    example: 72,
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
  partition: z.int().min(0).optional().meta({
    description:
      'The open partition that is to hold its counters. Where it isn’t said, the one with the least to do.',
    example: 0,
  }),
  event_log_days: eventLogDaysSchema.optional(),
  dedupe_window_hours: dedupeWindowHoursSchema.optional(),
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
  event_log_days: eventLogDaysSchema.optional(),
  dedupe_window_hours: dedupeWindowHoursSchema.optional(),
})
export type TenantChange = z.output<typeof tenantChangeSchema>

export const keyInputSchema = knownFields('An API key', {
  tenant_id: z.guid('must be a tenant’s id, a UUID').meta({ description: 'Whose key it is.' }),
  name: line(NAME_CHARS)
    .default('default')
    .meta({ description: 'To tell it from other keys.', example: 'production' }),
})
export type KeyInput = z.output<typeof keyInputSchema>
