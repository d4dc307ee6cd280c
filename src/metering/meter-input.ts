// A meter as the API takes it, and which of its fields make its meaning.

import { z } from 'zod'
import { knownFields } from '../kernel/object-schema.ts'
import { keySchema, line } from '../kernel/text.ts'
import { GROUP_BY_PROPERTIES, RESOURCE_TYPE_CHARS } from './limits.ts'
import { type Aggregation, aggregations, type Meter } from './meter.ts'

const METER_NAME_CHARS = 200
const PROPERTY_NAME_CHARS = 128
const QUANTITY = 'quantity'

export type NewMeter = Omit<Meter, 'createdAt' | 'archivedAt'>

const propertyName = line(PROPERTY_NAME_CHARS).refine(
  (name) => name !== '__proto__',
  'must not be "__proto__", a name that no event can carry',
)
const nameSchema = line(METER_NAME_CHARS)
  .nullable()
  .meta({ description: 'For people to read.', example: 'API calls' })

const fields = {
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
  value: propertyName.meta({
    description:
      '`quantity`, or the name of the property whose value is aggregated. `unique_count` needs a property; for `count` it has no part.',
    example: QUANTITY,
  }),
  group_by: z
    .array(propertyName)
    .max(GROUP_BY_PROPERTIES)
    .refine((names) => new Set(names).size === names.length, 'must not name a property twice')
    .meta({
      description: `Properties whose values are counted apart, ${GROUP_BY_PROPERTIES} at most.`,
      example: ['region'],
    }),
}

export const meterInputSchema = knownFields('A meter', {
  key: fields.key,
  name: nameSchema.default(null),
  resource_type: fields.resource_type,
  aggregation: fields.aggregation,
  value: fields.value.default(QUANTITY),
  group_by: fields.group_by.default([]),
}).superRefine(({ aggregation, value }, context) => {
  const message = wrongValue(aggregation, value)
  if (message !== null) context.addIssue({ code: 'custom', path: ['value'], message })
})
export type MeterInput = z.output<typeof meterInputSchema>

function wrongValue(aggregation: Aggregation, value: string): string | null {
  if (aggregation === 'unique_count' && value === QUANTITY) {
    return 'must be the name of the property whose distinct values unique_count counts, such as "user_id"'
  }
  if (aggregation === 'count' && value !== QUANTITY) {
    return 'has no part in a count, which counts events: leave it out, or take another aggregation to use a property'
  }
  return null
}

/** Only the name can change. The other fields are known here, so that sending them back unchanged is fine. */
export const meterChangeSchema = knownFields('A change of a meter', {
  name: nameSchema.optional(),
  key: fields.key.optional(),
  resource_type: fields.resource_type.optional(),
  aggregation: fields.aggregation.optional(),
  value: fields.value.optional(),
  group_by: fields.group_by.optional(),
})
export type MeterChange = z.output<typeof meterChangeSchema>

export const newMeter = (input: MeterInput): NewMeter => ({
  key: input.key,
  name: input.name,
  resourceType: input.resource_type,
  aggregation: input.aggregation,
  value: input.value,
  groupBy: input.group_by,
})

type Meaning = { [Field in 'key' | 'resource_type' | 'aggregation' | 'value' | 'group_by']: unknown }

const meaningOf = (meter: NewMeter): Meaning => ({
  key: meter.key,
  resource_type: meter.resourceType,
  aggregation: meter.aggregation,
  value: meter.value,
  group_by: meter.groupBy,
})

/** The fields, of those that were sent, which would give the meter another meaning. */
export function changedMeaning(
  meter: Meter,
  sent: Partial<Meaning>,
): { field: string; is: string; sent: string }[] {
  return Object.entries(meaningOf(meter)).flatMap(([field, value]) => {
    const wanted = sent[field as keyof Meaning]
    const [is, asked] = [JSON.stringify(value), JSON.stringify(wanted)]
    return wanted === undefined || is === asked ? [] : [{ field, is, sent: asked }]
  })
}

/** The fields in which an existing meter is another than the one to be created. */
export const differences = (
  existing: Meter,
  wanted: NewMeter,
): { field: string; is: string; sent: string }[] => [
  ...changedMeaning(existing, meaningOf(wanted)),
  ...(existing.name === wanted.name
    ? []
    : [{ field: 'name', is: JSON.stringify(existing.name), sent: JSON.stringify(wanted.name) }]),
]
