// Invoices.

import { z } from 'zod'
import { invoiceStatuses } from '../../billing/invoices/invoice.ts'
import {
  invoiceJson,
  invoiceSchema,
  invoiceSummary,
  invoiceSummarySchema,
} from '../../billing/invoices/invoice-json.ts'
import { lineEvents } from '../../billing/invoices/line-events.ts'
import { lineUsage } from '../../billing/invoices/line-usage.ts'
import { type Move, moveInvoice } from '../../billing/invoices/move-invoice.ts'
import { previewInvoice } from '../../billing/invoices/preview-invoice.ts'
import { readInvoice } from '../../billing/invoices/read-invoice.ts'
import { subscriptionInputSchema } from '../../billing/subscriptions/subscription-input.ts'
import { text } from '../../kernel/decimal.ts'
import { decimalOutput } from '../../kernel/decimal-schema.ts'
import { pageOf, pageParameters, pageRequest } from '../../kernel/page.ts'
import { rfc3339 } from '../../kernel/time.ts'
import { customerIdSchema } from '../../metering/event.ts'
import { reply } from '../reply.ts'
import type { Routes } from '../router.ts'
import { idSchema, instant, pageQuerySchema, pageSchema } from '../schemas.ts'
import { eventPage, loggedEventSchema, logOf } from './event-json.ts'
import { positionOf, positionSchema } from './event-parameters.ts'

const LIST = 'invoices'
const HOURS = 'hours'
const LINE_EVENTS = 'line-events'

const lineParams = z.strictObject({
  id: idSchema,
  line: z
    .string()
    .regex(/^[1-9]\d{0,3}$/, 'must be the number of a line, from 1')
    .transform(Number)
    .meta({ type: 'integer', minimum: 1, maximum: 9_999, description: 'Its number.', example: 1 }),
})
const tag = 'Invoices'
const params = z.strictObject({ id: idSchema })
const access = 'tenant'
const path = '/api/v1/invoices'

const hourSchema = z
  .object({
    hour: instant('The hour’s first instant.'),
    quantity: decimalOutput().meta({ example: '120' }),
    settled_quantity: decimalOutput().meta({
      description: 'What of it is settled in Postgres.',
      example: '100',
    }),
    events: decimalOutput().meta({
      description: 'How many, where the meter knows it; else 0.',
      example: '7',
    }),
  })
  .meta({ id: 'LineHour' })

const hourPageSchema = z
  .object({
    data: z.array(hourSchema),
    next_cursor: z.string().nullable().meta({
      description: 'Send it as `cursor` to get the next page; null: this is the last.',
    }),
    incomplete: z.boolean().optional().meta({
      description:
        'The meter is being filled from the event log (its `filling`): usage may still come that was accepted before.',
      example: false,
    }),
  })
  .meta({ id: 'LineHourPage' })

const moves: { to: Move; verb: string; id: string; summary: string; description: string }[] = [
  {
    to: 'paid',
    verb: 'pay',
    id: 'payInvoice',
    summary: 'Mark as paid',
    description: 'That the amount due has come in.',
  },
  {
    to: 'uncollectible',
    verb: 'write-off',
    id: 'writeOffInvoice',
    summary: 'Mark as uncollectible',
    description: 'That nobody expects the amount due any more.',
  },
  {
    to: 'void',
    verb: 'void',
    id: 'voidInvoice',
    summary: 'Void',
    description:
      'It keeps its number and bills nothing, for good: no other invoice takes its place. The usage of its period, also what comes late, and the fees in arrears are given up. What it says of other periods is left to their invoices: what it adjusted in earlier ones is adjusted by the next one, and fees in advance are billed by the invoice of their own period, unless that is issued already. Credit and uses of coupons that it took are given back. To take back a part, or all of it after it was paid, make a credit note instead. Refused while a later invoice corrects it, of an invoice with credit notes, and of one of a period that gives back what earlier ones billed in advance.',
  },
]

export const invoiceRoutes: Routes = (router, deps) => {
  router.add({
    method: 'get',
    path,
    id: 'listInvoices',
    tag,
    summary: 'List invoices',
    description:
      'The newest first, without their lines. The totals of a draft are computed when it is read by its id.',
    access,
    query: z.strictObject({
      customer_id: customerIdSchema.optional(),
      subscription_id: idSchema.optional(),
      status: z
        .enum(invoiceStatuses)
        .meta({ 'x-name': 'InvoiceStatus' })
        .optional()
        .meta({ description: 'Only these.' }),
      ...pageParameters,
    }),
    responses: { 200: { description: 'A page of invoices.', schema: pageSchema(invoiceSummarySchema) } },
    handle: async (c, { query }) => {
      const page = pageRequest(LIST, query, idSchema)
      const { customer_id: customerId, subscription_id: subscriptionId, status } = query
      const filter = { customerId, subscriptionId, status }
      const found = await deps.accounts.listInvoices(c.var.tenant.tenantId, filter, page)
      const { data, next_cursor } = pageOf(LIST, found, page.limit, ({ id }) => id)
      return reply(c, 200, { data: data.map(invoiceSummary), next_cursor })
    },
  })

  router.add({
    method: 'post',
    path: `${path}/preview`,
    id: 'previewInvoice',
    tag,
    summary: 'Preview an invoice',
    description:
      'What the invoice of the first period of such a subscription (after its trial) would be, with the usage that there is. Nothing is stored.',
    access,
    body: subscriptionInputSchema,
    responses: { 200: { description: 'The invoice.', schema: invoiceSchema } },
    errors: ['too_many_counters', 'hours_gone'],
    handle: async (c, { body }) =>
      reply(c, 200, invoiceJson(await previewInvoice(deps, c.var, body), deps.clock())),
  })

  router.add({
    method: 'get',
    path: `${path}/{id}`,
    id: 'getInvoice',
    tag,
    summary: 'Read an invoice',
    description: 'A draft is computed from the usage of this instant; any other is as it was issued.',
    access,
    params,
    responses: { 200: { description: 'The invoice.', schema: invoiceSchema } },
    errors: ['not_found', 'too_many_counters', 'hours_gone'],
    handle: async (c, { params }) =>
      reply(c, 200, invoiceJson(await readInvoice(deps, c.var, params), deps.clock())),
  })

  router.add({
    method: 'get',
    path: `${path}/{id}/lines/{line}/usage`,
    id: 'explainInvoiceLine',
    tag,
    summary: 'The hours behind a line',
    description:
      'The counters that a line of usage is made of, hour by hour, as they are now: events that came since are in them, and become an adjustment of the next invoice.',
    access,
    params: lineParams,
    query: pageQuerySchema,
    responses: { 200: { description: 'A page of hours that have usage.', schema: hourPageSchema } },
    errors: ['not_found', 'too_many_counters', 'hours_gone'],
    handle: async (c, { params, query }) => {
      const page = pageRequest(HOURS, query, z.string().regex(/^\d{1,15}$/))
      const { hours, incomplete } = await lineUsage(deps, c.var, { ...params, page })
      const { data, next_cursor } = pageOf(HOURS, hours, page.limit, ({ bucketMs }) => String(bucketMs))
      return reply(c, 200, {
        data: data.map((hour) => ({
          hour: rfc3339(hour.bucketMs),
          quantity: text(hour.quantity),
          settled_quantity: text(hour.settledQuantity),
          events: text(hour.events),
        })),
        next_cursor,
        incomplete,
      })
    },
  })

  router.add({
    method: 'get',
    path: `${path}/{id}/lines/{line}/events`,
    id: 'listInvoiceLineEvents',
    tag,
    summary: 'The events behind a line',
    description:
      'A line opened down to its events, newest first by arrival. Where the meter adds, their values add up to the quantity, as long as the log reaches back to the period. A page looks through a bounded part of the log: it may hold fewer events than `limit`, or none, and still have a `next_cursor`.',
    access,
    params: lineParams,
    query: pageQuerySchema,
    responses: { 200: { description: 'A page of events.', schema: pageSchema(loggedEventSchema) } },
    errors: ['not_found', 'too_many_counters', 'hours_gone'],
    handle: async (c, { params, query }) => {
      const { after, limit } = pageRequest(LINE_EVENTS, query, positionSchema)
      const wanted = { ...params, order: 'desc', after: positionOf(after), limit } as const
      const { events, next } = await lineEvents({ ...deps, ...logOf(deps) }, c.var, wanted)
      return reply(c, 200, await eventPage(deps, c.var.tenant, events, { list: LINE_EVENTS, next }))
    },
  })

  for (const { to, verb, id, summary, description } of moves) {
    router.add({
      method: 'post',
      path: `${path}/{id}/${verb}`,
      id,
      tag,
      summary,
      description: `${description} Only an issued invoice moves, and only once; again changes nothing.`,
      access,
      params,
      responses: { 200: { description: 'The invoice.', schema: invoiceSchema } },
      errors: ['not_found', 'state_conflict'],
      handle: async (c, { params }) =>
        reply(c, 200, invoiceJson(await moveInvoice(deps, c.var, { id: params.id, to }), deps.clock())),
    })
  }
}
