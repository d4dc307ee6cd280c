// Where tenants' counters are, for the operator: partitions, and moving tenants between them.

import { z } from 'zod'
import { TollgateError } from '../../kernel/errors.ts'
import { knownFields } from '../../kernel/object-schema.ts'
import { rfc3339 } from '../../kernel/time.ts'
import { type DescribedPlacement, describePlacement } from '../../metering/placement/describe-placement.ts'
import {
  type DescribedPartition,
  describePartition,
  listPartitions,
} from '../../metering/placement/list-partitions.ts'
import { moveTenant } from '../../metering/placement/move-tenant.ts'
import { openPartition } from '../../metering/placement/open-partition.ts'
import { HOMES_MOST } from '../../metering/placement/placement.ts'
import { reply } from '../reply.ts'
import type { Routes } from '../router.ts'
import { idSchema, instant } from '../schemas.ts'

const partitionId = z.int().min(0).meta({ description: 'Number of a partition.', example: 0 })
const unsettled = (whose: string) =>
  z
    .int()
    .nullable()
    .meta({
      description: `${whose} that wait to be settled; null: its database can’t be reached.`,
      example: 12,
    })

export const partitionSchema = z
  .object({
    id: partitionId,
    database: z.string().meta({ description: 'Which of COUNTER_DATABASES has it.', example: 'main' }),
    state: z.enum(['open', 'closed', 'unreachable']).meta({
      'x-name': 'PartitionState',
      description: 'New tenants go to open ones. Unreachable: its database can’t be reached at present.',
    }),
    tenants: z.int().meta({ description: 'Tenants that have it as a home.', example: 3 }),
    unsettled_counters: unsettled('Counters'),
    last_flush_at: instant('When the aggregator last looked; null: never, or it can’t be asked.').nullable(),
  })
  .meta({ id: 'Partition' })

const placementSchema = z
  .object({
    home: z.array(partitionId).meta({ description: 'Where its counters are: one, or several by customer.' }),
    spread_by: z
      .enum(['customer'])
      .nullable()
      .meta({ 'x-name': 'SpreadBy', description: 'By what its events are divided over several homes.' }),
    former: z
      .array(
        z
          .object({
            partition: partitionId,
            since: instant('When it was left.'),
            frozen_at: instant('When it was told; null: that is not known yet.').nullable(),
            until: instant(
              'Until when it is asked for the ids that it knows, at least; and longer, while something in it is not settled.',
            ).nullable(),
            unsettled_counters: unsettled('Counters of the tenant'),
          })
          .meta({ id: 'FormerPartition' }),
      )
      .meta({ description: 'Homes that were left, and are still asked for ids and counters.' }),
  })
  .meta({ id: 'Placement' })

const openSchema = knownFields('A partition', {
  database: z
    .string()
    .max(32)
    .meta({ description: 'Which of COUNTER_DATABASES is to have it, for good.', example: 'main' }),
}).meta({ id: 'PartitionInput' })

const changeSchema = knownFields('A change of a partition', {
  state: z
    .enum(['open', 'closed'], 'must be open or closed')
    .meta({ 'x-name': 'PartitionChoice', description: 'Whether new tenants go there.', example: 'closed' }),
}).meta({ id: 'PartitionChange' })

const moveSchema = knownFields('A placement', {
  partitions: z
    .array(z.int().min(0))
    .min(1)
    .max(HOMES_MOST)
    .refine((ids) => new Set(ids).size === ids.length, 'must not name a partition twice')
    .meta({ description: 'Where its counters are to be from now on. Several need spread_by.', example: [0] }),
  spread_by: z
    .enum(['customer'], 'must be customer, or left out')
    .nullable()
    .default(null)
    .meta({ 'x-name': 'SpreadBy', description: 'By what its events are divided over several partitions.' }),
})
  .refine(({ partitions, spread_by }) => spread_by !== null || partitions.length <= 1, {
    path: ['spread_by'],
    message: 'must be customer where there are several partitions',
  })
  .refine(({ partitions, spread_by }) => spread_by === null || partitions.length > 1, {
    path: ['partitions'],
    message: 'must be two at least to spread over',
  })
  .meta({ id: 'PlacementInput' })

const tag = 'Operations'

export const placementRoutes: Routes = (router, deps) => {
  router.add({
    method: 'get',
    path: '/api/v1/partitions',
    id: 'listPartitions',
    tag,
    summary: 'List partitions',
    description: 'Independent sets of counters, each in one database.',
    access: 'admin',
    responses: {
      200: { description: 'All of them.', schema: z.object({ data: z.array(partitionSchema) }) },
    },
    handle: async (c) => reply(c, 200, { data: (await listPartitions(deps)).map(partitionJson) }),
  })

  router.add({
    method: 'post',
    path: '/api/v1/partitions',
    id: 'openPartition',
    tag,
    summary: 'Open a partition',
    description: 'In a database that the configuration names. Its number and its database are for good.',
    access: 'admin',
    body: openSchema,
    responses: { 201: { description: 'The partition.', schema: partitionSchema } },
    errors: ['state_conflict'],
    handle: async (c, { body }) =>
      reply(c, 201, partitionJson(await describePartition(deps, await openPartition(deps, body)))),
  })

  router.add({
    method: 'patch',
    path: '/api/v1/partitions/{id}',
    id: 'changePartition',
    tag,
    summary: 'Close a partition for new tenants, or open it again',
    description: 'The tenants in it stay, and are counted and settled as before.',
    access: 'admin',
    params: z.strictObject({
      id: z
        .string()
        .regex(/^(0|[1-9]\d{0,8})$/, 'must be the number of a partition, from 0')
        .meta({ description: 'Its number.', example: '0' }),
    }),
    body: changeSchema,
    responses: { 200: { description: 'The partition.', schema: partitionSchema } },
    errors: ['not_found'],
    handle: async (c, { params, body }) => {
      await deps.partitionStore.seedPartitions(deps.firstPartitions)
      const changed = await deps.partitionStore.changePartition(Number(params.id), body.state)
      if (changed === null)
        throw new TollgateError(
          'not_found',
          `There is no partition ${params.id}. GET /api/v1/partitions lists them.`,
        )
      deps.directory.forget()
      return reply(c, 200, partitionJson(await describePartition(deps, changed)))
    },
  })

  router.add({
    method: 'get',
    path: '/api/v1/tenants/{id}/placement',
    id: 'getPlacement',
    tag: 'Tenants',
    summary: 'Where a tenant’s counters are',
    description:
      'Its home partition, or several by customer; and former ones, which are asked for ids that they know until none of them may be retried any more.',
    access: 'admin',
    params: z.strictObject({ id: idSchema }),
    responses: { 200: { description: 'The placement.', schema: placementSchema } },
    errors: ['not_found'],
    handle: async (c, { params }) => reply(c, 200, placementJson(await describePlacement(deps, params.id))),
  })

  router.add({
    method: 'post',
    path: '/api/v1/tenants/{id}/placement',
    id: 'moveTenant',
    tag: 'Tenants',
    summary: 'Move a tenant to other partitions, or spread it over several',
    description:
      'In force at once, under traffic: nothing is copied, nothing waits, and every event counts once. What is in the former partitions is settled from there. In a tenant that is spread, an event’s id is its customer’s: the same id of two customers may be two events; and a batch is all or nothing for what is invalid, but each partition counts or refuses its part of it where ids are in conflict.',
    access: 'admin',
    params: z.strictObject({ id: idSchema }),
    body: moveSchema,
    responses: { 202: { description: 'The new placement, which is in force.', schema: placementSchema } },
    errors: ['not_found', 'state_conflict'],
    handle: async (c, { params, body }) => {
      const to = { home: body.partitions, spreadBy: body.spread_by }
      return reply(c, 202, placementJson(await moveTenant(deps, c.var.newId, params.id, to)))
    },
  })
}

const timeOrNull = (ms: number | null): string | null => (ms === null ? null : rfc3339(ms))

const partitionJson = (partition: DescribedPartition): z.input<typeof partitionSchema> => ({
  id: partition.id,
  database: partition.database,
  state: partition.state,
  tenants: partition.tenants,
  unsettled_counters: partition.unsettledCounters,
  last_flush_at: timeOrNull(partition.lastFlushMs),
})

const placementJson = ({ home, spreadBy, former }: DescribedPlacement): z.input<typeof placementSchema> => ({
  home,
  spread_by: spreadBy,
  former: former.map((one) => ({
    partition: one.partition,
    since: rfc3339(one.sinceMs),
    frozen_at: timeOrNull(one.frozenMs),
    until: timeOrNull(one.untilMs),
    unsettled_counters: one.unsettledCounters,
  })),
})
