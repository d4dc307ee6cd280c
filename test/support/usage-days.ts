// Days and months as Postgres keeps them, and as they are made of hours by another way.

import { sql } from 'drizzle-orm'
import { type Db, rows } from '../../src/stores/postgres/db.ts'

export const monthsOf = (db: Db, tenantId: string) =>
  rows(
    db,
    sql`
    select customer_id, meter, month::text as month, groups, merge, days,
      case when merge <> 'once' then trim_scale(a)::text end as a,
      case when merge in ('add', 'latest', 'once') then trim_scale(b)::text end as b, trim_scale(ab)::text as ab,
      (select json_agg(trim_scale(day_a[d]) order by d) from generate_series(1, 31) as d where days & (1 << (d - 1)) <> 0)::text as by_day
    from usage_days where tenant_id = ${tenantId}::uuid
    order by customer_id, meter, month, groups`,
  )

/** From the days, which are held against the hours. */
export const monthsMade = (db: Db, tenantId: string) =>
  rows(
    db,
    sql`
    with by_day as (
      select customer_id, meter, date_trunc('month', day)::date as month, day, groups, merge,
        case merge when 'once' then count(*) when 'add' then sum(a) when 'min' then min(a) when 'max' then max(a)
          else (array_agg(a order by b desc, a desc))[1] end as a,
        case merge when 'add' then sum(b) else max(b) end as b, sum(ab) as ab, array_agg(distinct_value) as seen
      from usage_by_day where tenant_id = ${tenantId}::uuid
      group by customer_id, meter, day, groups, merge
    )
    select customer_id, meter, month::text as month, groups, merge,
      bit_or(1 << (extract(day from day)::int - 1)) as days,
      trim_scale(case merge when 'add' then sum(a) when 'min' then min(a) when 'max' then max(a)
        when 'latest' then (array_agg(a order by b desc, a desc))[1] end)::text as a,
      case merge when 'add' then trim_scale(sum(b))::text when 'latest' then trim_scale(max(b))::text
        when 'once' then (select count(distinct seen.value) from by_day as own, unnest(own.seen) as seen (value)
          where (own.customer_id, own.meter, own.groups, own.merge) = (by_day.customer_id, by_day.meter, by_day.groups, 'once')
            and own.month = by_day.month)::text end as b,
      trim_scale(sum(ab))::text as ab, json_agg(trim_scale(a) order by day)::text as by_day
    from by_day
    group by customer_id, meter, by_day.month, groups, merge
    order by customer_id, meter, by_day.month, groups`,
  )

export const daysOf = async (db: Db, tenantId: string, table: ReturnType<typeof sql>) =>
  rows(
    db,
    sql`
    select customer_id, meter, day::text as day, groups, distinct_value::text as digest, merge,
      case when merge <> 'once' then trim_scale(a)::text end as a,
      case when merge in ('add', 'latest') then trim_scale(b)::text end as b, trim_scale(ab)::text as ab
    from ${table} where tenant_id = ${tenantId}::uuid
    order by customer_id, meter, day, groups, distinct_value`,
  )

/** By another way: hour by hour, in this language's time zones. */
export async function daysMade(db: Db, tenantId: string) {
  const [tenant] = await rows(db, sql`select timezone from tenants where id = ${tenantId}::uuid`)
  const hours = await rows<Record<string, string>>(
    db,
    sql`select to_jsonb(usage)::text as hour from usage where tenant_id = ${tenantId}::uuid and customer_id <> ''`,
  )
  const dated = hours.map(({ hour }) => {
    const row = JSON.parse(hour!) as { bucket: string }
    const day = new Intl.DateTimeFormat('sv-SE', { timeZone: tenant!.timezone!, dateStyle: 'short' })
    return { row, day: day.format(new Date(row.bucket)), ms: Date.parse(row.bucket) }
  })
  return rows(
    db,
    sql`
    select customer_id, meter, day::text as day, groups, usage_digest(distinct_value)::text as digest, merge,
      trim_scale(case merge when 'add' then sum(a) when 'min' then min(a) when 'max' then max(a)
        when 'latest' then (array_agg(a order by b desc, a desc))[1] end)::text as a,
      case merge when 'add' then trim_scale(sum(b))::text when 'latest' then trim_scale(max(b))::text end as b,
      trim_scale(case merge when 'add' then sum(a * ms) else 0 end)::text as ab
    from json_to_recordset(${JSON.stringify(dated.map(({ row, day, ms }) => ({ ...row, day, ms })))}::json)
      as hour (customer_id text, meter text, day date, groups text, distinct_value text, merge text, a numeric, b numeric, ms bigint)
    group by customer_id, meter, day, groups, distinct_value, merge
    order by customer_id collate "C", meter collate "C", day, groups collate "C", usage_digest(distinct_value)`,
  )
}
