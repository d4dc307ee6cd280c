// A meter as the API takes it, and which of its fields make its meaning.

import { z } from 'zod'
import { TollgateError } from '../kernel/errors.ts'
import { knownFields } from '../kernel/object-schema.ts'
import { canonicalJson } from '../kernel/same-json.ts'
import { keySchema, line } from '../kernel/text.ts'
import { countsFromMs, countsFromSchema, countsFromText } from './counts-from.ts'
import { filterSchema, filterTerms } from './filter-schema.ts'
import { GROUP_BY_PROPERTIES, RESOURCE_TYPE_CHARS } from './limits.ts'
import {
  type Aggregation,
  aggregations,
  type Meter,
  type Missing,
  meterCountsFromMs,
  missingChoices,
} from './meter.ts'
import { parsePath } from './property-path.ts'
import { propertySchema, writtenSchema } from './property-schema.ts'

const METER_NAME_CHARS = 200
const QUANTITY = 'quantity'

export const dryRunSchema = z.boolean().optional().meta({
  description:
    'true: nothing is changed, and the answer (200) says what would be counted from the event log, and what becomes of totals, bills and invoices.',
  example: false,
})

export type NewMeter = Omit<Meter, 'createdAt' | 'archivedAt' | 'revision'>

const nameSchema = line(METER_NAME_CHARS)
  .nullable()
  .meta({ description: 'For people to read.', example: 'API calls' })

export const meterFields = {
  key: keySchema.meta({
    description: 'Your own name for it; never used again for another meaning.',
    example: 'api_calls',
  }),
  resource_type: line(RESOURCE_TYPE_CHARS).meta({
    description: 'Which events it counts: those with this `resource_type`.',
    example: 'api_call',
  }),
  aggregation: z.enum(aggregations).meta({
    'x-name': 'Aggregation',
    description:
      'How the events become one number. `weighted_sum` is for gauges that are fed with changes (+3, −1): the level, averaged over the period.',
    example: 'sum',
  }),
  value: propertySchema.meta({
    description:
      "`quantity`, or the property whose value is aggregated: its name, or the path to it, such as `usage.total_tokens` or `$.choices[0]['total tokens']`. A property whose name is just what is written goes first, dots and all. `unique_count` needs a property; for `count` it has no part.",
    example: QUANTITY,
  }),
  group_by: z
    .array(propertySchema)
    .max(GROUP_BY_PROPERTIES)
    .refine((names) => new Set(names.map(placeOf)).size === names.length, 'must not name a property twice')
    .meta({
      description: `Properties whose values are counted apart, by name or path, ${GROUP_BY_PROPERTIES} at most. Groups, prices and answers name them as they are written here. An event without one counts in the group null.`,
      example: ['region'],
    }),
  missing: z.enum(missingChoices).meta({
    'x-name': 'MissingProperty',
    description:
      'What becomes of an event that lacks the property in `value`, or has null there: `refuse` refuses it for all meters, with a 422; `skip` leaves it out of this meter, counts it in the others, and names this meter in its `skipped`.',
    example: 'refuse',
  }),
  filter: filterSchema,
  counts_from: countsFromSchema,
}

/** Equal for two ways to write the same place. */
function placeOf(written: string): string {
  const path = parsePath(written)
  return 'wrong' in path ? written : JSON.stringify(path.names)
}

export const meterInputSchema = knownFields('A meter', {
  key: meterFields.key,
  name: nameSchema.default(null),
  resource_type: meterFields.resource_type,
  aggregation: meterFields.aggregation,
  value: meterFields.value.default(QUANTITY),
  group_by: meterFields.group_by.default([]),
  missing: meterFields.missing.default('refuse'),
  filter: meterFields.filter.default([]),
  counts_from: meterFields.counts_from.default(null),
  dry_run: dryRunSchema,
}).superRefine(({ aggregation, value, missing }, context) => {
  const message = wrongValue(aggregation, value)
  if (message !== null) context.addIssue({ code: 'custom', path: ['value'], message })
  const idle = message === null ? idleMissing(missing, { aggregation, value }) : null
  if (idle !== null) context.addIssue({ code: 'custom', path: ['missing'], message: idle })
})
export type MeterInput = z.output<typeof meterInputSchema>

export function wrongValue(aggregation: Aggregation, value: string): string | null {
  if (aggregation === 'unique_count' && value === QUANTITY) {
    return 'must be the name of the property whose distinct values unique_count counts, such as "user_id"'
  }
  if (aggregation === 'count' && value !== QUANTITY) {
    return 'has no part in a count, which counts events: leave it out, or take another aggregation to use a property'
  }
  return null
}

/** Why no event could ever be skipped by such a meter: null if one could, or if it isn't asked to. */
export function idleMissing(
  missing: Missing,
  { aggregation, value }: Pick<Meter, 'aggregation' | 'value'>,
): string | null {
  if (missing === 'refuse' || (aggregation !== 'count' && value !== QUANTITY)) return null
  return `must be "refuse": the meter ${aggregation === 'count' ? 'counts events' : 'takes the quantity'}, which no event lacks; to leave out those without a property, filter on it with "exists"`
}

/** `name` and `missing` can change. The other fields are known here, so that sending them back unchanged is fine. */
export const meterChangeSchema = knownFields('A change of a meter', {
  name: nameSchema.optional(),
  missing: meterFields.missing.optional(),
  key: meterFields.key.optional(),
  resource_type: meterFields.resource_type.optional(),
  aggregation: meterFields.aggregation.optional(),
  value: writtenSchema.meta({ example: QUANTITY }).optional(),
  group_by: z
    .array(writtenSchema)
    .max(GROUP_BY_PROPERTIES)
    .meta({ example: ['region'] })
    .optional(),
  filter: meterFields.filter.optional(),
  counts_from: meterFields.counts_from.optional(),
})
export type MeterChange = z.output<typeof meterChangeSchema>

/** Throws validation_failed for what no hour begins with. */
export const newMeter = (id: string, input: MeterInput, timezone: string): NewMeter => ({
  id,
  key: input.key,
  name: input.name,
  resourceType: input.resource_type,
  aggregation: input.aggregation,
  value: input.value,
  groupBy: input.group_by,
  missing: input.missing,
  filter: filterTerms(input.filter),
  countsFromMs: checkedCountsFrom(input.counts_from, timezone),
})

export function checkedCountsFrom(
  sent: string | null,
  timezone: string,
  field = 'counts_from',
): number | null {
  const from = countsFromMs(sent, timezone)
  if ('ms' in from) return from.ms
  throw new TollgateError('validation_failed', `\`${field}\` ${from.wrong}.`, {
    issues: [{ pointer: `#/${field}`, detail: from.wrong }],
  })
}

type Meaning = {
  [Field in
    | 'key'
    | 'resource_type'
    | 'aggregation'
    | 'value'
    | 'group_by'
    | 'filter'
    | 'counts_from']: unknown
}

const meaningOf = (meter: NewMeter): Meaning => ({
  key: meter.key,
  resource_type: meter.resourceType,
  aggregation: meter.aggregation,
  value: meter.value,
  group_by: meter.groupBy,
  filter: meter.filter,
  counts_from: countsFromText(meter.countsFromMs),
})

/** The fields, of those that were sent, which would give the meter another meaning. */
export function changedMeaning(meter: Meter, sent: Partial<Meaning>): Difference[] {
  const { filter } = sent
  const asked: Partial<Meaning> = Array.isArray(filter) ? { ...sent, filter: filterTerms(filter) } : sent
  return differing(meaningOf(asMade(meter)), asked)
}

/** The fields in which an existing meter is another than the one to be created. */
export const differences = (existing: Meter, wanted: NewMeter): Difference[] => [
  ...differing(meaningOf(asMade(existing)), meaningOf(wanted)),
  ...differing(settings(existing), settings(wanted)),
]

const asMade = (meter: Meter): NewMeter => ({ ...meter, countsFromMs: meterCountsFromMs(meter) })

type Difference = { field: string; is: string; sent: string }

const settings = ({ name, missing }: NewMeter) => ({ name, missing })

export const differing = (is: Record<string, unknown>, sent: Record<string, unknown>): Difference[] =>
  Object.entries(is).flatMap(([field, value]) => {
    const wanted = sent[field]
    if (wanted === undefined || canonicalJson(value) === canonicalJson(wanted)) return []
    return [{ field, is: JSON.stringify(value), sent: JSON.stringify(wanted) }]
  })
