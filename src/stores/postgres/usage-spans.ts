// Totals of many spans that all differ, and the hours of one, each as one statement.

import { type SQL, sql } from 'drizzle-orm'
import { rfc3339 } from '../../kernel/time.ts'
import type { Merge } from '../../metering/counter.ts'
import { historyOf } from '../../metering/history.ts'
import { ROWS_PER_READ } from '../../metering/limits.ts'
import type {
  CounterName,
  HoursQuery,
  HourTotals,
  LiveCounter,
  SpanTotals,
  UsageSpan,
} from '../../metering/ports.ts'
import { ifAgreed } from './days.ts'
import { inSets, knownNumber, setNumbers } from './distinct-values.ts'
import { liveTable, type MergedRow, mergedColumns, mergedOf, unsettled, weighted } from './merged-usage.ts'
import { type AskedSpan, askedSpans, byTheHour, daysOf, firstHour } from './span-ranges.ts'

export type SpanRow = MergedRow & { span: string; part: string | null; before: string; merge: string }
export type HourRow = MergedRow & { bucket_ms: string; merge: string }

export const spansStatement = (
  tenantId: string,
  spans: UsageSpan[],
  live: LiveCounter[],
  without: CounterName[] = [],
): SQL => {
  const asked = askedSpans(spans, without)
  return sql`
  with ${placed(tenantId, asked, live, without)}
  ${ifAgreed(
    tenantId,
    daysOf(asked),
    firstHour(asked),
    sql`select n::text as span, part::text as part, before::text as before, merge, ${mergedColumns}
      from placed
      group by n, part, before, merge
      limit ${ROWS_PER_READ + 1}`,
  )}`
}

export const hoursStatement = (
  tenantId: string,
  { span, part, limit }: HoursQuery,
  live: LiveCounter[],
): SQL => {
  const asked = [byTheHour(span)]
  return sql`
  with ${placed(tenantId, asked, live)}
  ${ifAgreed(
    tenantId,
    [],
    firstHour(asked),
    sql`select (extract(epoch from bucket) * 1000)::bigint::text as bucket_ms, merge, ${mergedColumns}
      from placed
      where part is not distinct from ${part}::int and not before
      group by bucket, merge
      order by bucket
      limit ${limit}`,
  )}
  order by bucket_ms::bigint`
}

/**
 * CTEs up to `placed`: every counter of every span, and its days where there are any. A span finds its own by the primary keys, and
 * nothing else is read: `offset 0` keeps the planner from joining otherwise. Of a tenant that its statistics don't know yet it
 * would take all rows for one, and read them all.
 */
function placed(tenantId: string, asked: AskedSpan[], live: LiveCounter[], without: CounterName[] = []): SQL {
  // Spans are cut in few ways: as many as plans price the meter.
  const cuts = new Map<string, number>()
  const pieces = asked.flatMap(({ span, pieces }, n) =>
    pieces.map(({ meter, parts, ranges }) => ({
      of: {
        n,
        c: span.customerId,
        m: meter,
        ...(span.history && { h: historyOf(meter) }),
        ...(parts.length > 0 && { cut: numbered(cuts, JSON.stringify(parts)) }),
      },
      ranges,
    })),
  )
  const hoursIn = (which: 'all' | 'hours') =>
    pieces.flatMap(({ of, ranges }) =>
      ranges[which].map(({ early, from, to }) => ({ ...of, early, f: from, t: to })),
    )
  const months = pieces.flatMap(({ of, ranges }) =>
    ranges.months.map(({ early, from, to, days }) => ({
      ...of,
      early,
      f: from ?? '-infinity',
      t: to,
      bits: days,
    })),
  )
  const history = asked.some(({ span }) => span.history)
  const distinct = months.length > 0 && asked.some(({ span }) => span.distinct !== false)
  const own = (table: SQL, columns: SQL, where: SQL) => sql`lateral (
      select ${columns} from ${table} where tenant_id = ${tenantId}::uuid and customer_id = c and ${history ? sql`meter in (m, h)` : sql`meter = m`} and ${where}
      offset 0
    ) as own`
  const inMonths = (rows: object[], columns: SQL, where: SQL) =>
    sql`${ranges(rows, 'date')} cross join ${own(sql`usage_days`, columns, sql`month >= f and month < t and ${where}`)}`
  const [whole, some] = [
    months.filter(({ bits }) => bits === null),
    months.filter(({ bits }) => bits !== null),
  ]
  const hours = hoursIn('hours')
  const read = [
    (hours.length > 0 || months.length === 0) &&
      sql`select n, cut, early as before, bucket, groups, case merge when 'once' then usage_digest(distinct_value) end as distinct_value,
        merge, a, b, case merge when 'add' then ${weighted(sql`bucket`)} else 0 end as ab, true as settled
      from ${ranges(hours, 'timestamptz')}
      cross join ${own(sql`usage`, sql`*`, sql`bucket >= f and bucket < t ${isLeft(without)}`)}`,
    whole.length > 0 &&
      sql`select n, cut, early as before, null::timestamptz as bucket, groups, null::uuid as distinct_value, merge, a, b, ab, true as settled
      from ${inMonths(whole, sql`groups, merge, a, b, ab`, sql`merge <> 'once'`)}`,
    some.length > 0 &&
      sql`select n, cut, early as before, null::timestamptz as bucket, groups, null::uuid as distinct_value, merge, day_a[d] as a,
        day_b[d] as b, day_ab[d] as ab, true as settled
      from ${inMonths(some, sql`groups, merge, days & bits as chosen, day_a, day_b, day_ab`, sql`merge <> 'once' and days & bits <> 0`)}
      join generate_series(1, 31) as d on chosen & (1 << (d - 1)) <> 0`,
    live.length > 0 &&
      sql`select n, cut, early as before, k as bucket, g as groups, case o when 'once' then usage_digest(d) end as distinct_value,
        o as merge, a, b, case o when 'add' then ${weighted(sql`k`)} else 0 end as ab, false as settled
      from ${ranges(hoursIn('all'), 'timestamptz')}
      join ${liveTable(live, { withGroups: cuts.size > 0 })} on live.c = range.c and live.m = range.m and k >= f and k < t
      where ${unsettled}`,
  ].filter((one) => one !== false)
  const parts = [...cuts.keys()]
  return sql`${goneTable(without)} merging as (${sql.join(read, sql` union all `)}
  ), ${distinct ? withDistinct() : inParts(parts, 'merging', 'placed')}`

  function withDistinct(): SQL {
    const together = sql`n, part, before`
    return sql`set_rows as (
      select n, cut, early as before, c as of_customer, own_meter, month, groups, bits, number
      from ${inMonths(
        months,
        sql`meter as own_meter, month, groups, ${knownNumber(sql`bits`)} as number`,
        sql`merge = 'once' and (bits is null or days & bits <> 0)`,
      )}
    ), ${inParts(parts, 'merging', 'merged')}, ${inParts(parts, 'set_rows', 'sets')}, ${setNumbers(tenantId, together)},
    placed as (
      select ${together}, bucket, distinct_value, merge, a, b, ab, settled from merged
      where merge <> 'once' or not ${inSets(tenantId, sql`merged.distinct_value`, sql`sets.n = merged.n and sets.before = merged.before and sets.part is not distinct from merged.part`)}
      union all
      select ${together}, null, null, 'once', number, 0, 0, true from set_numbers
    )`
  }
}

/** As many as there are: the planner would take them for a hundred. */
const ranges = (rows: object[], of: 'date' | 'timestamptz'): SQL => sql`(
      select * from json_to_recordset(${JSON.stringify(rows)}::json) as range (n int, c text, m text, h text, cut int, early boolean,
        f ${sql.raw(of)}, t ${sql.raw(of)}, bits int)
      limit ${rows.length}::int
    ) as range`

/** Where nothing is taken for gone, nothing of it is in the statement. */
function goneTable(without: CounterName[]): SQL {
  if (without.length === 0) return sql``
  const sent = without.map(({ customerId, meter, bucketMs, groups, distinctValue }) => ({
    c: customerId,
    m: meter,
    k: rfc3339(bucketMs),
    g: groups,
    d: distinctValue,
  }))
  return sql`gone as (
    select * from json_to_recordset(${JSON.stringify(sent)}::json) as gone (c text, m text, k timestamptz, g text, d text)
  ),`
}

const isLeft = (without: CounterName[]): SQL =>
  without.length === 0
    ? sql``
    : sql`and (customer_id, meter, bucket, groups, distinct_value) not in (select c, m, k, g, d from gone)`

/**
 * A counter is in the first part all of whose conditions hold on its group values: looked up once for all that have the same.
 * The join is a full one, though every row of parts has its match, because it then can't be a loop in a loop: how many rows
 * there are is nothing that the planner could guess.
 */
function inParts(cuts: string[], from: string, to: string): SQL {
  const [source, target, part] = [from, to, `${from}_part`].map((name) => sql.raw(name))
  if (cuts.length === 0) return sql`${target} as (select ${source}.*, null::int as part from ${source})`
  return sql`${part} as (
    select cut, groups, (
      select min(part) - 1
      from jsonb_array_elements((select ${`[${cuts.join()}]`}::jsonb) -> cut) with ordinality as parts (conditions, part)
      where not exists (
        select 1 from jsonb_to_recordset(conditions) as condition (position int, value text)
        where groups::jsonb ->> position is distinct from value
      )) as part
    from (select distinct cut, groups from ${source} where cut is not null) as found
  ), ${target} as (
    select ${source}.*, part from ${source} full join ${part} using (cut, groups)
  )`
}

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
