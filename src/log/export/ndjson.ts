// NDJSON: a row is a JSON object on a line of its own, its values as the API has them. Decimals are strings.

import { rfc3339Micros } from '../../kernel/time.ts'
import { streamOf, textChunks } from './chunks.ts'
import type { ColumnType, Row, Rows, Table } from './table.ts'

export function ndjson(table: Table, rows: Rows): ReadableStream<Uint8Array> {
  const columns = Object.entries(table.columns)
  return streamOf(textChunks('', rows, (row) => line(columns, row)))
}

const line = (columns: [name: string, type: ColumnType][], row: Row): string => {
  const object: Record<string, unknown> = {}
  for (const [name] of columns) {
    const value = row[name]!
    object[name] = typeof value === 'bigint' ? rfc3339Micros(value) : value
  }
  return `${JSON.stringify(object)}\n`
}
