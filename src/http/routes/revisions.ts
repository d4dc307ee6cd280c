// Revisions of meters: other groups, another value or filter from an hour on, or the same counted anew.

import type { Context } from 'hono'
import { z } from 'zod'
import { keySchema } from '../../kernel/text.ts'
import type { FillProgress } from '../../log/replay-ports.ts'
import { countsFromText } from '../../metering/counts-from.ts'
import { filterTermOutputSchema } from '../../metering/filter-schema.ts'
import { type Meter, missingChoices, noMeter, revisionStates } from '../../metering/meter.ts'
import {
  type AskedRevision,
  cancelRevision,
  replayOf,
  reviseMeter,
  revisionOf,
} from '../../metering/revise-meter.ts'
import { replayInputSchema, revisionInputSchema } from '../../metering/revision-input.ts'
import type { Env } from '../env.ts'
import { reply } from '../reply.ts'
import type { Routes } from '../router.ts'
import { instant, pageSchema } from '../schemas.ts'
import { dryRunSchema } from './dry-run-json.ts'
import { dryRunOfRevision } from './dry-runs.ts'
import { fillingSchema } from './filling.ts'

const bound = (description: string) =>
  z
    .union([z.literal('beginning'), z.iso.datetime()])
    .meta({ description, example: '2026-11-01T00:00:00.000Z' })

export const revisionSchema = z
  .object({
    number: z.int().meta({ description: '0: the meter as it was made.', example: 1 }),
    state: z.enum(revisionStates).meta({
      'x-name': 'RevisionState',
      description:
        'filling: it counts what comes, and is filled from the event log; nothing is read from it yet. current: hours from `from` on are read from it. replaced: those up to `to` are. cancelled: none ever was; it was taken back, or, when it had counted all, events of its hours had been erased meanwhile.',
      example: 'filling',
    }),
    from: bound('The first hour that it is for.'),
    to: bound('Hours from then on are those of a later revision; null: of none.').nullable(),
    value: z.string().meta({ example: 'tokens' }),
    group_by: z.array(z.string()).meta({ example: ['model', 'region'] }),
    filter: z.array(filterTermOutputSchema).meta({ example: [] }),
    missing: z.enum(missingChoices).meta({ 'x-name': 'MissingProperty', example: 'refuse' }),
    filling: fillingSchema
      .nullable()
      .meta({ description: 'How far it is filled; null: it has counted all.' }),
    created_at: instant('When it was asked for.'),
    switched_at: instant('Since when it is read from; null: it is not, or always was.').nullable(),
  })
  .meta({ id: 'MeterRevision' })

export const revisionJson = (
  meter: Meter,
  filling: ReadonlyMap<string, FillProgress>,
): z.input<typeof revisionSchema> => ({
  number: meter.revision?.number ?? 0,
  state: meter.revision?.state ?? 'current',
  from: countsFromText(meter.revision?.fromMs ?? Number.NEGATIVE_INFINITY)!,
  to: countsFromText(meter.revision?.toMs ?? null),
  value: meter.value,
  group_by: meter.groupBy,
  filter: meter.filter,
  missing: meter.missing,
  filling: filling.get(meter.id) ?? null,
  created_at: meter.createdAt.toISOString(),
  switched_at: meter.revision?.switchedAt?.toISOString() ?? null,
})

const tag = 'Meters'
const access = 'tenant'
const key = keySchema.meta({ description: 'The meter’s key.', example: 'api_calls' })
const params = z.strictObject({ key })
const bodies = {
  revise: revisionInputSchema.meta({ id: 'MeterRevisionInput' }),
  replay: replayInputSchema.meta({ id: 'MeterReplayInput' }),
}
const responses = {
  201: { description: 'The revision, which is being filled.', schema: revisionSchema },
  200: {
    description: 'The same revision was there already; or, with `dry_run`, what it would do.',
    schema: z.union([revisionSchema, dryRunSchema]),
  },
}
const errors = [
  'not_found',
  'meaning_would_change',
  'state_conflict',
  'events_erased',
  'too_much_at_once',
  'too_many_counters',
] as const

export const revisionRoutes: Routes = (router, deps) => {
  const shown = async (tenantId: string, meters: Meter[]) => {
    const filling = await deps.replays.progress(
      tenantId,
      meters.map(({ id }) => id),
    )
    return meters.map((meter) => revisionJson(meter, filling))
  }
  const one = async (tenantId: string, meter: Meter) => (await shown(tenantId, [meter]))[0]!
  const revised = async (c: Context<Env>, asked: AskedRevision) => {
    const { revision, created } = await reviseMeter(deps, c.var, asked)
    return reply(c, created ? 201 : 200, await one(c.var.tenant.tenantId, revision))
  }
  const tried = async (c: Context<Env>, asked: AskedRevision) =>
    reply(c, 200, await dryRunOfRevision(deps, c.var.tenant, asked))

  router.add({
    method: 'post',
    path: '/api/v1/meters/{key}/revisions',
    id: 'reviseMeter',
    tag,
    summary: 'Have a meter count otherwise from an hour on',
    description:
      'Other groups, another value, filter, or `missing`; what is left out stays. The revision is filled from the event log beside the meter, and until it has all, everything is read as before; from then on, hours from `from` on are read from it, and earlier ones as before. Invoices that were issued get an adjustment. Hours that events were erased of can’t be counted anew (`events_erased`). The aggregation can’t be revised: prices rest on it. With `dry_run`, nothing is changed, and the answer says what would be.',
    access,
    params,
    body: bodies.revise,
    responses,
    errors: [...errors],
    handle: async (c, { params, body }) => {
      const asked = revisionOf(c.var.tenant, { key: params.key, input: body })
      return body.dry_run ? tried(c, asked) : revised(c, asked)
    },
  })

  router.add({
    method: 'post',
    path: '/api/v1/meters/{key}/replay',
    id: 'replayMeter',
    tag,
    summary: 'Count a meter anew from an hour on',
    description:
      'From the event log, as the meter counts now: a revision that changes nothing, for a meter that lacks something, such as what came before it was made. Send it with an `Idempotency-Key`: repeated after it is filled, it is another one. Hours that events were erased of can’t be counted anew (`events_erased`). With `dry_run`, nothing is changed, and the answer says what would be.',
    access,
    params,
    body: bodies.replay,
    responses,
    errors: [...errors],
    handle: async (c, { params, body }) => {
      const asked = replayOf(c.var.tenant, { key: params.key, input: body })
      return body.dry_run ? tried(c, asked) : revised(c, asked)
    },
  })

  router.add({
    method: 'get',
    path: '/api/v1/meters/{key}/revisions',
    id: 'listRevisions',
    tag,
    summary: 'List a meter’s revisions',
    description: 'In the order of their numbers, all of them: the meter as it was made is number 0.',
    access,
    params,
    responses: { 200: { description: 'The revisions.', schema: pageSchema(revisionSchema) } },
    errors: ['not_found'],
    handle: async (c, { params }) => {
      const { tenantId } = c.var.tenant
      const { meters } = await deps.catalog.listRevisions(tenantId, params.key)
      if (meters.length === 0) throw noMeter(params.key)
      return reply(c, 200, { data: await shown(tenantId, meters), next_cursor: null })
    },
  })

  router.add({
    method: 'post',
    path: '/api/v1/meters/{key}/revisions/{number}/cancel',
    id: 'cancelRevision',
    tag,
    summary: 'Cancel a revision',
    description:
      'As long as it is being filled: nothing was read from it, and nothing ever is. Cancelling it again changes nothing.',
    access,
    params: z.strictObject({
      key,
      number: z
        .string()
        .regex(/^[1-9]\d{0,3}$/, 'must be the number of a revision, from 1')
        .meta({ description: 'The revision’s number.', example: '1' }),
    }),
    responses: { 200: { description: 'The revision.', schema: revisionSchema } },
    errors: ['not_found', 'state_conflict'],
    handle: async (c, { params: { key, number } }) => {
      const cancelled = await cancelRevision(deps, c.var, { key, number: Number(number) })
      return reply(c, 200, await one(c.var.tenant.tenantId, cancelled))
    },
  })
}
