// Dropping hours. They are deleted in steps: partitions by month would be dropped at once, but with ten years of history there are
// more than a hundred, each of which every statement on usage plans for and locks; and a table that is there would have to be
// locked to become one of them. Rows are found by the months that may have any, and their own primary key.

import { type SQL, sql } from 'drizzle-orm'
import type { HoursKept, HoursStore } from '../../metering/drop-hours.ts'
import type { Db } from './db.ts'
import { query } from './failure.ts'

/** Of one step; each may have as many hours as a month has, and as there are distinct values. */
const MONTHS_PER_STEP = 200

export class PostgresHoursStore implements HoursStore {
  readonly #db: Db

  constructor(db: Db) {
    this.#db = db
  }

  /**
   * To the first of a month, so that no day is left with a part of its hours. Not past what may still be billed, or billed otherwise:
   * periods that are open, invoices that late usage or a correction may still reach, and instants within a day from which on a
   * level is counted another way, as all that comes after begins there.
   */
  async keepHours({ nowMs, keptMs }: HoursKept): Promise<number> {
    const monthOf = (instant: SQL) =>
      sql`(date_trunc('month', ${instant} at time zone timezone) at time zone timezone)`
    const moved = await query(
      this.#db,
      sql`
      with old as (
        select id, timezone, ${monthOf(sql`to_timestamp(${(nowMs - keptMs) / 1000}::float8)`)} as at from tenants
      ), needed as (
        select old.id, ${monthOf(sql`least(at, (
            select min(period_start) from invoices
            where tenant_id = old.id and period_start < at and status <> 'void'
              and (status = 'draft' or not usage_final or state ? 'reopened')
          ), (
            select to_timestamp(min((state -> 'open' ->> 'startMs')::float8) / 1000) from subscriptions
            where tenant_id = old.id and due_at is not null
          ), (
            select timestamptz '-infinity' where exists (select 1 from recounts where tenant_id = old.id)
          ), (
            select min(reads_from) from meters
            where tenant_id = old.id and aggregation = 'weighted_sum' and state <> 'cancelled' and reads_from > '-infinity'
              and reads_from <> date_trunc('day', reads_from at time zone timezone) at time zone timezone
          ))`)} as at
        from old join tenants using (id, timezone) where hours_from is null or hours_from < at
      )
      update tenants set hours_from = at from needed
      where tenants.id = needed.id and at > '-infinity' and (hours_from is null or hours_from < at)
      returning '1' as one`,
    )
    return moved.length
  }

  async dropHours(limit: number): Promise<{ dropped: number; more: boolean }> {
    const [row] = await query<{ dropped: string; months: string; done: string }>(
      this.#db,
      sql`
      with dropping as materialized (select set_config('tollgate.dropping', 'on', true)),
      months as materialized (
        select days.tenant_id, customer_id, meter, month, groups, timezone
        from tenants cross join lateral (
          select * from usage_days
          where tenant_id = tenants.id and has_hours and month < (hours_from at time zone timezone)::date
          order by month limit ${MONTHS_PER_STEP}::int
        ) as days
        where hours_from is not null
        limit ${MONTHS_PER_STEP}::int
      ), hours as materialized (
        select place from months cross join lateral (
          select usage.ctid as place from usage
          where usage.tenant_id = months.tenant_id and usage.customer_id = months.customer_id and usage.meter = months.meter
            and usage.bucket >= month::timestamp at time zone timezone
            and usage.bucket < (month + interval '1 month') at time zone timezone and usage.groups = months.groups
        ) as own
        limit ${limit}::int
      ), gone as (
        delete from usage using dropping where ctid = any(array(select place from hours)) returning 1
      ), emptied as (
        update usage_days as days set has_hours = false from months
        where (select count(*) from hours) < ${limit}::int
          and (days.tenant_id, days.customer_id, days.meter, days.month, days.groups)
            = (months.tenant_id, months.customer_id, months.meter, months.month, months.groups)
        returning 1
      )
      select (select count(*) from gone)::text as dropped, (select count(*) from months)::text as months,
        (select count(*) from emptied)::text as done`,
    )
    const { dropped, months, done } = row!
    return {
      dropped: Number(dropped),
      more: Number(months) > 0 && (Number(done) === 0 || Number(months) === MONTHS_PER_STEP),
    }
  }
}
