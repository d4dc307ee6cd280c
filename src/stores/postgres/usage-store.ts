// The UsageStore over Postgres: settling is one statement, and so is reading. The rule how two counters merge stands here
// once as SQL for a row and once for a set of rows; in Redis it is scripts/record.ts.

import { type SQL, sql } from 'drizzle-orm'
import { rfc3339 } from '../../kernel/time.ts'
import type { Counter, Merge } from '../../metering/counter.ts'
import { ROWS_PER_READ } from '../../metering/limits.ts'
import {
  type LiveCounter,
  type SegmentRef,
  SegmentRefused,
  type Totals,
  type TotalsQuery,
  type UsageStore,
} from '../../metering/ports.ts'
import type { Db } from './db.ts'
import { query, refusesContent } from './failure.ts'

export class PostgresUsageStore implements UsageStore {
  readonly #db: Db

  constructor(db: Db) {
    this.#db = db
  }

  async settle(segment: SegmentRef, counters: Counter[]): Promise<{ applied: boolean }> {
    try {
      const [result] = await query<{ applied: string }>(this.#db, settleStatement(segment, counters))
      return { applied: result!.applied === '1' }
    } catch (error) {
      const refusal = refusesContent(error)
      throw refusal === null ? error : new SegmentRefused(refusal, { cause: error })
    }
  }

  async totals(wanted: TotalsQuery, live: LiveCounter[]): Promise<Totals[]> {
    const found = await query<TotalsRow>(this.#db, totalsStatement(wanted, live))
    return found.map((row) => ({
      customerId: row.customer_id,
      meter: row.meter,
      merge: row.merge as Merge,
      window: Number(row.window_number) - 1,
      groups: JSON.parse(row.groups) as (string | null)[],
      all: { a: row.a, b: row.b, aTimesBucketMs: row.ab },
      settled:
        row.settled_rows === '0'
          ? null
          : { a: row.settled_a!, b: row.settled_b!, aTimesBucketMs: row.settled_ab! },
    }))
  }

  async settledCustomers(tenantId: string, after: string, limit: number): Promise<string[]> {
    // A jump from customer to customer along the primary key, so that the number of their counters doesn't matter.
    const found = await query<{ customer_id: string }>(
      this.#db,
      sql`
      with recursive customer as (
        (select customer_id from usage where tenant_id = ${tenantId}::uuid and customer_id > ${after}
          order by customer_id limit 1)
        union all
        select (select usage.customer_id from usage where usage.tenant_id = ${tenantId}::uuid
          and usage.customer_id > customer.customer_id order by usage.customer_id limit 1)
        from customer where customer.customer_id is not null
      )
      select customer_id from customer where customer_id is not null limit ${limit}`,
    )
    return found.map((row) => row.customer_id)
  }

  async ping(): Promise<void> {
    await query(this.#db, sql`select '1' as one`)
  }
}

/**
 * Applies a segment once. The ledger's row is inserted first; only if that was new are the counters merged, in key order
 * (two settles that lock the same rows in different orders would deadlock). Fewer rows merged than sent fails the whole.
 */
function settleStatement(segment: SegmentRef, content: Counter[]): SQL {
  // Postgres puts them in order itself; what is nearly in order already it only has to look over.
  const counters = content.toSorted((x, y) =>
    x.customerId < y.customerId ? -1 : x.customerId > y.customerId ? 1 : 0,
  )
  // A column a text, its values on lines (none can hold a line break): Postgres takes that apart three times as fast as JSON.
  // A text without a character has no line, where it should have an empty one: hence the coalesce.
  const column = (of: (counter: Counter) => string | number) =>
    sql`string_to_array(${counters.map(of).join('\n')}::text, chr(10))`
  return sql`
    with applied as (
      insert into segments (id, partition, counters) values (${segment.id}, ${segment.partition}::int, ${counters.length}::int)
      on conflict (id) do nothing returning id
    ), merged as (
      insert into usage (tenant_id, customer_id, meter, bucket, groups, distinct_value, merge, a, b)
      select t, coalesce(c, ''), m, to_timestamp(k), g, coalesce(d, ''), o, a, b
      from (select
        unnest(${column((counter) => counter.tenantId)}::uuid[]) as t,
        unnest(${column((counter) => counter.customerId)}) as c,
        unnest(${column((counter) => counter.meter)}) as m,
        unnest(${column((counter) => counter.bucketMs / 1000)}::float8[]) as k,
        unnest(${column((counter) => counter.groups)}) as g,
        unnest(${column((counter) => counter.distinctValue)}) as d,
        unnest(${column((counter) => counter.merge)}) as o,
        unnest(${column((counter) => counter.a)}::numeric[]) as a,
        unnest(${column((counter) => counter.b)}::numeric[]) as b
      ) as sent
      where exists (select 1 from applied)
      order by t, c collate "C", m collate "C", k, g collate "C", d collate "C"
      on conflict (tenant_id, customer_id, meter, bucket, groups, distinct_value) do update set
        a = case usage.merge
          when 'add' then usage.a + excluded.a
          when 'min' then least(usage.a, excluded.a)
          when 'max' then greatest(usage.a, excluded.a)
          when 'latest' then case when (excluded.b, excluded.a) > (usage.b, usage.a) then excluded.a else usage.a end
          else usage.a end,
        b = case usage.merge
          when 'add' then usage.b + excluded.b
          when 'latest' then greatest(usage.b, excluded.b)
          else usage.b end
      returning 1
    )
    select applied::text as applied,
      case when applied = 1 and merged <> ${counters.length}::int then (merged || ' counters merged, not all')::int end as merged
    from (select (select count(*) from applied) as applied, (select count(*) from merged) as merged) as counted`
}

type TotalsRow = {
  customer_id: string
  meter: string
  merge: string
  window_number: string
  groups: string
  a: string
  b: string
  ab: string
  settled_rows: string
  settled_a: string | null
  settled_b: string | null
  settled_ab: string | null
}

/**
 * Settled usage and the live counters whose segment is not settled, merged in one snapshot: what Postgres has in `segments`
 * is in `usage`, and is left out of what Redis answered a moment before.
 */
function totalsStatement(query: TotalsQuery, live: LiveCounter[]): SQL {
  const boundaries = query.boundariesMs.map(rfc3339)
  const sent = live.map((c) => ({
    s: c.segment,
    c: c.customerId,
    m: c.meter,
    k: rfc3339(c.bucketMs),
    ...(query.groupPositions.length > 0 && { g: c.groups }),
    d: c.distinctValue,
    o: c.merge,
    a: c.a,
    b: c.b,
  }))
  const wanted = (meter: SQL, bucket: SQL) => sql`${bucket} < ${boundaries.at(-1)}::timestamptz
    and (${bucket} >= ${boundaries[0]}::timestamptz or ${meter} = any(array(select json_array_elements_text(${JSON.stringify(query.levelMeters)}::json))))
    ${query.meters === null ? sql`` : sql`and ${meter} = any(array(select json_array_elements_text(${JSON.stringify(query.meters)}::json)))`}`
  const groups =
    query.groupPositions.length === 0
      ? sql`'[]'`
      : sql`jsonb_build_array(${sql.join(
          query.groupPositions.map((position) => sql`groups::jsonb -> ${position}::int`),
          sql`, `,
        )})::text`
  return sql`
    with merging as (
      select customer_id, meter, bucket, groups, distinct_value, merge, a, b, true as settled
      from usage
      where tenant_id = ${query.tenantId}::uuid
        and customer_id = any(array(select json_array_elements_text(${JSON.stringify(query.customerIds)}::json)))
        and ${wanted(sql`meter`, sql`bucket`)}
      union all
      select c, m, k, g, d, o, a, b, false
      from json_to_recordset(${JSON.stringify(sent)}::json)
        as live (s text, c text, m text, k timestamptz, g text, d text, o text, a numeric, b numeric)
      where not exists (select 1 from segments where segments.id = live.s) and ${wanted(sql`m`, sql`k`)}
    ), placed as (
      select merging.*, ${groups} as kept_groups,
        width_bucket(bucket, array(select json_array_elements_text(${JSON.stringify(boundaries)}::json)::timestamptz)) as window_number
      from merging
    )
    select customer_id, meter, merge, window_number::text as window_number, kept_groups as groups,
      (${mergedA(sql``)})::text as a, sum(b)::text as b, ${aTimesBucket(sql``)}::text as ab,
      (count(*) ${ifSettled})::text as settled_rows,
      (${mergedA(ifSettled)})::text as settled_a, (sum(b) ${ifSettled})::text as settled_b, ${aTimesBucket(ifSettled)}::text as settled_ab
    from placed
    group by customer_id, meter, merge, window_number, kept_groups
    order by customer_id collate "C", meter collate "C", window_number, kept_groups collate "C"
    limit ${ROWS_PER_READ + 1}`
}

const ifSettled = sql`filter (where settled)`

const mergedA = (filter: SQL): SQL => sql`case merge
  when 'add' then sum(a) ${filter}
  when 'min' then min(a) ${filter}
  when 'max' then max(a) ${filter}
  when 'latest' then (array_agg(a order by b desc, a desc) ${filter})[1]
  else count(distinct distinct_value) ${filter} end`

const aTimesBucket = (filter: SQL): SQL =>
  sql`(sum(a * (extract(epoch from bucket) * 1000)::bigint) ${filter})`
