// What a customer owes.

import { z } from 'zod'
import { billSchema } from '../../billing/bill.ts'
import { readBill } from '../../billing/read-bill.ts'
import { customerIdSchema } from '../../metering/event.ts'
import { reply } from '../reply.ts'
import type { Routes } from '../router.ts'
import { periodParameters } from './period-parameters.ts'

export const billingRoutes: Routes = (router, deps) => {
  router.add({
    method: 'get',
    path: '/api/v1/billing/{customer_id}',
    id: 'readBill',
    tag: 'Billing',
    summary: 'The bill of a period, exact at this instant',
    description:
      'It holds every event that was accepted before this request, settled or not, and none twice. A customer that was never created is billed like any other; one of whom nothing is known, no usage, subscription or credit either, is not found: its id may be mistyped.',
    access: 'tenant',
    params: z.object({ customer_id: customerIdSchema }),
    query: z.strictObject(periodParameters),
    responses: { 200: { description: 'The bill.', schema: billSchema } },
    errors: ['not_found', 'too_many_counters'],
    handle: async (c, { params, query }) =>
      reply(c, 200, await readBill(deps, c.get('tenant'), { customerId: params.customer_id, ...query })),
  })
}
