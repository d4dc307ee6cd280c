// Credit: grants, the ledger of what was drawn on them, and credit notes.

import { z } from 'zod'
import {
  createCreditNote,
  creditNoteInputSchema,
  creditNoteJson,
  creditNoteSchema,
} from '../../billing/credit/credit-note.ts'
import {
  entryJson,
  entrySchema,
  grantCredit,
  grantInputSchema,
  grantJson,
  grantSchema,
  voidGrant,
} from '../../billing/credit/grant-credit.ts'
import { findInvoice } from '../../billing/invoices/read-invoice.ts'
import { pageOf, pageParameters, pageRequest } from '../../kernel/page.ts'
import { customerIdSchema } from '../../metering/event.ts'
import { reply } from '../reply.ts'
import type { Routes } from '../router.ts'
import { idSchema, pageSchema } from '../schemas.ts'

const tag = 'Credit'
const access = 'tenant'
const ofCustomer = z.strictObject({ customer_id: customerIdSchema, ...pageParameters })
const ofInvoice = z.strictObject({ id: idSchema })

export const creditRoutes: Routes = (router, deps) => {
  router.add({
    method: 'post',
    path: '/api/v1/credit-grants',
    id: 'grantCredit',
    tag,
    summary: 'Grant a customer credit',
    description:
      'Invoices draw on it when they are issued: grants with the smallest priority first, then those that expire soonest, then the oldest. Send an `Idempotency-Key`: without one, a retry grants again.',
    access,
    body: grantInputSchema,
    responses: { 201: { description: 'The grant.', schema: grantSchema } },
    errors: ['state_conflict'],
    handle: async (c, { body }) => reply(c, 201, grantJson(await grantCredit(deps, c.var, body))),
  })

  router.add({
    method: 'get',
    path: '/api/v1/credit-grants',
    id: 'listCreditGrants',
    tag,
    summary: 'List a customer’s grants',
    description: 'The newest first, with what is left of each.',
    access,
    query: ofCustomer,
    responses: { 200: { description: 'A page of grants.', schema: pageSchema(grantSchema) } },
    handle: async (c, { query }) => {
      const list = 'credit-grants'
      const page = pageRequest(list, query, idSchema)
      const found = await deps.accounts.listGrants(c.var.tenant.tenantId, query.customer_id, page)
      const { data, next_cursor } = pageOf(list, found, page.limit, ({ id }) => id)
      return reply(c, 200, { data: data.map(grantJson), next_cursor })
    },
  })

  router.add({
    method: 'post',
    path: '/api/v1/credit-grants/{id}/void',
    id: 'voidCreditGrant',
    tag,
    summary: 'Take back what is left of a grant',
    description: 'What was drawn stays drawn. Again changes nothing.',
    access,
    params: z.strictObject({ id: idSchema }),
    responses: { 200: { description: 'The grant.', schema: grantSchema } },
    errors: ['not_found'],
    handle: async (c, { params }) => reply(c, 200, grantJson(await voidGrant(deps, c.var, params))),
  })

  router.add({
    method: 'get',
    path: '/api/v1/credit-entries',
    id: 'listCreditEntries',
    tag,
    summary: 'A customer’s credit ledger',
    description:
      'Every movement, the newest first. Entries are only ever added; what a grant has left is the sum of its entries.',
    access,
    query: ofCustomer,
    responses: { 200: { description: 'A page of entries.', schema: pageSchema(entrySchema) } },
    handle: async (c, { query }) => {
      const list = 'credit-entries'
      const page = pageRequest(list, query, idSchema)
      const found = await deps.accounts.listCreditEntries(c.var.tenant.tenantId, query.customer_id, page)
      const { data, next_cursor } = pageOf(list, found, page.limit, ({ id }) => id)
      return reply(c, 200, { data: data.map(entryJson), next_cursor })
    },
  })

  router.add({
    method: 'post',
    path: '/api/v1/invoices/{id}/credit-notes',
    id: 'createCreditNote',
    tag,
    summary: 'Take back a part of an invoice',
    description:
      'Of one that is not paid, it reduces what is due. Of a paid one it becomes credit, or you pay it back. Send an `Idempotency-Key`: without one, a retry makes another.',
    access,
    params: ofInvoice,
    body: creditNoteInputSchema,
    responses: { 201: { description: 'The credit note.', schema: creditNoteSchema } },
    errors: ['not_found', 'state_conflict'],
    handle: async (c, { params, body }) =>
      reply(
        c,
        201,
        creditNoteJson(await createCreditNote(deps, c.var, { invoiceId: params.id, input: body })),
      ),
  })

  router.add({
    method: 'get',
    path: '/api/v1/invoices/{id}/credit-notes',
    id: 'listCreditNotes',
    tag,
    summary: 'List an invoice’s credit notes',
    description: 'All that took back a part of it, the oldest first.',
    access,
    params: ofInvoice,
    responses: {
      200: {
        description: 'All of them, the oldest first.',
        schema: z.object({ data: z.array(creditNoteSchema) }),
      },
    },
    errors: ['not_found'],
    handle: async (c, { params }) => {
      const { tenantId } = c.var.tenant
      await findInvoice(deps, tenantId, params.id)
      const notes = await deps.accounts.listCreditNotes(tenantId, params.id)
      return reply(c, 200, { data: notes.map(creditNoteJson) })
    },
  })
}
