// Meters.

import { z } from 'zod'
import { pageOf, pageRequest } from '../../kernel/page.ts'
import { keySchema } from '../../kernel/text.ts'
import { REPLAY_BLOCKS_SHOWN } from '../../log/limits.ts'
import type { FillProgress } from '../../log/replay-ports.ts'
import { archiveMeter } from '../../metering/archive-meter.ts'
import { changeMeter, noMeter } from '../../metering/change-meter.ts'
import { countsFromSchema, countsFromText } from '../../metering/counts-from.ts'
import { createMeter } from '../../metering/create-meter.ts'
import { filterTermOutputSchema } from '../../metering/filter-schema.ts'
import { aggregations, type Meter, missingChoices } from '../../metering/meter.ts'
import { meterChangeSchema, meterInputSchema } from '../../metering/meter-input.ts'
import { reply } from '../reply.ts'
import type { Routes } from '../router.ts'
import { instant, pageQuerySchema, pageSchema } from '../schemas.ts'

const meterSchema = z
  .object({
    key: z.string().meta({ example: 'api_calls' }),
    name: z.string().nullable().meta({ example: 'API calls' }),
    resource_type: z.string().meta({ example: 'api_call' }),
    aggregation: z.enum(aggregations).meta({ 'x-name': 'Aggregation', example: 'sum' }),
    value: z.string().meta({ example: 'quantity' }),
    group_by: z.array(z.string()).meta({ example: ['region'] }),
    missing: z.enum(missingChoices).meta({
      'x-name': 'MissingProperty',
      description: 'What becomes of an event without the property in `value`.',
      example: 'refuse',
    }),
    filter: z.array(filterTermOutputSchema).meta({
      description: 'It counts the events on which all of these hold.',
      example: [{ property: 'status', op: 'eq', value: 'ok' }],
    }),
    counts_from: countsFromSchema,
    filling: z
      .object({
        done: z
          .int()
          .meta({ description: 'Blocks of the event log that are counted into it.', example: 120 }),
        of: z.int().meta({
          description: `… of so many that it knows of, or ${REPLAY_BLOCKS_SHOWN.toLocaleString('en')} more.`,
          example: 365,
        }),
      })
      .nullable()
      .meta({
        description:
          'How far it is filled from the event log, while it is; bills and usage that read it say `incomplete` until then. null: it has counted all.',
        example: null,
      }),
    created_at: instant('When it was created.'),
    archived_at: instant('When it was archived; null: it counts.').nullable(),
  })
  .meta({ id: 'Meter' })

const meterJson = (meter: Meter, filling: FillProgress | null): z.input<typeof meterSchema> => ({
  key: meter.key,
  name: meter.name,
  resource_type: meter.resourceType,
  aggregation: meter.aggregation,
  value: meter.value,
  group_by: meter.groupBy,
  missing: meter.missing,
  filter: meter.filter,
  counts_from: countsFromText(meter.countsFromMs),
  filling,
  created_at: meter.createdAt.toISOString(),
  archived_at: meter.archivedAt?.toISOString() ?? null,
})

const bodies = {
  create: meterInputSchema.meta({ id: 'MeterInput' }),
  change: meterChangeSchema.meta({ id: 'MeterChange' }),
}

const LIST = 'meters'
const tag = 'Meters'
const params = z.strictObject({
  key: keySchema.meta({ description: 'The meter’s key.', example: 'api_calls' }),
})
const access = 'tenant'

export const meterRoutes: Routes = (router, deps) => {
  const shown = async (tenantId: string, meters: Meter[]) => {
    const reaching = meters.filter(({ countsFromMs }) => countsFromMs !== null).map(({ id }) => id)
    const filling = await deps.replays.progress(tenantId, reaching)
    return meters.map((meter) => meterJson(meter, filling.get(meter.id) ?? null))
  }
  const one = async (tenantId: string, meter: Meter) => (await shown(tenantId, [meter]))[0]!

  router.add({
    method: 'post',
    path: '/api/v1/meters',
    id: 'createMeter',
    tag,
    summary: 'Create a meter',
    description:
      'Events count from now on, or with `counts_from` those of the event log, too: it is filled in the background, and says how far. Sending the same meter again is answered with the one that there is.',
    access,
    body: bodies.create,
    responses: {
      201: { description: 'The meter.', schema: meterSchema },
      200: { description: 'The same meter was there already.', schema: meterSchema },
    },
    errors: ['already_exists'],
    handle: async (c, { body }) => {
      const { meter, created } = await createMeter(deps, c.var, body)
      return reply(c, created ? 201 : 200, await one(c.var.tenant.tenantId, meter))
    },
  })

  router.add({
    method: 'get',
    path: '/api/v1/meters',
    id: 'listMeters',
    tag,
    summary: 'List meters',
    description: 'In the order of their keys, archived ones too.',
    access,
    query: pageQuerySchema,
    responses: { 200: { description: 'A page of meters.', schema: pageSchema(meterSchema) } },
    handle: async (c, { query }) => {
      const page = pageRequest(LIST, query, keySchema)
      const meters = await deps.catalog.listMeters(c.var.tenant.tenantId, page)
      const { data, next_cursor } = pageOf(LIST, meters, page.limit, ({ key }) => key)
      return reply(c, 200, { data: await shown(c.var.tenant.tenantId, data), next_cursor })
    },
  })

  router.add({
    method: 'get',
    path: '/api/v1/meters/{key}',
    id: 'getMeter',
    tag,
    summary: 'Read a meter',
    description: 'Archived ones are found, too.',
    access,
    params,
    responses: { 200: { description: 'The meter.', schema: meterSchema } },
    errors: ['not_found'],
    handle: async (c, { params }) => {
      const meter = await deps.catalog.findMeter(c.var.tenant.tenantId, params.key)
      if (meter === null) throw noMeter(params.key)
      return reply(c, 200, await one(c.var.tenant.tenantId, meter))
    },
  })

  router.add({
    method: 'patch',
    path: '/api/v1/meters/{key}',
    id: 'changeMeter',
    tag,
    summary: 'Change a meter',
    description:
      'Its name can change, and `missing`, for events from now on. Nothing else can: what was counted keeps its meaning. To count otherwise, create another meter and archive this one.',
    access,
    params,
    body: bodies.change,
    responses: { 200: { description: 'The meter.', schema: meterSchema } },
    errors: ['not_found', 'meaning_would_change'],
    handle: async (c, { params, body }) => {
      const meter = await changeMeter(deps, c.var, { key: params.key, change: body })
      return reply(c, 200, await one(c.var.tenant.tenantId, meter))
    },
  })

  router.add({
    method: 'post',
    path: '/api/v1/meters/{key}/archive',
    id: 'archiveMeter',
    tag,
    summary: 'Archive a meter',
    description:
      'It counts no further events. What it has counted is kept, read and billed as before, and its key is not used again. Archiving it again changes nothing.',
    access,
    params,
    responses: { 200: { description: 'The meter.', schema: meterSchema } },
    errors: ['not_found'],
    handle: async (c, { params }) =>
      reply(c, 200, await one(c.var.tenant.tenantId, await archiveMeter(deps, c.var, params))),
  })
}
