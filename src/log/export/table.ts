// What an export consists of: its columns, each with a name and a type. One definition, which every format follows.

/** What a cell holds, by the type of its column; null in any. */
type Cells = {
  text: string
  /** a plain decimal: up to 26 digits before the point and 12 after */
  decimal: string
  integer: number
  boolean: boolean
  /** µs since 1970 */
  timestamp: bigint
  json: object
}

export type ColumnType = keyof Cells
export type Columns = Readonly<Record<string, ColumnType>>

export type Table<C extends Columns = Columns> = { name: string; columns: C }
export type Row<C extends Columns = Columns> = { readonly [Name in keyof C]: Cells[C[Name]] | null }

/** Rows as they come from a store, a page at a time. */
export type Rows<C extends Columns = Columns> = AsyncIterable<readonly Row<C>[]>

/** An instant as an export holds it. */
export const micros = (ms: number): bigint => BigInt(ms) * 1000n
