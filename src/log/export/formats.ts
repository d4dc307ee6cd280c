// The formats of exports, in one table.

import { csv } from './csv.ts'
import { ndjson } from './ndjson.ts'
import { parquet } from './parquet.ts'
import type { Rows, Table } from './table.ts'

export const exportFormats = ['ndjson', 'csv', 'parquet'] as const
export type ExportFormat = (typeof exportFormats)[number]

type Format = {
  contentType: string
  /** of a file's name */
  extension: string
  /** Reads a page of rows when the reader asks for more, and keeps no more than a chunk, or a row group, of them. */
  write: (table: Table, rows: Rows) => ReadableStream<Uint8Array>
}

export const formats: Record<ExportFormat, Format> = {
  ndjson: { contentType: 'application/x-ndjson; charset=utf-8', extension: 'ndjson', write: ndjson },
  csv: { contentType: 'text/csv; charset=utf-8; header=present', extension: 'csv', write: csv },
  parquet: { contentType: 'application/vnd.apache.parquet', extension: 'parquet', write: parquet },
}
