// An import, as the API has it.

import { z } from 'zod'
import { rfc3339 } from '../../kernel/time.ts'
import {
  type ImportState,
  importFormats,
  importModes,
  importStatuses,
  SILENT,
} from '../../log/import/import-state.ts'
import { ERRORS_NAMED } from '../../log/import/limits.ts'
import { standing, TRANSFER_DAYS, type Transfer } from '../../log/transfer.ts'

const count = (description: string, example: number) => z.int().meta({ description, example })

const fields = {
  id: z.uuid().meta({ description: `It can be asked for with it for ${TRANSFER_DAYS} days.` }),
  mode: z.enum(importModes).meta({ 'x-name': 'ImportMode', example: 'billable' }),
  format: z.enum(importFormats).meta({ 'x-name': 'ImportFormat', example: 'ndjson' }),
  status: z.enum(importStatuses).meta({
    'x-name': 'ImportStatus',
    description: '`stopped`: before its end; `reason` says why, and what to do.',
    example: 'done',
  }),
  lines: count('Lines that are done with; empty ones, and the header of CSV, aside.', 1_000),
  accepted: count('Events that are counted by this import.', 997),
  duplicates: count('Events that were there before, with the same content.', 1),
  conflicts: count('Events whose id was there before, with other content. They are not counted.', 1),
  invalid: count('Lines that are no event, or one that can’t be counted.', 1),
  next_line: z.int().nullable().meta({
    description: 'Of one that is not done: lines before it are done with. Send it as `from_line`.',
    example: null,
  }),
  reason: z.string().nullable().meta({ description: 'Why it stopped.', example: null }),
  ignored_columns: z
    .array(z.string())
    .meta({ description: 'Of CSV: columns that are no field of an event.', example: ['note'] }),
  created_at: z.iso.datetime().meta({ example: '2026-11-22T10:00:00.000Z' }),
  updated_at: z.iso
    .datetime()
    .meta({ description: 'When it last said how far it is.', example: '2026-11-22T10:03:20.000Z' }),
}

const errors = z
  .array(
    z.object({
      line: z.int().meta({ description: 'Where it begins, from 1.', example: 17 }),
      pointer: z.string().optional().meta({ description: 'Where in the event.', example: '#/quantity' }),
      detail: z.string().meta({ example: 'must be a decimal, as a string or a number, such as "12.5"' }),
    }),
  )
  .meta({
    description: `What is wrong, line by line: the first ${ERRORS_NAMED}. Other lines are not held up by it.`,
  })

export const importSummarySchema = z.object(fields).meta({ id: 'ImportSummary' })
export const importSchema = z
  .object({ ...fields, errors, more_errors: count('Errors beyond those.', 0) })
  .meta({ id: 'Import' })

export function importSummary(
  transfer: Transfer<ImportState>,
  nowMs: number,
): z.output<typeof importSummarySchema> {
  const { id, state, createdMs, updatedMs } = transfer
  return {
    id,
    mode: state.mode,
    format: state.format,
    ...standing(transfer, nowMs, SILENT),
    lines: state.lines,
    accepted: state.accepted,
    duplicates: state.duplicates,
    conflicts: state.conflicts,
    invalid: state.invalid,
    next_line: state.nextLine,
    ignored_columns: state.ignoredColumns,
    created_at: rfc3339(createdMs),
    updated_at: rfc3339(updatedMs),
  }
}

export const importJson = (
  transfer: Transfer<ImportState>,
  nowMs: number,
): z.output<typeof importSchema> => ({
  ...importSummary(transfer, nowMs),
  errors: transfer.state.errors,
  more_errors: transfer.state.moreErrors,
})
