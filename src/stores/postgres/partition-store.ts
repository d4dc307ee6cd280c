// Partitions in Postgres.

import { sql } from 'drizzle-orm'
import { MAIN } from '../../metering/placement/partition-list.ts'
import { FIRST_NONCE } from '../../metering/placement/placement.ts'
import type { Partition, PartitionStore } from '../../metering/placement/ports.ts'
import type { Db } from './db.ts'
import { query } from './failure.ts'

/** Of one statement, so that none holds locks for long. */
const TENANTS_PLACED_AT_ONCE = 1_000

type Row = { id: string; database: string; state: string }
const partitionFrom = ({ id, database, state }: Row): Partition => ({
  id: Number(id),
  database,
  state: state as Partition['state'],
})

export class PostgresPartitionStore implements PartitionStore {
  readonly #db: Db

  constructor(db: Db) {
    this.#db = db
  }

  async seedPartitions(first: number): Promise<void> {
    await query(
      this.#db,
      sql`
        insert into partitions (id, database) select id, ${MAIN}::text from generate_series(0, ${first - 1}::int) as id
        on conflict do nothing`,
    )
    for (let placed = TENANTS_PLACED_AT_ONCE; placed === TENANTS_PLACED_AT_ONCE; )
      placed = await this.#placeUnplaced(first)
  }

  /** By the hash of kernel/keyed-hash.ts. */
  async #placeUnplaced(first: number): Promise<number> {
    const placed = await query(
      this.#db,
      sql`
        with recursive unplaced as (
          select id, id::text as text from tenants
          where not exists (select 1 from placements where tenant_id = tenants.id) limit ${TENANTS_PLACED_AT_ONCE}::int
        ), hashed (id, text, read, hash) as (
          select id, text, 0, 2166136261::bigint from unplaced
          union all
          select id, text, read + 1, ((hash # ascii(substr(text, read + 1, 1))::bigint) * 16777619) & 4294967295
          from hashed where read < length(text)
        )
        insert into placements (tenant_id, version, nonce, placement)
        select id, 0, ${FIRST_NONCE}::text, jsonb_build_object('version', 0, 'nonce', ${FIRST_NONCE}::text,
          'home', jsonb_build_array(hash % ${first}::bigint), 'spreadBy', null, 'former', '[]'::jsonb, 'past', '[]'::jsonb)
        from hashed where read = length(text)
        on conflict do nothing
        returning tenant_id::text as id`,
    )
    return placed.length
  }

  async listPartitions(): Promise<Partition[]> {
    const found = await query<Row>(
      this.#db,
      sql`select id::text as id, database, state from partitions order by partitions.id`,
    )
    return found.map(partitionFrom)
  }

  async addPartition({ id, database, state }: Partition): Promise<boolean> {
    const added = await query(
      this.#db,
      sql`
        insert into partitions (id, database, state) values (${id}::int, ${database}::text, ${state}::text)
        on conflict do nothing returning id::text as id`,
    )
    return added.length === 1
  }

  async changePartition(id: number, state: Partition['state']): Promise<Partition | null> {
    const [row] = await query<Row>(
      this.#db,
      sql`
        update partitions set state = ${state}::text where id = ${id}::int
        returning id::text as id, database, state`,
    )
    return row ? partitionFrom(row) : null
  }

  async tenantsIn(): Promise<Map<number, number>> {
    const found = await query<{ partition: string; tenants: string }>(
      this.#db,
      sql`
        select home as partition, count(*)::text as tenants
        from placements, jsonb_array_elements_text(placement -> 'home') as home group by home`,
    )
    return new Map(found.map(({ partition, tenants }) => [Number(partition), Number(tenants)]))
  }
}
