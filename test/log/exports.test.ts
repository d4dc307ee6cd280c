import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { defused } from '../../src/kernel/csv.ts'
import { rfc3339Micros } from '../../src/kernel/time.ts'
import { exportFormats, formats } from '../../src/log/export/formats.ts'
import { ROW_GROUP_ROWS } from '../../src/log/export/limits.ts'
import { unscaled } from '../../src/log/export/parquet.ts'
import type { Row, Table } from '../../src/log/export/table.ts'
import { tables } from '../../src/log/export/tables.ts'
import { parseCsv } from '../invoice-page/parse-csv.ts'
import { manyEvents } from './many-events.ts'
import { readParquet } from './read-parquet.ts'
import { anyDecimal, anyPages, bytesOf, pagesOf, textOf } from './rows.ts'

const everyTable = Object.values(tables) as Table[]
const { ndjson, csv, parquet } = formats

/** A value as NDJSON has it. */
const shown = (value: Row[string] | undefined): unknown =>
  typeof value === 'bigint' ? rfc3339Micros(value) : value
const shownRow = (row: Row): Record<string, unknown> =>
  Object.fromEntries(Object.entries(row).map(([name, value]) => [name, shown(value)]))

const forAnyPages = (table: Table, check: (pages: Row[][]) => Promise<void>, numRuns = 60) =>
  fc.assert(fc.asyncProperty(anyPages(table), check), { numRuns })

describe.each(everyTable)('what is exported of $name is read back', (table) => {
  it('from NDJSON, all of it', () =>
    forAnyPages(table, async (pages) => {
      const text = await textOf(ndjson.write(table, pagesOf(pages)))
      const lines = text.split('\n')
      expect(lines.pop()).toBe('')
      expect(lines.map((line) => JSON.parse(line))).toEqual(pages.flat().map(shownRow))
    }))

  it('from CSV, all but what would be a formula', () =>
    forAnyPages(table, async (pages) => {
      const [names, ...rows] = parseCsv(await textOf(csv.write(table, pagesOf(pages))))
      expect(names).toEqual(Object.keys(table.columns))
      const cells = Object.entries(table.columns).map(([name, type]) => ({ name, type }))
      expect(rows).toEqual(
        pages.flat().map((row) =>
          cells.map(({ name, type }) => {
            const value = shown(row[name])
            if (value === null) return ''
            if (type === 'json') return defused(JSON.stringify(value))
            return type === 'text' ? defused(String(value)) : String(value)
          }),
        ),
      )
    }))

  it('from Parquet, all of it', () =>
    forAnyPages(table, async (pages) => {
      const { rows, metadata } = await readParquet(await bytesOf(parquet.write(table, pagesOf(pages))))
      expect(rows).toEqual(pages.flat().map(shownRow))
      expect(metadata.schema.slice(1).map(({ name }) => name)).toEqual(Object.keys(table.columns))
    }))
})

describe('a Parquet file', () => {
  it('says of each column what it is', async () => {
    const { metadata } = await readParquet(await bytesOf(parquet.write(tables.events as Table, pagesOf([]))))
    const typeOf = (column: string) => metadata.schema.find(({ name }) => name === column)
    expect(typeOf('id')).toMatchObject({ type: 'BYTE_ARRAY', logical_type: { type: 'STRING' } })
    expect(typeOf('quantity')).toMatchObject({
      type: 'FIXED_LEN_BYTE_ARRAY',
      type_length: 16,
      logical_type: { type: 'DECIMAL', precision: 38, scale: 12 },
    })
    expect(typeOf('timestamp')).toMatchObject({
      type: 'INT64',
      logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MICROS' },
    })
    expect(typeOf('properties')).toMatchObject({ logical_type: { type: 'JSON' } })
    expect(metadata.num_rows).toBe(0n)
  })

  it('has row groups of bounded size, by rows and by text', async () => {
    const { pages } = manyEvents(2 * ROW_GROUP_ROWS + 5, 1_000)
    const many = await readParquet(await bytesOf(parquet.write(tables.events as Table, pages)))
    expect(many.metadata.row_groups.map(({ num_rows }) => Number(num_rows))).toEqual([20_000, 20_000, 5])

    const long = { ...many.rows[0], timestamp: 0n, received_at: 0n, resource_type: 'x'.repeat(3_000_000) }
    const wide = parquet.write(tables.events as Table, pagesOf([Array(7).fill(long)]))
    const { metadata } = await readParquet(await bytesOf(wide))
    expect(metadata.row_groups.map(({ num_rows }) => Number(num_rows))).toEqual([3, 3, 1])
  })

  it('holds every decimal exactly', () => {
    fc.assert(
      fc.property(anyDecimal, (text) => {
        const [whole, fraction = ''] = text.split('.')
        expect(unscaled('quantity', text)).toBe(BigInt(`${whole}${fraction.padEnd(12, '0')}`))
      }),
    )
  })

  it.each<[string, bigint]>([
    ['-0.5', -500_000_000_000n],
    ['12.50', 12_500_000_000_000n],
    ['007', 7_000_000_000_000n],
    ['1.0000000000000000', 1_000_000_000_000n],
  ])('takes %s', (text, value) => {
    expect(unscaled('amount', text)).toBe(value)
  })

  it.each(['0.0000000000001', '1'.repeat(27), '1e3', 'NaN'])(
    'with %s in it is broken off, rather than rounded',
    async (amount) => {
      const row = { amount } as Row
      const stream = parquet.write({ name: 'x', columns: { amount: 'decimal' } }, pagesOf([[row]]))
      await expect(bytesOf(stream)).rejects.toThrow(
        /amount .* has more digits than Parquet’s DECIMAL\(38, 12\)/,
      )
    },
  )
})

describe.each(exportFormats)('a stream of %s', (name) => {
  const write = (total: number, perPage: number) => {
    const { state, pages } = manyEvents(total, perPage)
    return { state, reader: formats[name].write(tables.events as Table, pages).getReader() }
  }
  /** Rows that may be read ahead of what was taken: a row group, or a chunk of text, and the page that ends it. */
  const ahead = (name === 'parquet' ? ROW_GROUP_ROWS : 500) + 100

  it('asks for no rows before it is read', async () => {
    const { state } = write(1_000, 100)
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(state.made).toBe(0)
  })

  it('reads no further ahead than its bound, and makes chunks of bounded size', async () => {
    const total = 60_000
    const { state, reader } = write(total, 100)
    let [largest, most, before] = [0, 0, 0]
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      largest = Math.max(largest, next.value.length)
      most = Math.max(most, state.made - before)
      before = state.made
      // Time for it to read on, if it would.
      await new Promise((resolve) => setImmediate(resolve))
      expect(state.made).toBe(before)
    }
    expect(state.made).toBe(total)
    expect(most).toBeLessThanOrEqual(ahead)
    expect(largest).toBeLessThan(name === 'parquet' ? 1_500_000 : 70_000)
  })

  it('ends its source when the reader goes away', async () => {
    const { state, reader } = write(1_000_000, 100)
    await reader.read()
    await reader.cancel()
    expect(state.ended).toBe(true)
    expect(state.made).toBeLessThanOrEqual(ahead)
  })

  it('breaks off where its source does', async () => {
    async function* broken(): AsyncGenerator<Row[]> {
      yield* manyEvents(300, 100).pages
      throw new Error('the store is away')
    }
    await expect(bytesOf(formats[name].write(tables.events as Table, broken()))).rejects.toThrow('away')
  })
})
