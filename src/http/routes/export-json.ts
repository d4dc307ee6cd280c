// An export into the bucket, as the API has it.

import { z } from 'zod'
import { rfc3339 } from '../../kernel/time.ts'
import { type ExportState, exportStatuses, SILENT } from '../../log/export/export-state.ts'
import { exportFormats } from '../../log/export/formats.ts'
import { exportKinds } from '../../log/export/tables.ts'
import { standing, TRANSFER_DAYS, type Transfer } from '../../log/transfer.ts'

export const exportedSchema = z
  .object({
    id: z.uuid().meta({ description: `It can be asked for with it for ${TRANSFER_DAYS} days.` }),
    what: z.enum(exportKinds).meta({ 'x-name': 'ExportKind', example: 'events' }),
    format: z.enum(exportFormats).meta({ 'x-name': 'ExportFormat', example: 'parquet' }),
    filter: z.record(z.string(), z.unknown()).meta({ description: 'As it was sent.', example: {} }),
    status: z.enum(exportStatuses).meta({
      'x-name': 'ExportStatus',
      description: '`failed`: there is no file; `reason` says why.',
      example: 'done',
    }),
    store: z.enum(['r2', 's3', 'folder']).meta({ 'x-name': 'ExportStore', example: 'r2' }),
    key: z.string().nullable().meta({
      description:
        'Where the file is: the object’s key in the bucket, or the path in the folder. null: there is none, or not yet.',
      example: 'exports/3f0e…/2026-11-22/0b9f6a0e-4c1d-4f7e-9d55-0d8f3a0a8f11.parquet',
    }),
    rows: z.int().meta({ description: 'Rows that are written.', example: 1_000_000 }),
    bytes: z.int().meta({ description: 'Bytes of the file.', example: 48_312_090 }),
    reason: z.string().nullable().meta({ description: 'Why it failed.', example: null }),
    created_at: z.iso.datetime().meta({ example: '2026-11-22T10:00:00.000Z' }),
    updated_at: z.iso
      .datetime()
      .meta({ description: 'When it last said how far it is.', example: '2026-11-22T10:03:20.000Z' }),
  })
  .meta({ id: 'BucketExport' })

export function exportJson(transfer: Transfer<ExportState>, nowMs: number): z.output<typeof exportedSchema> {
  const { id, state, createdMs, updatedMs } = transfer
  const { what, format, filter, store, key, rows, bytes } = state
  return {
    ...{ id, what, format, filter: filter as Record<string, unknown>, store, key, rows, bytes },
    ...standing(transfer, nowMs, SILENT),
    created_at: rfc3339(createdMs),
    updated_at: rfc3339(updatedMs),
  }
}
