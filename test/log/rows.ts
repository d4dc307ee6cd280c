// Rows to export, drawn, and what a stream gives read as a whole.

import fc from 'fast-check'
import type { Columns, ColumnType, Row, Table } from '../../src/log/export/table.ts'

const text = fc.string({ unit: 'binary', maxLength: 12 }).filter((one) => one.isWellFormed())
const nasty = fc.constantFrom(
  '',
  '=1+1',
  '"',
  '""',
  ',',
  '\r\n',
  '\n',
  ' a ',
  '\ufeffx',
  'ä, "b"\r\n;=c',
  'null',
)

const digits = (max: number) => fc.bigInt({ min: 0n, max: 10n ** BigInt(max) - 1n })
export const anyDecimal = fc
  .tuple(fc.boolean(), digits(26), fc.oneof(fc.constant(0n), digits(12)))
  .map(([negative, whole, fraction]) => {
    const decimals = fraction === 0n ? '' : `.${String(fraction).padStart(12, '0').replace(/0+$/, '')}`
    return `${negative && (whole !== 0n || fraction !== 0n) ? '-' : ''}${whole}${decimals}`
  })

const cells: Record<ColumnType, fc.Arbitrary<Row[string]>> = {
  text: fc.oneof(text, nasty),
  decimal: anyDecimal,
  integer: fc.integer(),
  boolean: fc.boolean(),
  timestamp: fc.bigInt({ min: -62_135_596_800_000_000n, max: 253_402_300_799_999_999n }),
  json: fc.dictionary(
    text.filter((name) => name !== '__proto__'),
    fc.oneof(text, fc.integer(), fc.boolean(), fc.constant(null), fc.array(fc.integer(), { maxLength: 3 })),
    { maxKeys: 4, noNullPrototype: true },
  ),
}

export const anyRow = (table: Table): fc.Arbitrary<Row> =>
  fc.record(
    Object.fromEntries(
      Object.entries(table.columns).map(([name, type]) => [
        name,
        fc.option(cells[type], { freq: 4, nil: null }),
      ]),
    ),
  )

export const anyPages = (table: Table): fc.Arbitrary<Row[][]> =>
  fc.array(fc.array(anyRow(table), { maxLength: 6 }), { maxLength: 4 })

export async function* pagesOf<C extends Columns>(pages: Row<C>[][]): AsyncGenerator<Row<C>[]> {
  yield* pages
}

export async function bytesOf(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  return new Uint8Array(await new Response(stream).arrayBuffer())
}

export const textOf = async (stream: ReadableStream<Uint8Array>): Promise<string> =>
  new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(await bytesOf(stream))
