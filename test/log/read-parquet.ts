// Parquet read by another package than the one that writes. It makes floats of decimals and Dates of microseconds, and drops a
// byte order mark: all three are read as they are stored here.

import { type FileMetaData, parquetMetadata, parquetReadObjects } from 'hyparquet'
import { rfc3339Micros } from '../../src/kernel/time.ts'

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export type ReadFile = { metadata: FileMetaData; rows: Record<string, unknown>[] }

export async function readParquet(bytes: Uint8Array): Promise<ReadFile> {
  const file = bytes.slice().buffer
  const metadata = parquetMetadata(file)
  const decimals = metadata.schema.filter(({ converted_type }) => converted_type === 'DECIMAL')
  const scales = new Map(decimals.map(({ name, scale }) => [name, scale!]))
  const plain = decimals.map(({ converted_type, logical_type, ...element }) => element)
  const schema = metadata.schema.map((one) => plain.find(({ name }) => name === one.name) ?? one)
  const rows = await parquetReadObjects({
    file,
    metadata: { ...metadata, schema },
    parsers: {
      timestampFromMicroseconds: (micros) => rfc3339Micros(micros) as unknown as Date,
      stringFromBytes: (bytes) => bytes && utf8.decode(bytes),
    },
  })
  for (const row of rows)
    for (const [name, scale] of scales)
      if (row[name] != null) row[name] = decimalOf(row[name] as Uint8Array, scale)
  return { metadata, rows: rows.map((row) => ({ ...row })) }
}

/** Two's complement, the highest byte first. */
function decimalOf(bytes: Uint8Array, scale: number): string {
  const value = BigInt.asIntN(128, BigInt(`0x${Buffer.from(bytes).toString('hex')}`))
  const digits = String(value < 0n ? -value : value).padStart(scale + 1, '0')
  const fraction = digits.slice(-scale).replace(/0+$/, '')
  return `${value < 0n ? '-' : ''}${digits.slice(0, -scale)}${fraction === '' ? '' : `.${fraction}`}`
}
