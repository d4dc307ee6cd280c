// How events are asked for: the query of every route that lists them.

import { z } from 'zod'
import { TollgateError } from '../../kernel/errors.ts'
import { instantInZoneMs, instantOrDateSchema } from '../../kernel/instant.ts'
import { line } from '../../kernel/text.ts'
import type { Position } from '../../log/entry.ts'
import { PROPERTY_FILTERS, SEARCH_CHARS } from '../../log/limits.ts'
import type { EventFilter } from '../../log/ports.ts'
import { customerIdSchema } from '../../metering/event.ts'
import { PROPERTY_PATH_CHARS, RESOURCE_TYPE_CHARS } from '../../metering/limits.ts'
import { parsePath } from '../../metering/property-path.ts'

const PROPERTY = 'property.'
const VALUE_CHARS = 1_024

const instant = (description: string) =>
  instantOrDateSchema('2026-11-22T10:00:00Z').optional().meta({ description, example: '2026-11-01' })

export const eventParameters = {
  customer_id: customerIdSchema.optional(),
  resource_type: line(RESOURCE_TYPE_CHARS).optional().meta({ example: 'api_call' }),
  from: instant(
    'Events that happened (their own `timestamp`) at this instant or later. A date is the midnight that it begins with in the tenant’s time zone.',
  ),
  to: instant('Events that happened before this instant.'),
  q: line(SEARCH_CHARS).optional().meta({
    description: 'Text in the id, the customer’s id, the resource type or the properties, in either case.',
    example: 'req_8f14',
  }),
}

type Query = { [Name in keyof typeof eventParameters]?: z.output<(typeof eventParameters)[Name]> | undefined }

const names = (shape: object): string => Object.keys(shape).join(', ')

/**
 * A query of these parameters, and of conditions on properties: `property.model=large`. Only what zod's strict objects would
 * say of any other name is said here, too.
 */
export function eventQuery<Shape extends z.ZodRawShape>(shape: Shape) {
  return z
    .object(shape)
    .catchall(z.union([z.string(), z.array(z.string())]))
    .superRefine((query, context) => {
      const refuse = (name: string, message: string) =>
        context.addIssue({ code: 'custom', path: [name], message })
      const others = Object.keys(query).filter((name) => !(name in shape))
      const wanted = others.filter((name) => name.startsWith(PROPERTY))
      for (const name of others.filter((one) => !wanted.includes(one)))
        refuse(name, `is no parameter here; these are: ${names(shape)}, ${PROPERTY}<name>`)
      if (wanted.length > PROPERTY_FILTERS)
        refuse(
          wanted[PROPERTY_FILTERS]!,
          `is one too many: at most ${PROPERTY_FILTERS} properties can be asked for`,
        )
      for (const name of wanted) {
        const path = name.slice(PROPERTY.length)
        const value = (query as Record<string, unknown>)[name]
        const parsed = path.length > PROPERTY_PATH_CHARS ? { wrong: 'is too long' } : parsePath(path)
        if (path === '') refuse(name, `must name a property: ${PROPERTY}model=large, say`)
        else if ('wrong' in parsed) refuse(name, parsed.wrong)
        else if (typeof value !== 'string') refuse(name, 'must be there once')
        else if (value.length > VALUE_CHARS) refuse(name, `must have at most ${VALUE_CHARS} characters`)
      }
    })
}

/** Throws validation_failed where the period is none. */
export function eventFilterOf(query: Query, timezone: string): EventFilter {
  const ms = (sent: string | undefined) => (sent === undefined ? null : instantInZoneMs(timezone, sent))
  const [fromMs, toMs] = [ms(query.from), ms(query.to)]
  if (fromMs !== null && toMs !== null && toMs <= fromMs)
    throw new TollgateError('validation_failed', 'The period is none.', {
      issues: [{ pointer: 'to', detail: 'must be later than from: the period is from ≤ t < to' }],
    })
  return {
    customerId: query.customer_id ?? null,
    resourceType: query.resource_type ?? null,
    fromMs,
    toMs,
    properties: Object.entries(query as Record<string, unknown>).flatMap(([name, value]) =>
      name.startsWith(PROPERTY) && typeof value === 'string' ? [[name.slice(PROPERTY.length), value]] : [],
    ),
    text: query.q ?? null,
  }
}

/** A place in the log, as a cursor and the id of an event in a stream have it. */
export const positionText = ({ receivedMicros, id }: Position): string => `${receivedMicros} ${id}`

export const positionSchema = z.string().regex(/^\d{1,16} /)

export function positionOf(text: string | null): Position | null {
  if (text === null) return null
  const space = text.indexOf(' ')
  return { receivedMicros: Number(text.slice(0, space)), id: text.slice(space + 1) }
}
