// Invoices as documents: a page for people, and lines for spreadsheets.

import { z } from 'zod'
import { readInvoice } from '../../billing/invoices/read-invoice.ts'
import { HTML_HEADERS } from '../html.ts'
import { invoiceCsv, invoiceCsvName } from '../invoice-csv.ts'
import { invoicePage } from '../invoice-page/page.ts'
import { respond } from '../reply.ts'
import type { Routes } from '../router.ts'
import { idSchema } from '../schemas.ts'

const tag = 'Invoices'
const params = z.strictObject({ id: idSchema })
const access = 'tenant'
const path = '/api/v1/invoices/{id}'

export const invoiceDocumentRoutes: Routes = (router, deps) => {
  router.add({
    method: 'get',
    path: `${path}/page`,
    id: 'getInvoicePage',
    tag,
    summary: 'An invoice as a page',
    description:
      'HTML in your name, to print, to save as PDF, or to send. It loads nothing and has no scripts. A draft says that it is one.',
    access,
    params,
    responses: { 200: { description: 'The page.', schema: z.string(), contentType: 'text/html' } },
    errors: ['not_found', 'too_many_counters'],
    handle: async (c, { params }) => {
      const { tenant, requestId } = c.var
      const [invoice, issuer] = await Promise.all([
        readInvoice(deps, { tenant }, params),
        deps.access.findTenant(tenant.tenantId),
      ])
      const page = invoicePage(invoice, { ...issuer!, timezone: tenant.timezone }, deps.clock())
      return respond(requestId, 200, page, 'text/html; charset=utf-8', HTML_HEADERS)
    },
  })

  router.add({
    method: 'get',
    path: `${path}/lines.csv`,
    id: 'getInvoiceLinesCsv',
    tag,
    summary: 'An invoice’s lines as CSV',
    description:
      'RFC 4180 in UTF-8, with a header row. A text that a spreadsheet could take for a formula has an apostrophe before it.',
    access,
    params,
    responses: { 200: { description: 'The lines.', schema: z.string(), contentType: 'text/csv' } },
    errors: ['not_found', 'too_many_counters'],
    handle: async (c, { params }) => {
      const invoice = await readInvoice(deps, c.var, params)
      return respond(c.var.requestId, 200, invoiceCsv(invoice), 'text/csv; charset=utf-8; header=present', {
        'content-disposition': `attachment; filename="${invoiceCsvName(invoice)}"`,
      })
    },
  })
}
