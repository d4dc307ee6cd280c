// A backup of what the event log and its corrections have in Postgres, and Postgres put back to it. Tenants, meters and plans stay,
// but for how far a tenant's ledger is.

import { sql } from 'drizzle-orm'
import { type Db, rows } from '../../src/stores/postgres/db.ts'

const tables = [
  ...(['usage', 'segments', 'log_contents', 'log_blocks', 'log_customers'] as const),
  ...(['erasures', 'corrections', 'acts', 'offered_acts', 'recounts'] as const),
]
export type PostgresImage = Map<string, string>

export async function imageOf(db: Db): Promise<PostgresImage> {
  const image: PostgresImage = new Map()
  for (const table of ['tenants', ...tables]) {
    const found = await rows<{ all: string }>(
      db,
      sql`select coalesce(json_agg(t), '[]')::text as all from ${sql.identifier(table)} as t`,
    )
    image.set(table, found[0]!.all)
  }
  return image
}

export async function putBack(db: Db, image: PostgresImage): Promise<void> {
  for (const table of tables.toReversed()) await db.execute(sql`delete from ${sql.identifier(table)}`)
  for (const table of tables) {
    const name = sql.identifier(table)
    await db.execute(
      sql`insert into ${name} overriding system value select * from json_populate_recordset(null::${name}, ${image.get(table)!}::json)`,
    )
  }
  await db.execute(sql`
    update tenants set ledger = was.ledger, acts = was.acts, log_since = was.log_since
    from json_populate_recordset(null::tenants, ${image.get('tenants')!}::json) as was where was.id = tenants.id`)
}
