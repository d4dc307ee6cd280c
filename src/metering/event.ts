// An event: something was used. What was sent is checked here, and given the one form in which two sendings of the same
// event are equal.

import '../kernel/explained.ts'
import { z } from 'zod'
import { instantMs, instantSchema } from '../kernel/instant.ts'
import { isLine, isStorable, line } from '../kernel/text.ts'
import {
  CUSTOMER_ID_CHARS,
  EVENT_ID_CHARS,
  PROPERTIES_PER_EVENT,
  PROPERTY_DEPTH,
  RESOURCE_TYPE_CHARS,
} from './limits.ts'
import { PLAIN, quantityText } from './quantity.ts'

/** Unknown fields that an answer names for each event, and characters of a name in it. */
const FIELDS_NAMED = 5
const NAME_CHARS = 128

/** No URL can hold a path of one or two dots: such a customer could never be billed. */
export const customerIdSchema = line(CUSTOMER_ID_CHARS)
  .refine((id) => id !== '.' && id !== '..', 'must not be "." or "..", which no URL can hold')
  .meta({
    description: 'Your own id for the customer. It need not be created first.',
    example: 'cust_42',
  })

const quantitySchema = z
  .union(
    [z.string().meta({ format: 'decimal', pattern: PLAIN.source }), z.number()],
    'must be a decimal, as a string or a number, such as "12.5"',
  )
  .transform((sent, context) => {
    const quantity = quantityText(sent)
    if ('ok' in quantity) return quantity.ok
    context.addIssue({ code: 'custom', message: quantity.wrong })
    return z.NEVER
  })

export const eventSchema = z.strictObject({
  id: line(EVENT_ID_CHARS).optional().meta({
    description:
      'Makes a retry safe: an event is counted once per id, for at least 24 hours. Made by the server if absent.',
    example: 'req_8f14e45f',
  }),
  customer_id: customerIdSchema,
  resource_type: line(RESOURCE_TYPE_CHARS).meta({ description: 'What was used.', example: 'api_call' }),
  quantity: quantitySchema.optional().meta({
    description:
      'How much; 1 if absent. A decimal string, with an exponent perhaps, or a number of at most 15 significant digits.',
    example: '100',
  }),
  timestamp: instantSchema('2026-11-22T10:00:00Z')
    .optional()
    .meta({ description: 'When it was used; now if absent.', example: '2026-11-22T10:00:00Z' }),
  properties: z
    .record(z.string(), z.unknown())
    .optional()
    .meta({ description: 'What meters aggregate or group by.', example: { model: 'large', region: 'eu' } }),
})

type Fields = z.output<typeof eventSchema>

const FIELDS = new Set(Object.keys(eventSchema.shape))

/** Counted in UTF-16 units, of which a character has one or two: what is too long by these, the schema looks at. */
const isLineOf = (value: unknown, maxChars: number): value is string =>
  typeof value === 'string' && value !== '' && value.length <= maxChars && isLine(value)

/**
 * What eventSchema gives for an event without a mistake, in a third of its time or less. null
 * for any other: what is wrong with that, if anything, and what would be right, eventSchema says.
 */
export function soundFields(sent: unknown): Fields | null {
  if (typeof sent !== 'object' || sent === null || Array.isArray(sent)) return null
  for (const field in sent) if (!FIELDS.has(field)) return null
  const { id, customer_id, resource_type, quantity, timestamp, properties } = sent as Record<string, unknown>
  if (id !== undefined && !isLineOf(id, EVENT_ID_CHARS)) return null
  if (!isLineOf(customer_id, CUSTOMER_ID_CHARS) || customer_id === '.' || customer_id === '..') return null
  if (!isLineOf(resource_type, RESOURCE_TYPE_CHARS)) return null
  const timestampMs = typeof timestamp === 'string' ? instantMs(timestamp) : undefined
  if (timestamp !== undefined && (timestampMs === undefined || Number.isNaN(timestampMs))) return null
  if (properties !== undefined && !isRecord(properties)) return null
  if (quantity === undefined) return { id, customer_id, resource_type, timestamp: timestampMs, properties }
  const canonical = quantityText(quantity)
  if ('wrong' in canonical) return null
  return { id, customer_id, resource_type, quantity: canonical.ok, timestamp: timestampMs, properties }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

export type Event = {
  /** the sender's, or made here before the first try */
  id: string
  customerId: string
  resourceType: string
  /** canonical decimal */
  quantity: string
  timestampMs: number
  properties: Record<string, unknown>
  /** the properties as canonical JSON */
  propertiesText: string
  /** canonical text of what was sent: equal for equal events, whatever the order of keys or the spelling of numbers */
  content: string
  /** It is history: counted beside what is billed (history.ts). */
  history?: true
}

export type Wrong = { pointer: string; detail: string }

/** Checks one event. `pointer` tells where it stands in the request, such as `#` or `#/3`. */
export function parseEvent(
  sent: unknown,
  pointer: string,
  nowMs: number,
  newId: () => string,
): Event | Wrong[] {
  const fields = soundFields(sent) ?? checkedFields(sent, pointer)
  if (Array.isArray(fields)) return fields
  const { id, customer_id, resource_type, quantity = '1', timestamp, properties = {} } = fields
  const wrong = wrongProperties(properties, `${pointer}/properties`)
  if (wrong) return [wrong]
  const propertiesText = canonical(properties)
  return {
    id: id ?? newId(),
    customerId: customer_id,
    resourceType: resource_type,
    quantity,
    timestampMs: timestamp ?? nowMs,
    properties,
    propertiesText,
    content: contentOf([id ?? null, customer_id, resource_type, quantity, timestamp ?? null], propertiesText),
  }
}

function checkedFields(sent: unknown, pointer: string): Fields | Wrong[] {
  const parsed = eventSchema.safeParse(sent)
  return parsed.success ? parsed.data : parsed.error.issues.flatMap((issue) => wrongOf(issue, pointer, sent))
}

function wrongOf(issue: z.core.$ZodIssue, pointer: string, sent: unknown): Wrong[] {
  if (issue.code === 'unrecognized_keys') {
    const fields = Object.keys(eventSchema.shape).join(', ')
    return issue.keys.slice(0, FIELDS_NAMED).map((key) => ({
      pointer: pointerTo(pointer, key),
      detail: `is not a field of an event; these are: ${fields}`,
    }))
  }
  const [field] = issue.path
  const at =
    field === undefined
      ? pointer
      : `${pointer}/${issue.path.map((part) => escapePointer(String(part))).join('/')}`
  const missing = typeof field === 'string' && typeof sent === 'object' && sent !== null && !(field in sent)
  return [{ pointer: at, detail: missing ? 'is required' : issue.message }]
}

export const escapePointer = (part: string): string => part.replaceAll('~', '~0').replaceAll('/', '~1')

/** To what is around it, where a name is so long that repeating it helps nobody. */
const pointerTo = (around: string, name: string): string =>
  name.length > NAME_CHARS ? around : `${around}/${escapePointer(name)}`

export function wrongProperties(properties: Record<string, unknown>, pointer: string): Wrong | null {
  const entries = Object.entries(properties)
  if (entries.length > PROPERTIES_PER_EVENT)
    return { pointer, detail: `must have at most ${PROPERTIES_PER_EVENT} properties` }
  for (const [key, value] of entries) {
    const at = pointerTo(pointer, key)
    if (!isStorable(key)) return { pointer, detail: 'must have names of Unicode text without NUL' }
    const detail = wrongValue(value, PROPERTY_DEPTH)
    if (detail) return { pointer: at, detail }
  }
  return null
}

function wrongValue(value: unknown, depth: number): string | null {
  if (typeof value === 'string') return isStorable(value) ? null : 'must be Unicode text without NUL'
  if (typeof value !== 'object' || value === null) return null
  if (depth === 0) return `must not be nested deeper than ${PROPERTY_DEPTH} levels`
  for (const [key, inner] of Object.entries(value)) {
    if (!isStorable(key)) return 'must have names of Unicode text without NUL, at any depth'
    const detail = wrongValue(inner, depth - 1)
    if (detail) return detail
  }
  return null
}

/** The canonical text of `[...fields, properties]`. What has no keys to order is left to JSON, which is much faster. */
const contentOf = (fields: (string | number | null)[], propertiesText: string): string =>
  `${JSON.stringify(fields).slice(0, -1)},${propertiesText}]`

/** JSON with the keys in order, so that equal content is equal text. */
function canonical(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  const object = value as Record<string, unknown>
  const members = Object.keys(object)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonical(object[key])}`)
  return `{${members.join(',')}}`
}
