// The event log: what was accepted, as it was sent, and what became of it.

import { z } from 'zod'
import { TollgateError } from '../../kernel/errors.ts'
import { pageParameters, pageRequest } from '../../kernel/page.ts'
import { line } from '../../kernel/text.ts'
import type { Position } from '../../log/entry.ts'
import { findEvent, findEvents } from '../../log/find-events.ts'
import { STREAM_SECONDS } from '../../log/limits.ts'
import { streamEvents } from '../../log/stream-events.ts'
import { EVENT_ID_CHARS } from '../../metering/limits.ts'
import { eventStream } from '../event-stream.ts'
import { answerHeaders, reply } from '../reply.ts'
import type { Routes } from '../router.ts'
import { pageSchema } from '../schemas.ts'
import { eventPage, eventsJson, loggedEventSchema, logOf } from './event-json.ts'
import { eventFilterOf, eventParameters, eventQuery, positionOf, positionSchema } from './event-parameters.ts'

const LIST = 'events'
const tag = 'Events'
const access = 'tenant'

export const eventRoutes: Routes = (router, deps) => {
  router.add({
    method: 'get',
    path: '/api/v1/events',
    id: 'listEvents',
    tag,
    summary: 'List accepted events',
    description: `Newest first by arrival, those of a moment ago too. \`property.<name>=\` asks for events with this value of a property, which may be a path (\`property.usage.model=large\`); several must all hold.

A page looks through a bounded part of the log: it may hold fewer events than \`limit\`, or none, and still have a \`next_cursor\`. \`log_since\` in the settings says how far the log reaches back.`,
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
      const wanted = { filter, order: query.order, after: positionOf(after), limit }
      const { events, next } = await findEvents(logOf(deps), tenant.tenantId, wanted)
      return reply(c, 200, await eventPage(deps, tenant, events, { list, next }))
    },
  })

  router.add({
    method: 'get',
    path: '/api/v1/events/stream',
    id: 'streamEvents',
    tag,
    summary: 'Follow accepted events as they come',
    description: `Server-Sent Events: \`event: event\`, its \`data\` an event as the list has it, its \`id\` a place in the log. From now on, or after the place in \`Last-Event-ID\`, which browsers and clients send by themselves when they connect again. A connection ends after ${STREAM_SECONDS / 60} minutes: go on with another.`,
    access,
    query: eventQuery(eventParameters),
    headers: z.object({
      'last-event-id': z.string().optional().meta({ description: 'The `id` of the last event that came.' }),
    }),
    responses: {
      200: { description: 'Events, without an end.', schema: z.string(), contentType: 'text/event-stream' },
    },
    errors: ['not_found'],
    handle: (c, { query }) => {
      const { tenant, requestId } = c.var
      const filter = eventFilterOf(query, tenant.timezone)
      const after = placeOf(c.req.header('last-event-id'))
      const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))
      const services = { ...deps, ...logOf(deps), pause }
      const lists = streamEvents(services, tenant.tenantId, { filter, after })
      const body = eventStream(lists, (entries) => eventsJson(deps, tenant, entries))
      return new Response(body, { headers: answerHeaders(requestId, 'text/event-stream') })
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
      if (event === null) {
        const found = await deps.access.findTenant(tenant.tenantId)
        throw noEvent(params.id, found?.logSince ?? null)
      }
      const [shown] = await eventsJson(deps, tenant, [event])
      return reply(c, 200, shown)
    },
  })
}

const noEvent = (id: string, since: Date | null) =>
  new TollgateError(
    'not_found',
    `No event with the id ${JSON.stringify(id)} was accepted, as far as the log goes${since === null ? '' : `, which has everything since ${since.toISOString()}`}. Whether one was refused, or never came, can’t be told: what is refused leaves no trace but its answer.`,
  )

const PLACE = /^\d{1,16} /

/** Throws for what is no place of this stream. */
function placeOf(sent: string | undefined): Position | null {
  if (sent === undefined || sent === '') return null
  const text = decodeURIComponent(sent)
  if (PLACE.test(text)) return positionOf(text)
  throw new TollgateError('validation_failed', 'Last-Event-ID is no place in the log.', {
    issues: [{ pointer: 'last-event-id', detail: 'must be the id of an event that this stream sent' }],
  })
}
