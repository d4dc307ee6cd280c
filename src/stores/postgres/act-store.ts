// Corrections over Postgres: the ledger of acts, and what they took.

import { type SQL, sql } from 'drizzle-orm'
import type { Act } from '../../log/act.ts'
import type { ActStore, Ledger } from '../../log/ports.ts'
import type { Db } from './db.ts'
import { query } from './failure.ts'
import { lines } from './lines.ts'

type ActRow = { ledger: string; acts: string; config_version: string; taken: string }
type TakenAct = Omit<Act, 'blocks' | 'atMs'> & { blocks: string[]; at: number }

export class PostgresActStore implements ActStore {
  readonly #db: Db

  constructor(db: Db) {
    this.#db = db
  }

  async readActs(tenantId: string, blocks: string[]): Promise<Ledger & { taken: Act[] }> {
    const [row] = await query<ActRow>(
      this.#db,
      sql`
      select ledger::text as ledger, tenants.acts::text as acts, config_version::text as config_version, ${takenActs} as taken
      from tenants, (select ${lines(blocks)} as names) as asked
      where tenants.id = ${tenantId}::uuid`,
    )
    // Usage may be recorded for a tenant that was made on another copy of the database: it has no corrections.
    if (row === undefined) return { ledger: '', acts: 0, configVersion: 0, taken: [] }
    return {
      ledger: row.ledger,
      acts: Number(row.acts),
      configVersion: Number(row.config_version),
      taken: actsFrom(row.taken),
    }
  }
}

/** Those that took one of the blocks `asked.names`, with the names of these: a row of `tenants` must be in scope. */
export const takenActs: SQL = sql`(
        select coalesce(json_agg(json_build_object(
          'number', number, 'kind', kind, 'at', floor(extract(epoch from acts.created_at) * 1000),
          'correction', c.id, 'action', c.action, 'filter', c.filter, 'set', c.change, 'reason', c.reason,
          'blocks', array(select unnest(acts.blocks) intersect select unnest(asked.names))
        ) order by number), '[]')
        from acts join corrections as c on c.id = acts.correction_id
        where acts.tenant_id = tenants.id and acts.blocks && asked.names
      )::text`

export const actsFrom = (json: string): Act[] =>
  (JSON.parse(json) as TakenAct[]).map(({ blocks, at, ...act }) => ({
    ...act,
    blocks: new Set(blocks),
    atMs: at,
  }))
