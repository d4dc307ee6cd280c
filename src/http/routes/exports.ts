// What Tollgate knows, as files.

import { z } from 'zod'
import { creditRows } from '../../billing/export/credit-rows.ts'
import { invoiceRows } from '../../billing/export/invoice-rows.ts'
import { periodOf } from '../../billing/period.ts'
import { type Issue, TollgateError } from '../../kernel/errors.ts'
import { instantInZoneMs, instantOrDateSchema } from '../../kernel/instant.ts'
import { knownFields } from '../../kernel/object-schema.ts'
import { keySchema } from '../../kernel/text.ts'
import { begun } from '../../log/export/chunks.ts'
import { exportFormats, formats } from '../../log/export/formats.ts'
import type { Row, Table } from '../../log/export/table.ts'
import { tables } from '../../log/export/tables.ts'
import { usageRows } from '../../log/export/usage-rows.ts'
import { customerIdSchema } from '../../metering/event.ts'
import { GROUP_BY_PROPERTIES, PROPERTY_PATH_CHARS } from '../../metering/limits.ts'
import { boundariesOf } from '../../metering/windows.ts'
import type { Deps, Env } from '../env.ts'
import { answerHeaders } from '../reply.ts'
import type { Routes } from '../router.ts'
import { periodParameters } from './period-parameters.ts'

const format = z
  .enum(exportFormats)
  .meta({ 'x-name': 'ExportFormat', description: 'Parquet has types.', example: 'csv' })
const customer_id = customerIdSchema.optional()

const usageExport = knownFields('An export of usage', {
  what: z.literal('usage'),
  format,
  filter: knownFields('A filter of usage', {
    ...periodParameters,
    customer_id,
    meter: keySchema.optional().meta({ description: 'A meter’s key; all meters if absent.' }),
    window: z
      .enum(['hour', 'day', 'month'])
      .meta({ 'x-name': 'Window' })
      .optional()
      .meta({ description: 'Cuts the period; one window if absent.', example: 'day' }),
    group_by: z
      .array(z.string().max(PROPERTY_PATH_CHARS))
      .max(GROUP_BY_PROPERTIES)
      .optional()
      .meta({
        description: 'Properties of the meter’s group_by to keep apart. Needs `meter`.',
        example: ['model'],
      }),
  })
    .refine((filter) => filter.group_by === undefined || filter.meter !== undefined, {
      path: ['meter'],
      message: 'is required with group_by',
    })
    .default({}),
}).meta({ id: 'UsageExport' })

const between = (what: string) =>
  knownFields(`A filter of ${what}`, {
    customer_id,
    from: instantOrDateSchema('2026-10-01T00:00:00Z').optional().meta({
      description: 'From this instant on; a date is the midnight that it begins with in your time zone.',
    }),
    to: instantOrDateSchema('2026-11-01T00:00:00Z').optional().meta({ description: 'Before this instant.' }),
  }).default({})

const invoiceExport = knownFields('An export of invoices', {
  what: z.literal('invoices'),
  format,
  filter: between('invoices').meta({ description: '`from` and `to` are of when they were issued.' }),
}).meta({ id: 'InvoiceExport' })

const creditExport = knownFields('An export of credit entries', {
  what: z.literal('credit_entries'),
  format,
  filter: between('credit entries').meta({ description: '`from` and `to` are of when they were written.' }),
}).meta({ id: 'CreditEntryExport' })

const exportSchema = z
  .discriminatedUnion('what', [usageExport, invoiceExport, creditExport])
  .meta({ id: 'Export' })
type Export = z.output<typeof exportSchema>

export const exportRoutes: Routes = (router, deps) => {
  router.add({
    method: 'post',
    path: '/api/v1/exports',
    id: 'export',
    tag: 'Exports',
    summary: 'Export usage, invoices or the credit ledger',
    description: `The answer is the file, as a stream: NDJSON, CSV or Parquet, of any length. \`usage\` is a row for each customer, meter, window and group, each customer exact at the instant when it is read; \`invoices\` a row for each line of each issued invoice; \`credit_entries\` a row for each movement.

An answer that breaks off has no proper end, which every HTTP client reports.`,
    access: 'tenant',
    onlyReads: true,
    body: exportSchema,
    responses: {
      200: {
        description: 'The file.',
        schema: z.string(),
        contentType: exportFormats.map((name) => formats[name].contentType.split(';')[0]!),
      },
    },
    errors: ['not_found', 'too_many_counters'],
    handle: async (c, { body }) => {
      const { contentType, extension, write } = formats[body.format]
      const pages = await inFilter(() => begun<Row[]>(rowsOf(deps, c.var, body)))
      return new Response(write(tables[body.what] as Table, pages), {
        headers: {
          ...answerHeaders(c.var.requestId, contentType),
          'content-disposition': `attachment; filename="${body.what}.${extension}"`,
        },
      })
    },
  })
}

function rowsOf(
  deps: Deps,
  { tenant }: Pick<Env['Variables'], 'tenant'>,
  asked: Export,
): AsyncGenerator<Row[]> {
  if (asked.what === 'usage') {
    const { customer_id: customerId, meter = null, window, group_by: groupBy = [] } = asked.filter
    const { startMs, endMs } = periodOf(asked.filter, tenant.timezone, deps.clock())
    const boundariesMs = boundariesOf(tenant.timezone, startMs, endMs, window)
    return usageRows(deps, tenant, { customerId, meter, boundariesMs, groupBy })
  }
  const { customer_id: customerId, from, to } = asked.filter
  const instant = (sent: string | undefined) =>
    sent === undefined ? undefined : instantInZoneMs(tenant.timezone, sent)
  const filter = { customerId, fromMs: instant(from), toMs: instant(to) }
  return asked.what === 'invoices'
    ? invoiceRows(deps, tenant.tenantId, filter)
    : creditRows(deps, tenant.tenantId, filter)
}

/** What is a parameter's name elsewhere is a place in the body here. */
async function inFilter<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (error) {
    if (!(error instanceof TollgateError) || error.issues.length === 0) throw error
    const issues = error.issues.map(
      ({ pointer, detail }): Issue => ({ pointer: `#/filter/${pointer}`, detail }),
    )
    throw new TollgateError(error.code, error.detail, { issues })
  }
}
