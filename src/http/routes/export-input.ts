// What may be asked of an export.

import { z } from 'zod'
import { instantOrDateSchema } from '../../kernel/instant.ts'
import { knownFields } from '../../kernel/object-schema.ts'
import { keySchema, line } from '../../kernel/text.ts'
import { exportFormats } from '../../log/export/formats.ts'
import { customerIdSchema } from '../../metering/event.ts'
import { GROUP_BY_PROPERTIES, PROPERTY_PATH_CHARS, RESOURCE_TYPE_CHARS } from '../../metering/limits.ts'
import { periodParameters } from './period-parameters.ts'

const format = z
  .enum(exportFormats)
  .meta({ 'x-name': 'ExportFormat', description: 'Parquet has types.', example: 'csv' })
const destination = z
  .enum(['download', 'bucket'])
  .meta({
    'x-name': 'ExportDestination',
    description:
      'download: the answer is the file. bucket: the file is written into the bucket, or the folder, that has the event log, and the answer says where it is.',
    example: 'download',
  })
  .default('download')
const customer_id = customerIdSchema.optional()

const usageExport = knownFields('An export of usage', {
  what: z.literal('usage'),
  format,
  destination,
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
  destination,
  filter: between('invoices').meta({ description: '`from` and `to` are of when they were issued.' }),
}).meta({ id: 'InvoiceExport' })

const creditExport = knownFields('An export of credit entries', {
  what: z.literal('credit_entries'),
  format,
  destination,
  filter: between('credit entries').meta({ description: '`from` and `to` are of when they were written.' }),
}).meta({ id: 'CreditEntryExport' })

const eventExport = knownFields('An export of events', {
  what: z.literal('events'),
  format,
  destination,
  filter: knownFields('A filter of events', {
    customer_id,
    resource_type: line(RESOURCE_TYPE_CHARS).optional().meta({ example: 'api_call' }),
    from: instantOrDateSchema('2026-10-01T00:00:00Z').optional().meta({
      description:
        'Events that happened (their own `timestamp`) at this instant or later; a date is the midnight that it begins with in your time zone.',
    }),
    to: instantOrDateSchema('2026-11-01T00:00:00Z').optional().meta({
      description: 'Events that happened before this instant.',
    }),
  }).default({}),
}).meta({ id: 'EventExport' })

export const exportSchema = z
  .discriminatedUnion('what', [eventExport, usageExport, invoiceExport, creditExport])
  .meta({ id: 'Export' })
export type Export = z.output<typeof exportSchema>
