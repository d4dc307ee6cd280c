// What every Postgres store is written against: drizzle over any of the three drivers. One statement at a time (or one
// CTE of several), because Neon over HTTP has no interactive transactions. In raw SQL cast every column to text: the
// drivers parse types differently.

import type { SQL } from 'drizzle-orm'
import type { PgDatabase, PgQueryResultHKT } from 'drizzle-orm/pg-core'
import type * as schema from './schema.ts'

export type Db = PgDatabase<PgQueryResultHKT, typeof schema>

/** Runs one raw statement and returns its rows. Every column is expected to be text, or null. */
export async function rows<Row extends Record<string, string | null>>(
  db: Db,
  statement: SQL,
): Promise<Row[]> {
  const result = (await db.execute(statement)) as unknown as { rows: Row[] }
  return result.rows
}
