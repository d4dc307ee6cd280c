// Totals of many spans that all differ, and the hours of one, each as one statement.

import { type SQL, sql } from 'drizzle-orm'
import { rfc3339 } from '../../kernel/time.ts'
import type { Merge } from '../../metering/counter.ts'
import { ROWS_PER_READ } from '../../metering/limits.ts'
import type { HoursQuery, HourTotals, LiveCounter, SpanTotals, UsageSpan } from '../../metering/ports.ts'
import { liveTable, type MergedRow, mergedColumns, mergedOf, unsettled } from './merged-usage.ts'

export type SpanRow = MergedRow & { span: string; part: string | null; before: string; merge: string }
export type HourRow = MergedRow & { bucket_ms: string; merge: string }

export const spansStatement = (tenantId: string, spans: UsageSpan[], live: LiveCounter[]): SQL => sql`
  ${placed(tenantId, spans, live)}
  select n::text as span, part::text as part, before::text as before, merge, ${mergedColumns}
  from placed
  group by n, part, before, merge
  limit ${ROWS_PER_READ + 1}`

export const hoursStatement = (
  tenantId: string,
  { span, part, limit }: HoursQuery,
  live: LiveCounter[],
): SQL => sql`
  ${placed(tenantId, [span], live)}
  select (extract(epoch from bucket) * 1000)::bigint::text as bucket_ms, merge, ${mergedColumns}
  from placed
  where part is not distinct from ${part}::int and not before
  group by bucket, merge
  order by bucket
  limit ${limit}`

/**
 * Every counter of every span. A span finds its own in `usage` by the primary key, and nothing else is read: `offset 0` keeps
 * the planner from joining otherwise. Of a tenant that its statistics don't know yet it would take all rows for one, and read
 * them all.
 */
function placed(tenantId: string, spans: UsageSpan[], live: LiveCounter[]): SQL {
  // Spans are cut in few ways: as many as plans price the meter.
  const cuts = new Map<string, number>()
  const sent = spans.map((span, n) => ({
    n,
    c: span.customerId,
    m: span.meter,
    f: rfc3339(span.startMs),
    t: rfc3339(span.endMs),
    since: span.level ? '-infinity' : rfc3339(span.startMs),
    ...(span.parts.length > 0 && { cut: numbered(cuts, JSON.stringify(span.parts)) }),
  }))
  return sql`with span as (
    select * from json_to_recordset(${JSON.stringify(sent)}::json)
      as span (n int, c text, m text, f timestamptz, t timestamptz, since timestamptz, cut int)
  ), merging as (
    select n, cut, bucket < f as before, bucket, groups, distinct_value, merge, a, b, true as settled
    from span cross join lateral (
      select * from usage
      where tenant_id = ${tenantId}::uuid and customer_id = c and meter = m and bucket >= since and bucket < t
      offset 0
    ) as own
    union all
    select n, cut, k < f, k, g, d, o, a, b, false
    from span join ${liveTable(live, { withGroups: cuts.size > 0 })} on live.c = span.c and live.m = span.m and k >= since and k < t
    where ${unsettled}
  ), ${cuts.size === 0 ? sql`placed as (select merging.*, null::int as part from merging)` : inParts([...cuts.keys()])}`
}

/**
 * A counter is in the first part all of whose conditions hold on its group values: looked up once for all that have the same.
 * The join is a full one, though every row of `part` has its match, because it then can't be a loop in a loop: how many rows
 * there are is nothing that the planner could guess.
 */
const inParts = (cuts: string[]): SQL => sql`part as (
    select cut, groups, (
      select min(part) - 1
      from jsonb_array_elements((select ${`[${cuts.join()}]`}::jsonb) -> cut) with ordinality as parts (conditions, part)
      where not exists (
        select 1 from jsonb_to_recordset(conditions) as condition (position int, value text)
        where groups::jsonb ->> position is distinct from value
      )) as part
    from (select distinct cut, groups from merging where cut is not null) as found
  ), placed as (
    select merging.*, part from merging full join part using (cut, groups)
  )`

function numbered(known: Map<string, number>, text: string): number {
  const number = known.get(text) ?? known.size
  known.set(text, number)
  return number
}

export const spanTotalsOf = (row: SpanRow): SpanTotals => ({
  span: Number(row.span),
  part: row.part === null ? null : Number(row.part),
  before: row.before === 'true',
  merge: row.merge as Merge,
  ...mergedOf(row),
})

export const hourTotalsOf = (row: HourRow): HourTotals => ({
  bucketMs: Number(row.bucket_ms),
  merge: row.merge as Merge,
  ...mergedOf(row),
})
