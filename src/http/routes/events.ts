// The event log: what was accepted, as it was sent, and what became of it.

import { z } from 'zod'
import { decimalOutput } from '../../kernel/decimal-schema.ts'
import { TollgateError } from '../../kernel/errors.ts'
import { encodeCursor, pageParameters, pageRequest } from '../../kernel/page.ts'
import { line } from '../../kernel/text.ts'
import { rfc3339 } from '../../kernel/time.ts'
import { type DescribedEvent, describeEvents } from '../../log/describe-event.ts'
import { findEvent, findEvents, type LogServices } from '../../log/find-events.ts'
import { EVENT_ID_CHARS } from '../../metering/limits.ts'
import type { Deps } from '../env.ts'
import { reply } from '../reply.ts'
import type { Routes } from '../router.ts'
import { instant, pageSchema } from '../schemas.ts'
import {
  eventFilterOf,
  eventParameters,
  eventQuery,
  positionOf,
  positionSchema,
  positionText,
} from './event-parameters.ts'

const LIST = 'events'
const tag = 'Events'
const access = 'tenant'

const countingSchema = z
  .object({
    key: z.string().meta({ description: 'The meter’s key.', example: 'api_calls' }),
    value: z.string().meta({
      description: 'What it added: a decimal, or for unique_count the value that was told apart.',
      example: '100',
    }),
    hour: instant('Start of the hour that it counts in.'),
    group: z.record(z.string(), z.string().nullable()).meta({ example: { model: 'large' } }),
  })
  .meta({ id: 'EventCounting' })

export const loggedEventSchema = z
  .object({
    id: z.string().meta({ example: 'req_8f14e45f' }),
    customer_id: z.string().meta({ example: 'cust_42' }),
    resource_type: z.string().meta({ example: 'api_call' }),
    quantity: decimalOutput().meta({ example: '100' }),
    timestamp: instant('When it happened: as sent, or else when it arrived.'),
    properties: z.record(z.string(), z.unknown()).meta({ example: { model: 'large', region: 'eu' } }),
    received_at: instant('When it was accepted.'),
    meters: z.array(countingSchema).meta({ description: 'The meters that count it, perhaps none.' }),
  })
  .meta({ id: 'LoggedEvent' })

export const eventJson = (event: DescribedEvent): z.input<typeof loggedEventSchema> => ({
  id: event.id,
  customer_id: event.customerId,
  resource_type: event.resourceType,
  quantity: event.quantity,
  timestamp: rfc3339(event.timestampMs),
  properties: event.properties,
  received_at: receivedAt(event.receivedMicros),
  meters: event.countings.map(({ meter, value, hourMs, group }) => ({
    key: meter.key,
    value,
    hour: rfc3339(hourMs),
    group,
  })),
})

/** To the microsecond: so that who sorts by it has the order of the list. */
const receivedAt = (micros: number): string =>
  rfc3339(Math.floor(micros / 1000)).replace('Z', `${String(micros % 1000).padStart(3, '0')}Z`)

/** Throws where there is no log. */
export function logOf(deps: Deps): LogServices {
  if (deps.blocks !== null) return { ...deps, blocks: deps.blocks }
  throw new TollgateError('not_found', 'This server keeps no event log: it runs with EVENT_LOG=off.')
}

export const eventRoutes: Routes = (router, deps) => {
  router.add({
    method: 'get',
    path: '/api/v1/events',
    id: 'listEvents',
    tag,
    summary: 'List accepted events',
    description: `Newest first by arrival, those of a moment ago too. \`property.<name>=\` asks for events with this value of a property, which may be a path (\`property.usage.model=large\`); several must all hold.

A page looks through a bounded part of the log: it may hold fewer events than \`limit\`, or none, and still have a \`next_cursor\`.`,
    access,
    query: eventQuery({
      ...eventParameters,
      order: z
        .enum(['desc', 'asc'])
        .default('desc')
        .meta({ 'x-name': 'EventOrder', description: 'By arrival.', example: 'desc' }),
      ...pageParameters,
    }),
    responses: { 200: { description: 'A page of events.', schema: pageSchema(loggedEventSchema) } },
    errors: ['not_found'],
    handle: async (c, { query }) => {
      const { tenant } = c.var
      const list = `${LIST} ${query.order}`
      const { after, limit } = pageRequest(list, query, positionSchema)
      const filter = eventFilterOf(query, tenant.timezone)
      const { events, next } = await findEvents(logOf(deps), tenant.tenantId, {
        filter,
        order: query.order,
        after: positionOf(after),
        limit,
      })
      return reply(c, 200, {
        data: (await describeEvents(deps, tenant, events)).map(eventJson),
        next_cursor: next === null ? null : encodeCursor(list, positionText(next)),
      })
    },
  })

  router.add({
    method: 'get',
    path: '/api/v1/events/{id}',
    id: 'getEvent',
    tag,
    summary: 'Read one event: where did it go?',
    description:
      'The newest with this id: an id is known for a day, and may be used again after it. What was refused leaves no trace, and neither does what never came.',
    access,
    params: z.strictObject({
      id: line(EVENT_ID_CHARS).meta({ description: 'The event’s id.', example: 'req_8f14e45f' }),
    }),
    responses: { 200: { description: 'The event.', schema: loggedEventSchema } },
    errors: ['not_found'],
    handle: async (c, { params }) => {
      const { tenant } = c.var
      const event = await findEvent(logOf(deps), tenant.tenantId, params.id)
      if (event === null) throw noEvent(params.id)
      const [described] = await describeEvents(deps, tenant, [event])
      return reply(c, 200, eventJson(described!))
    },
  })
}

const noEvent = (id: string) =>
  new TollgateError(
    'not_found',
    `No event with the id ${JSON.stringify(id)} was accepted, as far as the log goes. Whether one was refused, or never came, can’t be told: what is refused leaves no trace but its answer.`,
  )
