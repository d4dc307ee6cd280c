// Issuing invoices, for the operator.

import { z } from 'zod'
import { type CloseReport, closeDue } from '../../billing/invoices/close-due.ts'
import { reply } from '../reply.ts'
import type { Routes } from '../router.ts'

const count = (description: string) => z.int().meta({ description, example: 0 })

const reportSchema = z
  .object({
    issued: count('Invoices that this run issued.'),
    overtaken: count('Accounts that changed meanwhile: they are done, or come next.'),
    failed: z
      .array(z.object({ customer_id: z.string(), reason: z.string() }))
      .meta({ description: 'Accounts that could not be closed. They are tried again in ten minutes.' }),
    more: z.boolean().meta({ description: 'Whether more may be due.', example: false }),
  })
  .meta({ id: 'CloseReport' })

export const closingRoutes: Routes = (router, deps) => {
  router.add({
    method: 'post',
    path: '/api/v1/invoices/issue-due',
    id: 'issueDueInvoices',
    tag: 'Operations',
    summary: 'Issue the invoices that are due',
    description: 'What the cron does by itself. Run twice, or by two at once, it issues each of them once.',
    access: 'admin',
    responses: { 200: { description: 'What it did.', schema: reportSchema } },
    handle: async (c) => reply(c, 200, closeReportJson(await closeDue(deps))),
  })
}

export const closeReportJson = (report: CloseReport): z.input<typeof reportSchema> => ({
  ...report,
  failed: report.failed.map(({ customerId, reason }) => ({ customer_id: customerId, reason })),
})
