// Events in, totals out.

import type { Context } from 'hono'
import { z } from 'zod'
import { periodOf } from '../../billing/period.ts'
import { text } from '../../kernel/decimal.ts'
import { decimalOutput } from '../../kernel/decimal-schema.ts'
import { TollgateError } from '../../kernel/errors.ts'
import { pageOf, pageParameters, pageRequest } from '../../kernel/page.ts'
import { keySchema } from '../../kernel/text.ts'
import { rfc3339 } from '../../kernel/time.ts'
import { cloudEventSchema, fromCloudEvent, inCloudEvent } from '../../metering/cloud-event.ts'
import { customerIdSchema, eventSchema, type Wrong } from '../../metering/event.ts'
import { EVENTS_PER_BATCH } from '../../metering/limits.ts'
import { listUsedCustomers } from '../../metering/list-used-customers.ts'
import { aggregations } from '../../metering/meter.ts'
import { readUsage, type UsageQuantity } from '../../metering/read-usage.ts'
import type { RecordResult } from '../../metering/record-result.ts'
import { type RecordInput, recordUsage } from '../../metering/record-usage.ts'
import { boundariesOf } from '../../metering/windows.ts'
import { JSON_TYPE } from '../body.ts'
import type { Env } from '../env.ts'
import { reply } from '../reply.ts'
import type { Routes } from '../router.ts'
import { issueSchema } from '../schemas.ts'
import { issuesWithSent, withSent } from '../sent.ts'
import { periodParameters } from './period-parameters.ts'

export const USAGE_PATH = '/api/v1/usage'
const CLOUD_EVENT = 'application/cloudevents+json'
const CLOUD_EVENTS = 'application/cloudevents-batch+json'

const event = eventSchema.meta({ id: 'Event' })
const cloudEvent = cloudEventSchema.meta({ id: 'CloudEvent' })

const recordedSchema = z
  .object({
    accepted: z.number().int().meta({ description: 'Events counted by this request.', example: 1 }),
    duplicates: z
      .number()
      .int()
      .meta({ description: 'Events that were counted before, with the same content.', example: 0 }),
    events: z.array(
      z.object({
        id: z.string().nullable().meta({ example: 'req_8f14e45f' }),
        status: z.enum(['accepted', 'duplicate', 'conflict', 'invalid']).meta({
          'x-name': 'EventStatus',
          description: 'conflict and invalid come only with Prefer: handling=lenient.',
        }),
        errors: z.array(issueSchema).optional(),
        skipped: z
          .array(z.string())
          .optional()
          .meta({
            description:
              'Keys of the meters that left it out, for it lacks the property that they aggregate (`missing: skip`). Absent if none did.',
            example: ['cost'],
          }),
      }),
    ),
  })
  .meta({ id: 'Recorded' })

const usageRowSchema = z
  .object({
    customer_id: z.string().meta({ example: 'cust_42' }),
    meter: z.string().meta({ example: 'api_call' }),
    aggregation: z.enum(aggregations).meta({ 'x-name': 'Aggregation' }),
    window_start: z.iso.datetime().meta({ example: '2026-11-01T00:00:00.000Z' }),
    window_end: z.iso.datetime().meta({ example: '2026-12-01T00:00:00.000Z' }),
    group: z
      .record(z.string(), z.string().nullable())
      .meta({ description: 'Values of the properties in group_by.', example: { model: 'large' } }),
    quantity: decimalOutput().meta({ example: '1500' }),
    settled_quantity: decimalOutput().meta({
      description: 'What of it is settled in Postgres.',
      example: '1380',
    }),
    live_quantity: decimalOutput().meta({ description: 'quantity − settled_quantity', example: '120' }),
  })
  .meta({ id: 'Usage' })

const usagePageSchema = z
  .object({
    data: z.array(usageRowSchema),
    next_cursor: z.string().nullable().meta({
      description: 'Send it as `cursor` to get the next page; null: this is the last.',
    }),
    incomplete: z.boolean().optional().meta({
      description:
        'A meter that is asked for is being filled from the event log (its `filling`): usage may still come that was accepted before.',
      example: false,
    }),
  })
  .meta({ id: 'UsagePage' })

export const usageRoutes: Routes = (router, deps) => {
  router.add({
    method: 'post',
    path: USAGE_PATH,
    id: 'recordUsage',
    tag: 'Usage',
    summary: 'Record one event, or a batch',
    description: `One event, or a list of up to ${EVENTS_PER_BATCH}; or CloudEvents 1.0, where subject is the customer, type the resource type, source and id together the id, and data the properties.

An event is its id: sent again with the same content it is a \`duplicate\`, which is success; with other content it is a 409. Without an id the server makes one, and sending the event again counts it again, unless it comes with the same Idempotency-Key.

A batch counts as a whole or not at all. With \`Prefer: handling=lenient\` the good events count, and each has its status.`,
    access: 'tenant',
    headers: z.object({
      prefer: z.string().optional().meta({ description: 'handling=lenient', example: 'handling=lenient' }),
    }),
    uncheckedBody: {
      [JSON_TYPE]: z.union([event, z.array(event).max(EVENTS_PER_BATCH)]),
      [CLOUD_EVENT]: cloudEvent,
      [CLOUD_EVENTS]: z.array(cloudEvent).max(EVENTS_PER_BATCH),
    },
    responses: { 200: { description: 'Counted.', schema: recordedSchema } },
    errors: [
      'event_conflict',
      'unknown_resource_type',
      'quantity_out_of_range',
      'batch_too_large',
      'backlog_full',
      'log_backlog_full',
      'memory_full',
    ],
    handle: async (c, { body, mediaType }) => {
      const lenient = handlingOf(c.req.header('prefer') ?? '') === 'lenient'
      const recording = recordUsage(deps, c.get('tenant'), {
        events: sentEvents(body, mediaType),
        handling: lenient ? 'lenient' : 'strict',
        newId: c.get('newId'),
      })
      const named = mediaType === JSON_TYPE ? recording : asCloudEvents(recording, mediaType)
      const result = await showingSent(c, named)
      return reply(c, 200, result, lenient ? { 'preference-applied': 'handling=lenient' } : undefined)
    },
  })

  router.add({
    method: 'get',
    path: USAGE_PATH,
    id: 'readUsage',
    tag: 'Usage',
    summary: 'Totals by customer and meter, live events included',
    description:
      'A page holds all totals of up to `limit` customers. Windows are those of the tenant’s time zone; one without usage has no row.',
    access: 'tenant',
    query: z
      .strictObject({
        ...periodParameters,
        customer_id: customerIdSchema.optional(),
        meter: keySchema.optional().meta({ description: 'A meter’s key; all meters if absent.' }),
        window: z
          .enum(['hour', 'day', 'month'])
          .meta({ 'x-name': 'Window' })
          .optional()
          .meta({ description: 'Cuts the period; one window if absent.', example: 'day' }),
        group_by: z
          .union([z.string(), z.array(z.string())])
          .transform((sent) => [sent].flat())
          .optional()
          .meta({
            description:
              'Properties of the meter’s group_by to keep apart, as they are written there, with commas between them or each as a parameter of its own. One that has a comma needs the latter. Needs `meter`.',
            example: 'model',
          }),
        ...pageParameters,
      })
      .refine((query) => query.group_by === undefined || query.meter !== undefined, {
        path: ['meter'],
        message: 'is required with group_by',
      }),
    responses: {
      200: {
        description: 'Totals, exact at this instant.',
        schema: usagePageSchema,
      },
    },
    errors: ['not_found', 'too_many_counters', 'hours_gone'],
    handle: async (c, { query }) => {
      const tenant = c.get('tenant')
      const { startMs, endMs } = periodOf(query, tenant.timezone, deps.clock())
      const boundariesMs = boundariesOf(tenant.timezone, startMs, endMs, query.window)
      const { after, limit } = pageRequest('usage', query, customerIdSchema)
      const found =
        query.customer_id === undefined
          ? await listUsedCustomers(deps, tenant.tenantId, after ?? '', limit + 1)
          : [query.customer_id]
      const page = pageOf('usage', found, limit, (customerId) => customerId)
      const { quantities, incomplete } = await readUsage(deps, tenant, {
        customerIds: page.data,
        meter: query.meter ?? null,
        boundariesMs,
        groupBy: query.group_by ?? [],
        history: true,
      })
      return reply(c, 200, {
        data: quantities.map((one) => usageRow(one, boundariesMs)),
        next_cursor: page.next_cursor,
        incomplete: incomplete.size > 0,
      })
    },
  })
}

/** Says of what is wrong with an event what was sent there. */
async function showingSent(c: Context<Env>, recording: Promise<RecordResult>): Promise<RecordResult> {
  try {
    const result = await recording
    const wrong = result.events.filter(({ status }) => status === 'invalid')
    if (wrong.length === 0) return result
    const shown = issuesWithSent(
      c,
      wrong.flatMap(({ errors = [] }) => errors),
    )
    for (const event of wrong) event.errors = shown.splice(0, event.errors!.length)
    return result
  } catch (error) {
    throw error instanceof TollgateError && error.code === 'validation_failed' ? withSent(c, error) : error
  }
}

/** Names the attributes of CloudEvents where it would name the fields of events. */
async function asCloudEvents(recording: Promise<RecordResult>, mediaType: string): Promise<RecordResult> {
  const renamed = (wrong: Wrong[]) => wrong.map((one) => inCloudEvent(one, mediaType === CLOUD_EVENTS))
  try {
    const result = await recording
    for (const event of result.events) if (event.errors) event.errors = renamed(event.errors)
    return result
  } catch (error) {
    if (!(error instanceof TollgateError) || error.issues.length === 0) throw error
    throw new TollgateError(error.code, error.detail, { issues: renamed(error.issues) })
  }
}

/** RFC 7240: preferences have commas between them and parameters after a semicolon, and the first of a name counts. */
const handlingOf = (prefer: string): string | undefined =>
  prefer
    .split(',')
    .map((preference) => /^\s*handling\s*=\s*"?([\w-]+)"?\s*(;|$)/i.exec(preference)?.[1]?.toLowerCase())
    .find((value) => value !== undefined)

export function sentEvents(body: unknown, mediaType: string): RecordInput['events'] {
  const listed = Array.isArray(body) && mediaType !== CLOUD_EVENT
  const sent = listed ? body : [body]
  // A batch that is too long is refused as a whole, before its events are looked at.
  const convert = mediaType === JSON_TYPE || sent.length > EVENTS_PER_BATCH ? null : fromCloudEvent
  return sent.map((one, i) => {
    const pointer = listed ? `#/${i}` : '#'
    if (convert === null) return { sent: one, pointer }
    const converted = convert(one, pointer)
    return 'event' in converted
      ? { sent: converted.event, pointer }
      : { sent: one, pointer, wrong: converted }
  })
}

const usageRow = (one: UsageQuantity, boundariesMs: number[]) => ({
  customer_id: one.customerId,
  meter: one.meter.key,
  aggregation: one.meter.aggregation,
  window_start: rfc3339(boundariesMs[one.window]!),
  window_end: rfc3339(boundariesMs[one.window + 1]!),
  group: one.group,
  quantity: text(one.quantity),
  settled_quantity: text(one.settledQuantity),
  live_quantity: text(one.quantity.minus(one.settledQuantity)),
})
