// What is told of an import, while it is under way and after it.

import type { ImportCounts } from './tally.ts'

export const importModes = ['history', 'billable'] as const
export type ImportMode = (typeof importModes)[number]
export const importFormats = ['ndjson', 'csv'] as const
export type ImportFormat = (typeof importFormats)[number]
export const importStatuses = ['running', 'done', 'stopped'] as const
export type ImportStatus = (typeof importStatuses)[number]

export type ImportState = ImportCounts & {
  mode: ImportMode
  format: ImportFormat
  status: ImportStatus
  /** Of CSV: columns that are no field of an event. */
  ignoredColumns: string[]
  /** Where to go on: lines before it are done with. null: all are. */
  nextLine: number | null
  /** why it stopped; null: it didn't */
  reason: string | null
}

/** Of one that has long said nothing. */
export const SILENT: Pick<ImportState, 'status' | 'reason'> = {
  status: 'stopped',
  reason:
    'Nothing was heard of it any more: its server ended, or lost the connection. Send the file again: what is counted is known by its ids.',
}
