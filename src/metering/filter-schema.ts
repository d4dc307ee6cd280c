// A meter's filter as the API takes it.

import { z } from 'zod'
import { knownFields } from '../kernel/object-schema.ts'
import { isLine } from '../kernel/text.ts'
import { type FilterOp, type FilterTerm, filterOps, type Scalar } from './filter.ts'
import { FILTER_TERMS, FILTER_VALUE_CHARS, FILTER_VALUES } from './limits.ts'
import { propertySchema } from './property-schema.ts'
import { quantityText } from './quantity.ts'

const scalarSchema = z.union(
  [z.string().max(FILTER_VALUE_CHARS), z.number(), z.boolean()],
  'must be a string, a number or a boolean',
)

const termSchema = knownFields('A filter term', {
  property: propertySchema
    .refine(
      (name) => name !== 'quantity',
      'must be a property, and an event’s quantity is none: write "$.quantity" if you mean a property of that name',
    )
    .meta({ description: 'Its name, or the path to it, as in `value`.', example: 'usage.kind' }),
  op: z.enum(filterOps).meta({
    'x-name': 'FilterOp',
    description:
      '`gt`, `gte`, `lt` and `lte` compare exact decimals. For an event without the property only `ne` and `exists: false` hold.',
    example: 'in',
  }),
  value: z
    .union(
      [scalarSchema, z.array(scalarSchema)],
      'must be a string, a number, a boolean, or for "in" a list of them',
    )
    .optional()
    .meta({
      description:
        'A string compares as text, so that "200" is 200, too; a number as a decimal, also with one in a string; a boolean with booleans. A list for `in`; true (if absent) or false for `exists`.',
      example: ['chat', 'completion'],
    }),
})
  .superRefine(({ op, value }, context) => {
    for (const { path, message } of wrongIn(op, value)) context.addIssue({ code: 'custom', path, message })
  })
  .meta({ id: 'FilterTermInput', description: 'What has to hold on a property of an event.' })

/** As it was taken. */
export const filterTermOutputSchema = z
  .object({
    property: z.string(),
    op: z.enum(filterOps).meta({ 'x-name': 'FilterOp' }),
    value: z.union([
      z.string(),
      z.number(),
      z.boolean(),
      z.array(z.union([z.string(), z.number(), z.boolean()])),
    ]),
  })
  .meta({ id: 'FilterTerm', description: 'What has to hold on a property of an event.' })

type Sent = z.output<typeof termSchema>
type Found = { path: PropertyKey[]; message: string }

function wrongIn(op: FilterOp, value: Sent['value']): Found[] {
  const at = (message: string): Found[] => [{ path: ['value'], message: `${message} (op "${op}")` }]
  switch (op) {
    case 'exists':
      return value === undefined || typeof value === 'boolean' ? [] : at('must be true or false')
    case 'in': {
      if (!Array.isArray(value)) return at('must be a list, such as ["chat", "completion"]')
      if (value.length < 1 || value.length > FILTER_VALUES) return at(`must have 1 to ${FILTER_VALUES} items`)
      return value.flatMap((one, i) => {
        const wrong = wrongScalar(one)
        return wrong === null ? [] : [{ path: ['value', i], message: wrong }]
      })
    }
    case 'eq':
    case 'ne': {
      if (value === undefined) return at('is required')
      if (Array.isArray(value)) return at(`must be one value: a list goes with "in"`)
      const wrong = wrongScalar(value)
      return wrong === null ? [] : at(wrong)
    }
    default: {
      if (value === undefined) return at('is required')
      const text = quantityText(value)
      return 'wrong' in text ? at(text.wrong) : []
    }
  }
}

function wrongScalar(value: Scalar): string | null {
  if (typeof value === 'string')
    return isLine(value) ? null : 'must be one line of valid Unicode, without control characters'
  const text = typeof value === 'number' ? quantityText(value) : null
  return text !== null && 'wrong' in text ? text.wrong : null
}

export const filterSchema = z
  .array(termSchema)
  .max(FILTER_TERMS)
  .meta({
    description: `Which events it counts: those on whose properties all of these hold, ${FILTER_TERMS} at most. An event that doesn’t pass counts in the other meters of its resource type; if none of them counts it, it is accepted all the same.`,
    example: [{ property: 'status', op: 'eq', value: 'ok' }],
  })

/** In the one form in which filters are kept. */
export const filterTerms = (sent: Sent[]): FilterTerm[] =>
  sent.map(({ property, op, value = true }) => ({ property, op, value }))
