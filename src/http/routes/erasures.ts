// Erasing a customer's events, and what became of it.

import { z } from 'zod'
import { pageOf, pageRequest } from '../../kernel/page.ts'
import { rfc3339Micros } from '../../kernel/time.ts'
import { askErasure, readErasure } from '../../log/ask-erasure.ts'
import type { Erasure } from '../../log/erasure-ports.ts'
import { customerIdSchema } from '../../metering/event.ts'
import { reply } from '../reply.ts'
import type { Routes } from '../router.ts'
import { idSchema, instant, pageQuerySchema, pageSchema } from '../schemas.ts'
import { logOf } from './event-json.ts'

const erasureSchema = z
  .object({
    id: idSchema,
    customer_id: z.string().meta({ example: 'cust_42' }),
    state: z.enum(['under_way', 'done']).meta({
      'x-name': 'ErasureState',
      description:
        'No read shows the events from the beginning. `under_way`: some wait to be settled, to be counted into a meter that is being filled, or for their turn.',
      example: 'done',
    }),
    covers_to: z.iso.datetime().meta({
      description: 'Events that had arrived by then are erased; what comes later is not.',
      example: '2026-11-22T10:00:00.123456Z',
    }),
    events: z.number().int().meta({ description: 'Events that are out of the log by now.', example: 1204 }),
    blocks: z
      .object({
        done: z.number().int().meta({ description: 'Blocks that were rewritten.', example: 12 }),
        of: z.number().int().meta({ description: '… of how many that are known by now.', example: 12 }),
      })
      .meta({ id: 'ErasureBlocks' }),
    created_at: instant('When it was asked for.'),
    done_at: instant('Since when nothing is left; null: something is.').nullable(),
  })
  .meta({ id: 'Erasure' })

const erasureJson = (erasure: Erasure): z.input<typeof erasureSchema> => ({
  id: erasure.id,
  customer_id: erasure.customerId,
  state: erasure.doneAt === null ? 'under_way' : 'done',
  covers_to: rfc3339Micros(BigInt(erasure.byMicros)),
  events: erasure.events,
  blocks: { done: erasure.blocks, of: erasure.blocks + erasure.left },
  created_at: erasure.createdAt.toISOString(),
  done_at: erasure.doneAt?.toISOString() ?? null,
})

const LIST = 'erasures'
const tag = 'Events'
const access = 'tenant'

export const erasureRoutes: Routes = (router, deps) => {
  router.add({
    method: 'delete',
    path: '/api/v1/customers/{customer_id}/events',
    id: 'eraseCustomerEvents',
    tag,
    summary: 'Erase a customer’s events',
    description:
      'All that had arrived by now, with their properties, for good: they are hidden at once, and taken out of the log in the background. What was counted stays: usage, bills, invoices and credit. Asking again covers what has come since.',
    access,
    params: z.strictObject({ customer_id: customerIdSchema }),
    responses: {
      200: { description: 'Nothing is left.', schema: erasureSchema },
      202: { description: 'They are hidden; the rest is under way.', schema: erasureSchema },
    },
    errors: ['not_found'],
    handle: async (c, { params }) => {
      const { tenant, newId } = c.var
      logOf(deps)
      const erasure = await askErasure(deps, { tenantId: tenant.tenantId, newId }, params.customer_id)
      return reply(c, erasure.doneAt === null ? 202 : 200, erasureJson(erasure))
    },
  })

  router.add({
    method: 'get',
    path: '/api/v1/erasures',
    id: 'listErasures',
    tag,
    summary: 'List erasures',
    description: 'Newest first. They stay: they are what tells that it happened.',
    access,
    query: pageQuerySchema.extend({ customer_id: customerIdSchema.optional() }),
    responses: { 200: { description: 'A page of erasures.', schema: pageSchema(erasureSchema) } },
    handle: async (c, { query }) => {
      const page = pageRequest(LIST, query, idSchema)
      const wanted = { customerId: query.customer_id ?? null, ...page }
      const found = await deps.erasures.list(c.var.tenant.tenantId, wanted)
      const { data, next_cursor } = pageOf(LIST, found, page.limit, ({ id }) => id)
      return reply(c, 200, { data: data.map(erasureJson), next_cursor })
    },
  })

  router.add({
    method: 'get',
    path: '/api/v1/erasures/{id}',
    id: 'getErasure',
    tag,
    summary: 'Read an erasure',
    description: 'How far it is.',
    access,
    params: z.strictObject({ id: idSchema }),
    responses: { 200: { description: 'The erasure.', schema: erasureSchema } },
    errors: ['not_found'],
    handle: async (c, { params }) =>
      reply(c, 200, erasureJson(await readErasure(deps, c.var.tenant.tenantId, params.id))),
  })
}
