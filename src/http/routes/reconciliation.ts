// What was accepted against what became of it, for the operator.

import { z } from 'zod'
import { decimalOutput } from '../../kernel/decimal-schema.ts'
import { pageOf, pageParameters, pageRequest } from '../../kernel/page.ts'
import { rfc3339 } from '../../kernel/time.ts'
import type { LogAccount } from '../../metering/log-account.ts'
import { type Reconciliation, reconcile } from '../../metering/reconcile.ts'
import { reply } from '../reply.ts'
import type { Routes } from '../router.ts'
import { idSchema, instant, pageSchema } from '../schemas.ts'

const LIST = 'reconciliation'

const amount = (description: string) =>
  z
    .object({
      events: decimalOutput().meta({ example: '1200' }),
      quantity: decimalOutput().meta({ example: '1834.5' }),
    })
    .meta({ description })

const reasons = ['lost_by_counters', 'missing_from_totals', 'counters_went_back'] as const

const number = (description: string) => decimalOutput().meta({ description, example: '1200' })

const logSchema = z
  .object({
    accepted: number('Events that were acknowledged and logged.'),
    in_index: number(
      'What of it is in blocks that the index has, or had until they were too old (`event_log_days`).',
    ),
    unsettled: number('What is still in Redis.'),
    quarantined: number('What is in segments that Postgres refuses.'),
    drift: decimalOutput().meta({
      description: 'accepted − in_index − unsettled − quarantined',
      example: '0',
    }),
    reason: z
      .enum([...reasons, 'missing_from_index', 'more_in_index'])
      .nullable()
      .meta({
        'x-name': 'LogDriftReason',
        description:
          'null: no drift. As for meters, and: missing_from_index: events were settled as logged, and the index has fewer: rows of it are gone, or the log was turned off over what was not settled yet. more_in_index: it has more than were counted.',
      }),
  })
  .meta({ id: 'LogAccount', description: 'The same of the event log, in events.' })

const reconciliationSchema = z
  .object({
    tenant_id: idSchema,
    drift_since: instant(
      'Since when it is known that the accounts of some meter, or of the log, disagree; null: they agree.',
    ).nullable(),
    meters: z.array(
      z.object({
        meter: z.string().meta({ example: 'api_call' }),
        revision: z.int().optional().meta({
          description: 'Of a meter that was revised: the number of the revision that it is of.',
          example: 1,
        }),
        history: z.boolean().optional().meta({
          description: 'It is of what was imported as history, which has an account of its own.',
          example: true,
        }),
        accepted: amount('What was acknowledged: events, and the sum of their values.'),
        settled: amount('What of it Postgres has.'),
        unsettled: amount('What is still counted in Redis.'),
        quarantined: amount('What is in segments that Postgres refuses.'),
        drift: amount('accepted − settled − unsettled − quarantined'),
        reason: z.enum(reasons).nullable().meta({
          'x-name': 'DriftReason',
          description:
            'null: no drift. lost_by_counters: Redis has lost events that it had acknowledged. missing_from_totals: neither store has them: Postgres was put back (see POST /api/v1/reoffer), or a segment is gone. counters_went_back: Redis was put back or emptied, and knows less than Postgres has.',
        }),
      }),
    ),
    log: logSchema,
  })
  .meta({ id: 'Reconciliation' })

export const reconciliationRoutes: Routes = (router, deps) => {
  router.add({
    method: 'get',
    path: '/api/v1/reconciliation',
    id: 'reconcile',
    tag: 'Operations',
    summary: 'What each meter accepted, and the event log, against what became of it',
    description:
      'Each meter keeps a tally of the events it took and the sum of their values, in Redis and with what is settled. The log has one, too, which is held against the blocks that its index has. Where they disagree, the drift is named, with its size and since when.',
    access: 'admin',
    query: z.strictObject({ tenant_id: idSchema.optional(), ...pageParameters }),
    responses: { 200: { description: 'A page of tenants.', schema: pageSchema(reconciliationSchema) } },
    errors: ['not_found'],
    handle: async (c, { query }) => {
      const page = pageRequest(LIST, query, idSchema)
      const ids =
        query.tenant_id === undefined
          ? (await deps.access.listTenants(page)).map(({ id }) => id)
          : [query.tenant_id]
      const { data, next_cursor } = pageOf(LIST, ids, page.limit, (id) => id)
      const found: Reconciliation[] = []
      for (const id of data) found.push(await reconcile(deps, await deps.access.loadConfig(id)))
      return reply(c, 200, { data: found.map(reconciliationJson), next_cursor })
    },
  })
}

const reconciliationJson = ({ tenantId, meters, log, driftSinceMs }: Reconciliation) => ({
  tenant_id: tenantId,
  drift_since: driftSinceMs === null ? null : rfc3339(driftSinceMs),
  meters,
  log: logJson(log),
})

const logJson = ({ indexed, ...log }: LogAccount) => ({ ...log, in_index: indexed })
