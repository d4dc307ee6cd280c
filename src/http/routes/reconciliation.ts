// What was accepted against what became of it, for the operator.

import { z } from 'zod'
import { decimalOutput } from '../../kernel/decimal-schema.ts'
import { pageOf, pageParameters, pageRequest } from '../../kernel/page.ts'
import { rfc3339 } from '../../kernel/time.ts'
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

const reconciliationSchema = z
  .object({
    tenant_id: idSchema,
    drift_since: instant(
      'Since when it is known that the accounts of some meter disagree; null: they agree.',
    ).nullable(),
    meters: z.array(
      z.object({
        meter: z.string().meta({ example: 'api_call' }),
        accepted: amount('What was acknowledged: events, and the sum of their values.'),
        settled: amount('What of it Postgres has.'),
        unsettled: amount('What is still counted in Redis.'),
        quarantined: amount('What is in segments that Postgres refuses.'),
        drift: amount('accepted − settled − unsettled − quarantined'),
        reason: z.enum(['lost_by_counters', 'missing_from_totals', 'counters_went_back']).nullable().meta({
          'x-name': 'DriftReason',
          description:
            'null: no drift. lost_by_counters: Redis has lost events that it had acknowledged. missing_from_totals: neither store has them: Postgres was put back (see POST /api/v1/reoffer), or a segment is gone. counters_went_back: Redis was put back or emptied, and knows less than Postgres has.',
        }),
      }),
    ),
  })
  .meta({ id: 'Reconciliation' })

export const reconciliationRoutes: Routes = (router, deps) => {
  router.add({
    method: 'get',
    path: '/api/v1/reconciliation',
    id: 'reconcile',
    tag: 'Operations',
    summary: 'What each meter accepted, against what became of it',
    description:
      'Each meter keeps a tally of the events it took and the sum of their values, in Redis and with what is settled. Where they disagree, the drift is named, with its size and since when.',
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

const reconciliationJson = ({ tenantId, meters, driftSinceMs }: Reconciliation) => ({
  tenant_id: tenantId,
  drift_since: driftSinceMs === null ? null : rfc3339(driftSinceMs),
  meters,
})
