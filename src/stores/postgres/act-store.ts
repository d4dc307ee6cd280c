// Corrections over Postgres: the ledger of acts, and what they took.

import { sql } from 'drizzle-orm'
import type { Act } from '../../log/act.ts'
import type { ActStore, Ledger } from '../../log/ports.ts'
import type { Db } from './db.ts'
import { query } from './failure.ts'

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
      select ledger::text as ledger, tenants.acts::text as acts, config_version::text as config_version, (
        select coalesce(json_agg(json_build_object(
          'number', number, 'kind', kind, 'at', floor(extract(epoch from acts.created_at) * 1000),
          'correction', c.id, 'action', c.action, 'filter', c.filter, 'set', c.change, 'reason', c.reason,
          'blocks', array(select unnest(acts.blocks) intersect select unnest(asked.names))
        ) order by number), '[]')
        from acts join corrections as c on c.id = acts.correction_id
        where acts.tenant_id = tenants.id and acts.blocks && asked.names
      )::text as taken
      from tenants, (select ${lines(blocks)} as names) as asked
      where tenants.id = ${tenantId}::uuid`,
    )
    // Usage may be recorded for a tenant that was made on another copy of the database: it has no corrections.
    if (row === undefined) return { ledger: '', acts: 0, configVersion: 0, taken: [] }
    return {
      ledger: row.ledger,
      acts: Number(row.acts),
      configVersion: Number(row.config_version),
      taken: (JSON.parse(row.taken) as TakenAct[]).map(({ blocks, at, ...act }) => ({
        ...act,
        blocks: new Set(blocks),
        atMs: at,
      })),
    }
  }
}

/** Names of blocks, none of which has a line break, as an array. */
const lines = (names: string[]) =>
  names.length === 0 ? sql`'{}'::text[]` : sql`string_to_array(${names.join('\n')}::text, chr(10))`
