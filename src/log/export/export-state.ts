// What is told of an export into the bucket, while it is under way and after it.

import type { ExportFilesKind } from './export-files.ts'
import type { ExportFormat } from './formats.ts'
import type { ExportKind } from './tables.ts'

export const exportStatuses = ['running', 'done', 'failed'] as const
export type ExportStatus = (typeof exportStatuses)[number]

export type ExportState = {
  what: ExportKind
  format: ExportFormat
  /** as it was sent */
  filter: object
  status: ExportStatus
  store: ExportFilesKind
  /** Where the file is; null: it is not there, or not yet. */
  key: string | null
  rows: number
  bytes: number
  /** why it failed; null: it didn't */
  reason: string | null
}

/** Of one that has long said nothing. */
export const SILENT: Pick<ExportState, 'status' | 'reason'> = {
  status: 'failed',
  reason:
    'Nothing was heard of it any more: its server ended, or the request did. There is no file. Export again, or a part of it.',
}
