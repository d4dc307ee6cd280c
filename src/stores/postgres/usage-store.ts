// The UsageStore over Postgres: settling is one statement, and so is each way of reading. The rule how two counters merge
// stands here as SQL for a row, and in merged-usage.ts for a set of rows; in Redis it is scripts/record.ts.

import { type SQL, sql } from 'drizzle-orm'
import type { Counter } from '../../metering/counter.ts'
import {
  type HoursQuery,
  type HourTotals,
  type LiveCounter,
  type SegmentRef,
  SegmentRefused,
  type SpanTotals,
  type Totals,
  type TotalsQuery,
  type UsageSpan,
  type UsageStore,
} from '../../metering/ports.ts'
import type { Db } from './db.ts'
import { query, refusesContent } from './failure.ts'
import {
  type HourRow,
  hoursStatement,
  hourTotalsOf,
  type SpanRow,
  spansStatement,
  spanTotalsOf,
} from './usage-spans.ts'
import { type TotalsRow, totalsOf, totalsStatement } from './usage-totals.ts'

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
    return found.map(totalsOf)
  }

  async spanTotals(tenantId: string, spans: UsageSpan[], live: LiveCounter[]): Promise<SpanTotals[]> {
    const found = await query<SpanRow>(this.#db, spansStatement(tenantId, spans, live))
    return found.map(spanTotalsOf)
  }

  async hourTotals(tenantId: string, wanted: HoursQuery, live: LiveCounter[]): Promise<HourTotals[]> {
    const found = await query<HourRow>(this.#db, hoursStatement(tenantId, wanted, live))
    return found.map(hourTotalsOf)
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
function settleStatement(segment: SegmentRef, counters: Counter[]): SQL {
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
