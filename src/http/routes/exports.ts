// What Tollgate knows, as files.

import { z } from 'zod'
import { creditRows } from '../../billing/export/credit-rows.ts'
import { invoiceRows } from '../../billing/export/invoice-rows.ts'
import { periodOf } from '../../billing/period.ts'
import { type Issue, TollgateError } from '../../kernel/errors.ts'
import { instantInZoneMs } from '../../kernel/instant.ts'
import { pageOf, pageParameters, pageRequest } from '../../kernel/page.ts'
import { begun } from '../../log/export/chunks.ts'
import { eventRows } from '../../log/export/event-rows.ts'
import type { ExportState } from '../../log/export/export-state.ts'
import { bucketOf, exportToBucket } from '../../log/export/export-to-bucket.ts'
import { exportFormats, formats } from '../../log/export/formats.ts'
import type { Row, Table } from '../../log/export/table.ts'
import { tables } from '../../log/export/tables.ts'
import { usageRows } from '../../log/export/usage-rows.ts'
import { boundariesOf } from '../../metering/windows.ts'
import type { Deps, Env } from '../env.ts'
import { answerHeaders, reply } from '../reply.ts'
import type { Routes } from '../router.ts'
import { pageSchema } from '../schemas.ts'
import { logOf } from './event-json.ts'
import { eventFilterOf } from './event-parameters.ts'
import { type Export, exportSchema } from './export-input.ts'
import { exportedSchema, exportJson } from './export-json.ts'

const PATH = '/api/v1/exports'
const LIST = 'exports'
const tag = 'Exports'
const access = 'tenant'

export const exportRoutes: Routes = (router, deps) => {
  router.add({
    method: 'post',
    path: PATH,
    id: 'export',
    tag,
    summary: 'Export events, usage, invoices or the credit ledger',
    description: `The answer is the file, as a stream: NDJSON, CSV or Parquet, of any length. \`events\` is a row for each event that was accepted before it began, in the order of arrival; \`usage\` a row for each customer, meter, window and group, each customer exact at the instant when it is read; \`invoices\` a row for each line of each issued invoice; \`credit_entries\` a row for each movement.

An answer that breaks off has no proper end, which every HTTP client reports.

With \`destination: "bucket"\` the same file is written into the bucket, or the folder, that has the event log, and the answer comes when it is there: as a whole, or not at all. \`GET ${PATH}\` tells meanwhile how far it is.`,
    access,
    onlyReads: true,
    body: exportSchema,
    responses: {
      200: {
        description: 'The file.',
        schema: z.string(),
        contentType: exportFormats.map((name) => formats[name].contentType.split(';')[0]!),
      },
      201: { description: 'The file is in the bucket.', schema: exportedSchema },
    },
    errors: ['not_found', 'too_many_counters', 'hours_gone', 'quantity_out_of_range'],
    handle: async (c, { body, sent }) => {
      const { contentType, extension, write } = formats[body.format]
      const files = body.destination === 'bucket' ? bucketOf(deps) : null
      const pages = await inFilter(() => begun<Row[]>(rowsOf(deps, c.var, body)))
      if (files !== null) {
        const { what, format } = body
        const { filter = {} } = sent as { filter?: object }
        const asked = { id: c.get('newId')(), what, format, filter, pages }
        const createdMs = deps.clock()
        const state = await exportToBucket(deps, files, c.var.tenant.tenantId, asked)
        const updatedMs = deps.clock()
        return reply(c, 201, exportJson({ id: asked.id, state, createdMs, updatedMs }, updatedMs))
      }
      return new Response(write(tables[body.what] as Table, pages), {
        headers: {
          ...answerHeaders(c.var.requestId, contentType),
          'content-disposition': `attachment; filename="${body.what}.${extension}"`,
        },
      })
    },
  })

  router.add({
    method: 'get',
    path: PATH,
    id: 'listExports',
    tag,
    summary: 'List exports into the bucket',
    description: 'Newest first, those under way too. Downloads are not among them.',
    access,
    query: z.strictObject(pageParameters),
    responses: { 200: { description: 'A page of exports.', schema: pageSchema(exportedSchema) } },
    handle: async (c, { query }) => {
      const page = pageRequest(LIST, query, z.uuid())
      const { tenantId } = c.var.tenant
      const found = await deps.transfers.listTransfers<ExportState>(tenantId, 'export', page)
      const { data, next_cursor } = pageOf(LIST, found, page.limit, ({ id }) => id)
      return reply(c, 200, { data: data.map((one) => exportJson(one, deps.clock())), next_cursor })
    },
  })

  router.add({
    method: 'get',
    path: `${PATH}/{id}`,
    id: 'getExport',
    tag,
    summary: 'Read an export into the bucket: is it there?',
    description:
      'Where its file is, or why there is none. One that has said nothing for two minutes is `failed`: its server ended, or the request did.',
    access,
    params: z.strictObject({
      id: z.uuid().meta({ description: 'The export’s id.', example: '0b9f6a0e-4c1d-4f7e-9d55-0d8f3a0a8f11' }),
    }),
    responses: { 200: { description: 'The export.', schema: exportedSchema } },
    errors: ['not_found'],
    handle: async (c, { params: { id } }) => {
      const found = await deps.transfers.findTransfer<ExportState>(c.var.tenant.tenantId, 'export', id)
      if (found === null)
        throw new TollgateError('not_found', `There is no export ${id}. GET ${PATH} lists yours.`)
      return reply(c, 200, exportJson(found, deps.clock()))
    },
  })
}

function rowsOf(
  deps: Deps,
  { tenant }: Pick<Env['Variables'], 'tenant'>,
  asked: Export,
): AsyncGenerator<Row[]> {
  if (asked.what === 'events') {
    const filter = eventFilterOf(asked.filter, tenant.timezone)
    return eventRows({ ...deps, ...logOf(deps) }, tenant, filter)
  }
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
