// Events out of a file, and how far an import is.

import { z } from 'zod'
import { TollgateError } from '../../kernel/errors.ts'
import { pageOf, pageParameters, pageRequest } from '../../kernel/page.ts'
import { bounded } from '../../log/import/bounded.ts'
import { csvParameters } from '../../log/import/columns.ts'
import { importEvents } from '../../log/import/import-events.ts'
import { type ImportState, importModes } from '../../log/import/import-state.ts'
import { readCsv } from '../../log/import/read-csv.ts'
import { readNdjson } from '../../log/import/read-ndjson.ts'
import { drain } from '../drain.ts'
import { reply } from '../reply.ts'
import type { Routes } from '../router.ts'
import { pageSchema } from '../schemas.ts'
import { streamedBody } from '../streamed-body.ts'
import { importJson, importSchema, importSummary, importSummarySchema } from './import-json.ts'

const PATH = '/api/v1/imports'
const LIST = 'imports'
const NDJSON = 'application/x-ndjson'
const CSV = 'text/csv'
const LINE_MAX = 1_000_000_000_000

const tag = 'Imports'
const access = 'tenant'

const query = z.strictObject({
  mode: z.enum(importModes).meta({
    'x-name': 'ImportMode',
    description:
      '`history`: usage of the past, up to ten years old: it counts in usage and in what plans would have cost, and no bill or invoice has it. `billable`: usage that is to be paid, as if it had been sent late: it counts in its own hour, and what is invoiced already gets it as an adjustment.',
    example: 'billable',
  }),
  from_line: z
    .string()
    .refine(
      (text) => /^[1-9]\d{0,12}$/.test(text) && Number(text) <= LINE_MAX,
      'must be the number of a line, from 1',
    )
    .transform(Number)
    .default(1)
    .meta({
      type: 'integer',
      minimum: 1,
      maximum: LINE_MAX,
      description: 'Leaves out the lines before: `next_line` of an import that stopped.',
      example: 1,
    }),
  ...csvParameters,
})

const idOf = z.strictObject({ id: z.uuid().meta({ description: 'The import’s id.' }) })

export const importRoutes: Routes = (router, deps) => {
  router.add({
    method: 'post',
    path: PATH,
    id: 'importEvents',
    tag,
    summary: 'Import events from NDJSON or CSV',
    description: `An event on each line, as \`POST /api/v1/usage\` takes it, with an \`id\` and a \`timestamp\`; of CSV, the first line names the columns. The body is read as it comes and may have millions of lines; \`Content-Encoding: gzip\` is taken.

Each event is counted once by its id, however often the file is sent, days later too: so after anything that went wrong, send it again. A line that is wrong is named, and holds up no other. While it is under way, \`GET ${PATH}\` tells how far it is.`,
    access,
    query,
    streamedBody: {
      [NDJSON]: z.string().meta({ description: 'Events as JSON, one on each line.' }),
      [CSV]: z.string().meta({ description: 'A line that names the columns, and then a line an event.' }),
    },
    responses: {
      200: {
        description: 'What became of it: `done`, or `stopped` at the bound of lines.',
        schema: importSchema,
      },
    },
    errors: ['backlog_full', 'log_backlog_full', 'memory_full'],
    handle: async (c, { query: asked, mediaType }) => {
      const { mode, from_line: fromLine, ...csv } = asked
      const isCsv = mediaType === CSV
      if (!isCsv) refuseCsvParameters(c.req.query())
      const chunks = bounded(streamedBody(c))
      const { ignored, lines } = isCsv
        ? await readCsv(chunks, csv)
        : { ignored: [], lines: readNdjson(chunks) }
      const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))
      const id = c.get('newId')()
      const startMs = deps.clock()
      const state = await importEvents({ ...deps, pause }, c.get('tenant'), {
        ...{ id, mode, fromLine, lines },
        format: isCsv ? 'csv' : 'ndjson',
        ignoredColumns: ignored,
      })
      // Of one that stopped, something may be left.
      await drain(c)
      const nowMs = deps.clock()
      return reply(c, 200, importJson({ id, state, createdMs: startMs, updatedMs: nowMs }, nowMs))
    },
  })

  router.add({
    method: 'get',
    path: PATH,
    id: 'listImports',
    tag,
    summary: 'List imports',
    description: 'Newest first, those under way too. Read one for its errors.',
    access,
    query: z.strictObject(pageParameters),
    responses: { 200: { description: 'A page of imports.', schema: pageSchema(importSummarySchema) } },
    handle: async (c, { query: asked }) => {
      const page = pageRequest(LIST, asked, z.uuid())
      const found = await deps.transfers.listTransfers<ImportState>(c.get('tenant').tenantId, 'import', page)
      const { data, next_cursor } = pageOf(LIST, found, page.limit, ({ id }) => id)
      return reply(c, 200, { data: data.map((one) => importSummary(one, deps.clock())), next_cursor })
    },
  })

  router.add({
    method: 'get',
    path: `${PATH}/{id}`,
    id: 'getImport',
    tag,
    summary: 'Read an import: how far is it?',
    description:
      'With its errors, line by line. One that has said nothing for two minutes is `stopped`: its server ended, or lost the connection.',
    access,
    params: idOf,
    responses: { 200: { description: 'The import.', schema: importSchema } },
    errors: ['not_found'],
    handle: async (c, { params: { id } }) => {
      const found = await deps.transfers.findTransfer<ImportState>(c.get('tenant').tenantId, 'import', id)
      if (found === null)
        throw new TollgateError('not_found', `There is no import ${id}. GET ${PATH} lists yours.`)
      return reply(c, 200, importJson(found, deps.clock()))
    },
  })
}

function refuseCsvParameters(sent: Record<string, string>): void {
  const issues = Object.keys(csvParameters)
    .filter((name) => name in sent)
    .map((pointer) => ({ pointer, detail: `is for CSV: NDJSON has the fields of an event by their names` }))
  if (issues.length > 0)
    throw new TollgateError(
      'validation_failed',
      `The query has a mistake: ${issues[0]!.pointer} ${issues[0]!.detail}.`,
      {
        issues,
      },
    )
}
