// Parquet: typed columns, compressed (Snappy), a row group at a time. Decimals are DECIMAL(38, 12), which holds every quantity
// (24 digits before the point, 12 after) and any amount that is not beyond reason; timestamps are microseconds in UTC.

import { ByteWriter, ParquetWriter } from 'hyparquet-writer'
import { TollgateError } from '../../kernel/errors.ts'
import { streamOf } from './chunks.ts'
import { DECIMAL_PRECISION, DECIMAL_SCALE, ROW_GROUP_CHARS, ROW_GROUP_ROWS } from './limits.ts'
import type { ColumnType, Rows, Table } from './table.ts'

type SchemaElement = ConstructorParameters<typeof ParquetWriter>[0]['schema'][number]

export const parquet = (table: Table, rows: Rows): ReadableStream<Uint8Array> =>
  streamOf(rowGroups(table, rows))

async function* rowGroups(table: Table, pages: Rows): AsyncGenerator<Uint8Array> {
  const columns = Object.entries(table.columns).map(([name, type]) => ({ name, type, data: [] as unknown[] }))
  const schema = [{ name: table.name, num_children: columns.length }, ...columns.map(element)]
  const writer = new ByteWriter()
  const file = new ParquetWriter({ writer, schema, createdBy: 'tollgate' })
  let [rows, chars] = [0, 0]

  /** The bytes since the last time. The writer goes on from there: offsets in the file count from its beginning. */
  const taken = (): Uint8Array => {
    const bytes = writer.getBytes().slice()
    writer.index = 0
    return bytes
  }
  const rowGroup = (): Uint8Array => {
    file.write({
      // The least and the greatest JSON text say nothing, and stand in the footer whole.
      columnData: columns.map(({ name, type, data }) => ({ name, data, statistics: type !== 'json' })),
      rowGroupSize: rows,
    })
    for (const column of columns) column.data = []
    rows = chars = 0
    return taken()
  }

  for await (const page of pages) {
    for (const row of page) {
      for (const { name, type, data } of columns) {
        const value = row[name] ?? null
        if (type === 'json' && value !== null) chars += JSON.stringify(value).length
        else if (typeof value === 'string') chars += value.length
        data.push(type === 'decimal' && value !== null ? unscaled(name, value as string) : value)
      }
      if (++rows >= ROW_GROUP_ROWS || chars >= ROW_GROUP_CHARS) yield rowGroup()
    }
  }
  if (rows > 0) yield rowGroup()
  file.finish()
  yield taken()
}

const element = ({ name, type }: { name: string; type: ColumnType }): SchemaElement => ({
  name,
  repetition_type: 'OPTIONAL',
  ...physical[type],
})

/** As the format has it today, and as readers from before 2018 know it. */
const physical: Record<ColumnType, Omit<SchemaElement, 'name'>> = {
  text: { type: 'BYTE_ARRAY', converted_type: 'UTF8', logical_type: { type: 'STRING' } },
  decimal: {
    type: 'FIXED_LEN_BYTE_ARRAY',
    type_length: 16,
    converted_type: 'DECIMAL',
    precision: DECIMAL_PRECISION,
    scale: DECIMAL_SCALE,
    logical_type: { type: 'DECIMAL', precision: DECIMAL_PRECISION, scale: DECIMAL_SCALE },
  },
  integer: { type: 'INT32' },
  boolean: { type: 'BOOLEAN' },
  timestamp: {
    type: 'INT64',
    converted_type: 'TIMESTAMP_MICROS',
    logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MICROS' },
  },
  json: { type: 'BYTE_ARRAY', converted_type: 'JSON', logical_type: { type: 'JSON' } },
}

/** "-12.5" → -12500000000000n. A value that doesn't fit ends the export: in a file that is read it would be another. */
export function unscaled(column: string, decimal: string): bigint {
  const [, sign, whole, fraction = ''] = /^(-?)0*(\d+?)(?:\.(\d+?)0*)?$/.exec(decimal) ?? []
  if (
    whole === undefined ||
    fraction.length > DECIMAL_SCALE ||
    whole.length > DECIMAL_PRECISION - DECIMAL_SCALE
  ) {
    throw new TollgateError(
      'quantity_out_of_range',
      `${column} ${decimal.slice(0, 80)} has more digits than Parquet’s DECIMAL(${DECIMAL_PRECISION}, ${DECIMAL_SCALE}). Export as CSV or NDJSON, which have no such bound.`,
    )
  }
  return BigInt(`${sign}${whole}${fraction.padEnd(DECIMAL_SCALE, '0')}`)
}
