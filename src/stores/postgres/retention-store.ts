// Which blocks are too old to be kept, and which nothing names, over Postgres.

import { sql } from 'drizzle-orm'
import { OWED_DAYS } from '../../log/limits.ts'
import type { ExpiredBlocks, RetentionStore } from '../../log/retention-ports.ts'
import { EXPIRED_METER, TALLY_CUSTOMER } from '../../metering/counter.ts'
import type { Db } from './db.ts'
import { query } from './failure.ts'
import { lines } from './lines.ts'
import { owes } from './owed-blocks.ts'

const DAY_MICROS = 86_400_000_000

type ExpiredRow = { tenant: string; version: string; name: string; received_to: string }

export class PostgresRetentionStore implements RetentionStore {
  readonly #db: Db

  constructor(db: Db) {
    this.#db = db
  }

  async expired({
    nowMs,
    days,
    store,
    limit,
  }: Parameters<RetentionStore['expired']>[0]): Promise<ExpiredBlocks[]> {
    const found = await query<ExpiredRow>(
      this.#db,
      sql`
      select t.id::text as tenant, config_version::text as version, found.name, found.received_to::text as received_to
      from tenants as t cross join lateral (
        select b.name, b.received_to
        from (select ${nowMs * 1000}::int8 - coalesce(t.event_log_days, ${days}::int) * ${DAY_MICROS}::int8 as horizon) as h
          join log_blocks as b on b.tenant_id = t.id and b.received_to < horizon
        where b.store = ${store}::text and (b.received_to < horizon - ${OWED_DAYS * DAY_MICROS}::int8
          or not exists (select 1 from meters where filling and ${owes}))
        order by b.received_to, b.id limit ${limit}::int
      ) as found
      where coalesce(t.event_log_days, ${days}::int) > 0
      limit ${limit}::int`,
    )
    const ofTenants = Map.groupBy(found, ({ tenant }) => tenant)
    return [...ofTenants].map(([tenantId, rows]) => ({
      tenantId,
      configVersion: rows[0]!.version,
      names: rows.map(({ name }) => name),
      toMicros: Math.max(...rows.map((row) => Number(row.received_to))),
    }))
  }

  /** What goes is counted, or reconciliation would miss it. The tenant's row comes first: a meter that would owe the blocks is made before it, and seen, or after, and told. */
  async expire({ tenantId, configVersion, names, toMicros }: ExpiredBlocks): Promise<string[]> {
    const gone = await query<{ name: string }>(
      this.#db,
      sql`
      with moved as (
        update tenants set log_since = case when log_since is not null then
          greatest(log_since, timestamptz 'epoch' + ${toMicros + 1}::int8 * interval '1 microsecond') end
        where id = ${tenantId}::uuid and config_version = ${configVersion}::int8
        returning id
      ), gone as (
        delete from log_blocks using moved
        where tenant_id = moved.id and name = any(${lines(names)})
        returning log_blocks.tenant_id, log_blocks.id, name, events
      ), counted as (
        insert into usage (tenant_id, customer_id, meter, bucket, groups, distinct_value, merge, a, b)
        select tenant_id, ${TALLY_CUSTOMER}::text, ${EXPIRED_METER}::text, timestamptz 'epoch', '[]', '', 'add', sum(events), 0
        from gone group by tenant_id
        on conflict (tenant_id, customer_id, meter, bucket, groups, distinct_value) do update set a = usage.a + excluded.a
      ), customers as (
        delete from log_customers using gone where block_id = gone.id
      )
      select name from gone`,
    )
    return gone.map(({ name }) => name)
  }

  async unnamed(names: string[]): Promise<string[]> {
    const found = await query<{ name: string }>(
      this.#db,
      sql`
      select name from unnest(${lines(names)}) as asked (name)
      where not exists (select 1 from log_blocks where log_blocks.name = asked.name)`,
    )
    return found.map(({ name }) => name)
  }

  async sweptTo(store: string): Promise<string> {
    const [row] = await query<{ swept_to: string }>(
      this.#db,
      sql`select swept_to from log_sweeps where store = ${store}::text`,
    )
    return row?.swept_to ?? ''
  }

  async noteSwept(store: string, to: string): Promise<void> {
    await query(
      this.#db,
      sql`
      insert into log_sweeps (store, swept_to) values (${store}::text, ${to}::text)
      on conflict (store) do update set swept_to = excluded.swept_to`,
    )
  }
}
