// Meters.

import { z } from 'zod'
import { pageOf, pageRequest } from '../../kernel/page.ts'
import { keySchema } from '../../kernel/text.ts'
import type { FillProgress } from '../../log/replay-ports.ts'
import { archiveMeter } from '../../metering/archive-meter.ts'
import { changeMeter } from '../../metering/change-meter.ts'
import { countsFromSchema, countsFromText } from '../../metering/counts-from.ts'
import { createMeter } from '../../metering/create-meter.ts'
import { filterTermOutputSchema } from '../../metering/filter-schema.ts'
import { aggregations, type Meter, meterCountsFromMs, missingChoices, noMeter } from '../../metering/meter.ts'
import { meterChangeSchema, meterInputSchema } from '../../metering/meter-input.ts'
import { reply } from '../reply.ts'
import type { Routes } from '../router.ts'
import { instant, pageQuerySchema, pageSchema } from '../schemas.ts'
import { dryRunSchema } from './dry-run-json.ts'
import { dryRunOfMeter } from './dry-runs.ts'
import { fillingSchema } from './filling.ts'
import { revisionJson, revisionSchema } from './revisions.ts'

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
    filling: fillingSchema.nullable().meta({
      description:
        'How far it is filled from the event log, while it is; bills and usage that read it say `incomplete` until then. null: it has counted all.',
      example: null,
    }),
    revision: revisionSchema.nullable().meta({
      description:
        'What it is being revised to: until that has counted all, everything is read as before. null: nothing.',
      example: null,
    }),
    created_at: instant('When it was created.'),
    archived_at: instant('When it was archived; null: it counts.').nullable(),
  })
  .meta({ id: 'Meter' })

const meterJson = (
  meter: Meter,
  revision: Meter | undefined,
  filling: ReadonlyMap<string, FillProgress>,
): z.input<typeof meterSchema> => ({
  key: meter.key,
  name: meter.name,
  resource_type: meter.resourceType,
  aggregation: meter.aggregation,
  value: meter.value,
  group_by: meter.groupBy,
  missing: meter.missing,
  filter: meter.filter,
  counts_from: countsFromText(meterCountsFromMs(meter)),
  filling: filling.get(meter.id) ?? null,
  revision: revision === undefined ? null : revisionJson(revision, filling),
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
    const keys = meters.filter(({ archivedAt }) => archivedAt === null).map((meter) => meter.key)
    const revisions = keys.length === 0 ? [] : await deps.catalog.fillingRevisions(tenantId, keys)
    const ids = [...meters.filter(({ archivedAt }) => archivedAt === null), ...revisions].map(({ id }) => id)
    const filling = await deps.replays.progress(tenantId, ids)
    const revisionOf = new Map(revisions.map((one) => [one.key, one]))
    return meters.map((meter) => meterJson(meter, revisionOf.get(meter.key), filling))
  }
  const one = async (tenantId: string, meter: Meter) => (await shown(tenantId, [meter]))[0]!

  router.add({
    method: 'post',
    path: '/api/v1/meters',
    id: 'createMeter',
    tag,
    summary: 'Create a meter',
    description:
      'Events count from now on, or with `counts_from` those of the event log, too: it is filled in the background, and says how far. Sending the same meter again is answered with the one that there is. With `dry_run`, nothing is made, and the answer says what it would count.',
    access,
    body: bodies.create,
    responses: {
      201: { description: 'The meter.', schema: meterSchema },
      200: {
        description: 'The same meter was there already; or, with `dry_run`, what it would do.',
        schema: z.union([meterSchema, dryRunSchema]),
      },
    },
    errors: ['already_exists', 'not_found', 'too_much_at_once', 'too_many_counters'],
    handle: async (c, { body }) => {
      if (body.dry_run) return reply(c, 200, await dryRunOfMeter(deps, c.var.tenant, body))
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
      'Its name can change, and `missing`, for events from now on. Nothing else can: what was counted keeps its meaning. To count otherwise from an hour on, revise it (POST /api/v1/meters/{key}/revisions).',
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
