// Corrections as the API takes them.

import { z } from 'zod'
import { TollgateError } from '../kernel/errors.ts'
import { instantInZoneMs, instantOrDateSchema } from '../kernel/instant.ts'
import { line } from '../kernel/text.ts'
import { customerIdSchema, eventSchema, wrongProperties } from '../metering/event.ts'
import { PROPERTY_PATH_CHARS, RESOURCE_TYPE_CHARS } from '../metering/limits.ts'
import type { TenantConfig } from '../metering/meter.ts'
import { parsePath } from '../metering/property-path.ts'
import { type ActFilter, correctionActions, type EventChange } from './act.ts'
import type { Asked } from './correction.ts'
import { PROPERTY_FILTERS, REASON_CHARS } from './limits.ts'

const VALUE_CHARS = 1_024

const reasonSchema = line(REASON_CHARS).meta({
  description: 'Why, for whoever asks later.',
  example: 'sent twice by a broken retry',
})

const asSchema = z.enum(['adjustment', 'credit_note']).default('adjustment').meta({
  'x-name': 'CorrectionAs',
  description:
    'How invoices that billed it are put right: by an adjustment on the customer’s next invoice, or, where less was used than was billed, by a credit note at once.',
})

const { quantity, timestamp } = eventSchema.shape
const set = {
  quantity: quantity.meta({ description: 'How much it was.', example: '10' }),
  timestamp: timestamp.meta({ description: 'When it happened.' }),
  customer_id: customerIdSchema.optional().meta({ description: 'Whose it is.', example: 'cust_43' }),
  properties: z
    .record(z.string(), z.unknown())
    .superRefine((properties, context) => {
      const wrong = wrongProperties(properties, '')
      if (wrong !== null) context.addIssue({ code: 'custom', message: wrong.detail })
    })
    .optional()
    .meta({
      description: 'Those named are set, or taken away by null; the others stay.',
      example: { model: 'small' },
    }),
}

export const voidInputSchema = z
  .strictObject({ reason: reasonSchema, as: asSchema })
  .meta({ id: 'VoidEventInput' })

const NOTHING_SET = `must set something: ${Object.keys(set).join(', ')}`
const isSet = (sent: { [Name in keyof typeof set]?: unknown }): boolean =>
  Object.keys(set).some((name) => sent[name as keyof typeof set] !== undefined)

export const amendInputSchema = z
  .strictObject({ ...set, reason: reasonSchema, as: asSchema })
  .refine(isSet, NOTHING_SET)
  .meta({ id: 'AmendEventInput' })

const instant = instantOrDateSchema('2026-11-22T10:00:00Z')

export const correctionInputSchema = z
  .strictObject({
    filter: z
      .strictObject({
        customer_id: customerIdSchema.optional(),
        resource_type: line(RESOURCE_TYPE_CHARS).optional().meta({ example: 'api_call' }),
        from: instant.meta({
          description:
            'Events that happened at this instant or later. A date is the midnight that it begins with in the tenant’s time zone.',
          example: '2026-11-01',
        }),
        to: instant.meta({ description: 'Events that happened before this instant.', example: '2026-12-01' }),
        properties: z
          .record(z.string(), z.union([z.string().max(VALUE_CHARS), z.number(), z.boolean()]))
          .optional()
          .meta({ description: 'Values by name, or by path; all must hold.', example: { model: 'large' } }),
      })
      .meta({ description: 'All of it holds of an event as it stands.' }),
    action: z.enum(correctionActions).meta({
      'x-name': 'CorrectionAction',
      description: 'void: it counts nowhere. amend: it is what `set` says. move: it is another customer’s.',
    }),
    set: z.strictObject(set).optional().meta({ description: 'What amend and move change.' }),
    reason: reasonSchema,
    as: asSchema,
  })
  .superRefine(({ action, set: change }, context) => {
    const refuse = (message: string) => context.addIssue({ code: 'custom', path: ['set'], message })
    if (action === 'void' && change !== undefined) refuse('must be absent: what is voided has nothing left')
    if (action === 'amend' && (change === undefined || !isSet(change))) refuse(NOTHING_SET)
    if (action === 'move' && change?.customer_id === undefined)
      refuse('must name the customer_id that the events are moved to')
  })
  .meta({ id: 'CorrectionInput' })

type SetInput = { [Name in keyof typeof set]?: z.output<(typeof set)[Name]> }

/** Throws validation_failed for a time that has not come. */
export function changeOf(
  { quantity, timestamp, customer_id, properties }: SetInput,
  { pointer, latestMs }: { pointer: string; latestMs: number },
): EventChange {
  if (timestamp !== undefined && timestamp > latestMs)
    throw new TollgateError('validation_failed', 'The time has not come.', {
      issues: [{ pointer: `${pointer}/timestamp`, detail: 'must not be in the future' }],
    })
  return {
    ...(quantity !== undefined && { quantity }),
    ...(timestamp !== undefined && { timestampMs: timestamp }),
    ...(customer_id !== undefined && { customerId: customer_id }),
    ...(properties !== undefined && { properties }),
  }
}

/** Throws validation_failed for a period that is none, and for paths that are none. */
export function askedOf(
  { filter, action, set: change, reason, as }: z.output<typeof correctionInputSchema>,
  { timezone }: TenantConfig,
  latestMs: number,
): Asked {
  const [fromMs, toMs] = [instantInZoneMs(timezone, filter.from), instantInZoneMs(timezone, filter.to)]
  if (toMs <= fromMs)
    throw new TollgateError('validation_failed', 'The period is none.', {
      issues: [{ pointer: '#/filter/to', detail: 'must be later than from: the period is from ≤ t < to' }],
    })
  return {
    action,
    reason,
    asCreditNote: as === 'credit_note',
    set: changeOf(change ?? {}, { pointer: '#/set', latestMs }),
    filter: {
      eventId: null,
      receivedFrom: 0,
      customerId: filter.customer_id ?? null,
      resourceType: filter.resource_type ?? null,
      fromMs,
      toMs,
      properties: propertiesOf(filter.properties ?? {}),
    },
  }
}

function propertiesOf(sent: Record<string, string | number | boolean>): ActFilter['properties'] {
  const wanted = Object.entries(sent)
  const refuse = (detail: string) => {
    throw new TollgateError('validation_failed', 'The filter can’t be read.', {
      issues: [{ pointer: '#/filter/properties', detail }],
    })
  }
  if (wanted.length > PROPERTY_FILTERS) refuse(`must have at most ${PROPERTY_FILTERS} properties`)
  for (const [path] of wanted) {
    const parsed = path.length > PROPERTY_PATH_CHARS ? { wrong: 'is too long' } : parsePath(path)
    if ('wrong' in parsed) refuse(`${JSON.stringify(path.slice(0, 100))} ${parsed.wrong}`)
  }
  return wanted.map(([path, value]) => [path, typeof value === 'string' ? value : JSON.stringify(value)])
}
