// Credit notes: made and listed by invoice, each read by itself, and as a page and lines like an invoice.

import { z } from 'zod'
import { createCreditNote } from '../../billing/credit/create-credit-note.ts'
import { creditNoteInputSchema, creditNoteJson, creditNoteSchema } from '../../billing/credit/credit-note.ts'
import { listCreditNotes, readCreditNote } from '../../billing/credit/read-credit-note.ts'
import { pageOf, pageRequest } from '../../kernel/page.ts'
import { creditNoteCsv, creditNoteCsvName } from '../credit-note-csv.ts'
import { HTML_HEADERS } from '../html.ts'
import { creditNotePage } from '../invoice-page/credit-note-page.ts'
import { reply, respond } from '../reply.ts'
import type { Routes } from '../router.ts'
import { idSchema, pageQuerySchema, pageSchema } from '../schemas.ts'

const LIST = 'credit-notes'
const tag = 'Credit'
const access = 'tenant'
const params = z.strictObject({ id: idSchema })
const ofInvoice = '/api/v1/invoices/{id}/credit-notes'
const path = '/api/v1/credit-notes/{id}'

export const creditNoteRoutes: Routes = (router, deps) => {
  router.add({
    method: 'post',
    path: ofInvoice,
    id: 'createCreditNote',
    tag,
    summary: 'Take back a part of an invoice',
    description:
      'By `amount` (with tax: it is split over net and taxes), or by `lines` (before tax: their taxes come along). Never more than is left of the invoice, and of a line no more than is left of it after its share of the coupons; credit notes that take back all of an invoice add up to it, its net, each of its taxes and its total. Of an invoice that is not paid, it reduces what is due. Of a paid one it becomes credit, or you pay it back. Send an `Idempotency-Key`: without one, a retry makes another.',
    access,
    params,
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
    path: ofInvoice,
    id: 'listCreditNotes',
    tag,
    summary: 'List an invoice’s credit notes',
    description: 'The oldest first.',
    access,
    params,
    query: pageQuerySchema,
    responses: { 200: { description: 'A page of credit notes.', schema: pageSchema(creditNoteSchema) } },
    errors: ['not_found'],
    handle: async (c, { params, query }) => {
      const page = pageRequest(LIST, query, idSchema)
      const found = await listCreditNotes(deps, c.var, { invoiceId: params.id, page })
      const { data, next_cursor } = pageOf(LIST, found, page.limit, ({ note }) => note.id)
      return reply(c, 200, { data: data.map(creditNoteJson), next_cursor })
    },
  })

  router.add({
    method: 'get',
    path,
    id: 'getCreditNote',
    tag,
    summary: 'Read a credit note',
    description:
      'With its lines, its net and its taxes. One from before there were lines is split as a note by amount is.',
    access,
    params,
    responses: { 200: { description: 'The credit note.', schema: creditNoteSchema } },
    errors: ['not_found'],
    handle: async (c, { params }) => reply(c, 200, creditNoteJson(await readCreditNote(deps, c.var, params))),
  })

  router.add({
    method: 'get',
    path: `${path}/page`,
    id: 'getCreditNotePage',
    tag,
    summary: 'A credit note as a page',
    description:
      'HTML in your name, to print, to save as PDF, or to send with the invoice that it is of. It loads nothing and has no scripts.',
    access,
    params,
    responses: { 200: { description: 'The page.', schema: z.string(), contentType: 'text/html' } },
    errors: ['not_found'],
    handle: async (c, { params }) => {
      const { tenant, requestId } = c.var
      const [note, issuer] = await Promise.all([
        readCreditNote(deps, { tenant }, params),
        deps.access.findTenant(tenant.tenantId),
      ])
      const page = creditNotePage(note, { ...issuer!, timezone: tenant.timezone })
      return respond(requestId, 200, page, 'text/html; charset=utf-8', HTML_HEADERS)
    },
  })

  router.add({
    method: 'get',
    path: `${path}/lines.csv`,
    id: 'getCreditNoteLinesCsv',
    tag,
    summary: 'A credit note’s lines as CSV',
    description:
      'What is taken back of each line of the invoice, before tax; then a line for each tax. RFC 4180 in UTF-8, with a header row. A text that a spreadsheet could take for a formula has an apostrophe before it.',
    access,
    params,
    responses: { 200: { description: 'The lines.', schema: z.string(), contentType: 'text/csv' } },
    errors: ['not_found'],
    handle: async (c, { params }) => {
      const note = await readCreditNote(deps, c.var, params)
      return respond(c.var.requestId, 200, creditNoteCsv(note), 'text/csv; charset=utf-8; header=present', {
        'content-disposition': `attachment; filename="${creditNoteCsvName(note)}"`,
      })
    },
  })
}
