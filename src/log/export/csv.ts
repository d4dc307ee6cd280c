// CSV with a header row: RFC 4180, and no text that a spreadsheet would take for a formula. An absent value is an empty cell;
// JSON is a text.

import { type Cell, csv as csvText } from '../../kernel/csv.ts'
import { rfc3339Micros } from '../../kernel/time.ts'
import { streamOf, textChunks } from './chunks.ts'
import type { Row, Rows, Table } from './table.ts'

export function csv(table: Table, rows: Rows): ReadableStream<Uint8Array> {
  const columns = Object.entries(table.columns)
  const header = csvText([columns.map(([name]) => ({ text: name }))])
  const line = (row: Row) =>
    csvText([columns.map(([name, type]) => cell(type === 'decimal', row[name] ?? null))])
  return streamOf(textChunks(header, rows, line))
}

function cell(isDecimal: boolean, value: Row[string]): Cell {
  switch (typeof value) {
    case 'string':
      return isDecimal ? { number: value } : { text: value }
    case 'bigint':
      return { number: rfc3339Micros(value) }
    case 'object':
      return value === null ? null : { text: JSON.stringify(value) }
    default:
      return { number: String(value) }
  }
}
