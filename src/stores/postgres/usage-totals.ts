// Totals in windows that all customers share, as one statement.

import { type SQL, sql } from 'drizzle-orm'
import { rfc3339 } from '../../kernel/time.ts'
import type { Merge } from '../../metering/counter.ts'
import { HISTORY, historyOf } from '../../metering/history.ts'
import { ROWS_PER_READ } from '../../metering/limits.ts'
import type { LiveCounter, RevisedHours, Totals, TotalsQuery } from '../../metering/ports.ts'
import { ifAgreed } from './days.ts'
import { inSets, knownNumber, setNumbers } from './distinct-values.ts'
import { instantText } from './instant-text.ts'
import { liveTable, type MergedRow, mergedColumns, mergedOf, unsettled, weighted } from './merged-usage.ts'
import type { HourRange } from './span-ranges.ts'
import { monthRows, windowRanges } from './window-ranges.ts'

export type TotalsRow = MergedRow & {
  customer_id: string
  meter: string
  merge: string
  window_number: string
  groups: string
}

export function totalsStatement(query: TotalsQuery, live: LiveCounter[]): SQL {
  const boundaries = query.boundariesMs.map(rfc3339)
  const list = (values: string[]) =>
    sql`array(select json_array_elements_text(${JSON.stringify(values)}::json))`
  const idsOf = (ids: string[]) => (query.history ? ids.flatMap((id) => [id, historyOf(id)]) : ids)
  const levelMeters = idsOf(query.levelMeters)
  const isAsked = (meter: SQL) => sql`${meter} = any(${list(idsOf(query.meters))})`
  const named = query.history
    ? sql`case when left(meter, ${HISTORY.length}::int) = ${HISTORY}::text then substr(meter, ${HISTORY.length + 1}::int) else meter end as meter`
    : sql`meter`
  const isLevel = (meter: SQL) => sql`${meter} = any(${list(levelMeters)})`
  const wanted = (meter: SQL, bucket: SQL) => sql`${bucket} < ${boundaries.at(-1)}::timestamptz
    and (${bucket} >= ${boundaries[0]}::timestamptz or ${isLevel(meter)}) and ${isAsked(meter)}`
  const own = sql`tenant_id = ${query.tenantId}::uuid and customer_id = any(${list(query.customerIds)})`
  const window = (bucket: SQL) =>
    sql`width_bucket(${bucket}, array(select json_array_elements_text(${JSON.stringify(boundaries)}::json)::timestamptz))`
  const ranges = windowRanges(query)
  const { plain, revised } = ranges
  const revisedHours = revised.flatMap(({ meter, hours }) =>
    hours.map(({ from, to }) => ({ m: meter, f: from, t: to })),
  )
  const revisedMonths = revised.flatMap(({ meter, months }) =>
    months.map(({ from, to, days, window }) => ({
      m: meter,
      f: from ?? '-infinity',
      t: to,
      bits: days,
      window_number: window,
    })),
  )
  const [before, within] = [plain.before.months, monthRows(plain.within.months)]
  const inMonths = before.length + within.length + revisedMonths.length > 0
  const distinct = inMonths && query.distinct !== false
  const isPlain = sql`${isAsked(sql`meter`)} ${revised.length === 0 ? sql`` : sql`and not meter = any(${list(idsOf(revised.map(({ meter }) => meter)))})`}`
  const isOf = (meter: SQL) =>
    query.history ? sql`meter in (${meter}, ${HISTORY}::text || ${meter})` : sql`meter = ${meter}`
  const hours = (from: SQL) => sql`
      select customer_id, ${named}, bucket, ${window(sql`bucket`)} as window_number, groups,
        case merge when 'once' then usage_digest(distinct_value) end as distinct_value,
        merge, a, b, case merge when 'add' then ${weighted(sql`bucket`)} else 0 end as ab, true as settled
      from ${from}`
  const plainHours = ({ from, to }: HourRange, where: SQL) =>
    hours(
      sql`usage where ${own} and ${isPlain} and bucket >= ${from}::timestamptz and bucket < ${to}::timestamptz and ${where}`,
    )
  const groups =
    query.groupPositions.length === 0
      ? sql`'[]'`
      : sql`jsonb_build_array(${sql.join(
          query.groupPositions.map((position) => sql`groups::jsonb -> ${position}::int`),
          sql`, `,
        )})::text`
  const together = sql`customer_id, meter, window_number, kept_groups`
  const read = [
    ...plain.before.hours.map((range) => plainHours(range, isLevel(sql`meter`))),
    ...plain.within.hours.map((range) => plainHours(range, sql`true`)),
    ...(revisedHours.length === 0
      ? []
      : [
          hours(sql`json_to_recordset(${JSON.stringify(revisedHours)}::json) as range (m text, f timestamptz, t timestamptz)
        cross join lateral (select * from usage where ${own} and ${isOf(sql`m`)} and bucket >= f and bucket < t offset 0) as own`),
        ]),
    ...(inMonths ? [ofMonths()] : []),
    ...(live.length === 0
      ? []
      : [
          sql`
      select c as customer_id, m as meter, k as bucket, ${window(sql`k`)} as window_number, g as groups,
        case o when 'once' then usage_digest(d) end as distinct_value, o as merge, a, b,
        case o when 'add' then ${weighted(sql`k`)} else 0 end as ab, false as settled
      from ${liveTable(live, { withGroups: query.groupPositions.length > 0 })}
      where ${unsettled} and ${wanted(sql`m`, sql`k`)}`,
        ]),
  ]
  return sql`
    with ${inMonths ? monthsTable() : sql``} merging as (
      ${sql.join(read, sql` union all `)}
    ), merged as (
      select ${query.revised ? sql`coalesce(as_meter, meter) as meter, customer_id, window_number, distinct_value, merge, a, b, ab, settled` : sql`merging.*`},
        ${query.revised ? revisedGroups(query) : groups} as kept_groups
      from merging ${query.revised ? inTheirHours(query.revised) : sql``}
    )${distinct ? withDistinct() : sql``}
    ${ifAgreed(
      query.tenantId,
      ranges.days,
      ranges.firstHour,
      sql`select customer_id, meter, merge, window_number::text as window_number, kept_groups as groups, ${mergedColumns}
    from ${distinct ? sql`placed` : sql`merged`}
    group by customer_id, meter, merge, window_number, kept_groups
    limit ${ROWS_PER_READ + 1}`,
    )}
    order by customer_id collate "C", meter collate "C", window_number::int, groups collate "C"`

  function ofMonths(): SQL {
    const found = sql`customer_id, ${named}, null::timestamptz as bucket, window_number, groups, null::uuid as distinct_value, merge`
    return sql`
      select ${found}, a, b, ab, true as settled from own_months where merge <> 'once' and bits is null
      union all select ${found}, day_a[d], day_b[d], day_ab[d], true
      from (select *, days & bits as chosen from own_months where merge <> 'once' and days & bits <> 0 offset 0) as own
      join generate_series(1, 31) as d on chosen & (1 << (d - 1)) <> 0`
  }

  /**
   * The rows of months, each as often as it is in windows: of meters that were not revised those of the windows by a join with the
   * months, and those of a level before them as a whole.
   */
  function monthsTable(): SQL {
    const months = within.map(({ month }) => month).sort()
    const rows = [
      ...(months.length === 0
        ? []
        : [
            sql`select own.*, window_number, bits from (
        select * from usage_days where ${own} and ${isPlain} and month >= ${months[0]}::date and month <= ${months.at(-1)}::date offset 0
      ) as own join json_to_recordset(${JSON.stringify(within.map(({ month, ...range }) => ({ ...range, range_month: month })))}::json) as range (window_number int, range_month date, bits int) on range_month = own.month`,
          ]),
      ...before.map(
        ({
          from,
          to,
          days,
        }) => sql`select usage_days.*, 0 as window_number, ${days}::int as bits from usage_days
        where ${own} and ${isPlain} and ${isLevel(sql`meter`)} and ${from === null ? sql`month < ${to}::date` : sql`month = ${from}::date`}`,
      ),
      ...(revisedMonths.length === 0
        ? []
        : [
            sql`select own.*, window_number, bits
        from json_to_recordset(${JSON.stringify(revisedMonths)}::json) as range (m text, f date, t date, bits int, window_number int)
        cross join lateral (select * from usage_days where ${own} and ${isOf(sql`m`)} and month >= f and month < t offset 0) as own`,
          ]),
    ]
    return sql`own_months as (${sql.join(rows, sql` union all `)}),`
  }

  function withDistinct(): SQL {
    const ownMeter = sql`(select *, customer_id as of_customer, meter as own_meter from own_months where merge = 'once') as own`
    return sql`, named_months as (
      select customer_id, ${named}, of_customer, own_meter, window_number, month, groups, bits, days, day_a, b from ${ownMeter}
      where bits is null or days & bits <> 0
    ), sets as (
      select customer_id, ${query.revised ? sql`coalesce(as_meter, meter) as meter, ${revisedGroups(query)}` : sql`meter, ${groups}`} as kept_groups,
        of_customer, own_meter, window_number, month, groups, bits, ${knownNumber(sql`bits`)} as number
      from named_months ${query.revised ? revisedTable(query.revised) : sql``}
    ), ${setNumbers(query.tenantId, together)}, placed as (
      select ${together}, distinct_value, merge, a, b, ab, settled from merged
      where merge <> 'once' or not ${inSets(
        query.tenantId,
        sql`merged.distinct_value`,
        sql`(sets.customer_id, sets.meter, sets.window_number, sets.kept_groups) = (merged.customer_id, merged.meter, merged.window_number, merged.kept_groups)`,
      )}
      union all
      select ${together}, null, 'once', number, 0, 0, true from set_numbers
    )`
  }
}

/** Counters of what was revised are those of the hours that are read from them. Months are read of no others. */
const inTheirHours = (revised: RevisedHours[]): SQL => sql`${revisedTable(revised)}
    where m is null or bucket is null or (bucket >= f and bucket < t)`

function revisedTable(revised: RevisedHours[]): SQL {
  const sent = revised.map(({ meter, as, fromMs, toMs, groupPositions }) => ({
    m: meter,
    as_meter: as,
    f: instantText(fromMs),
    t: instantText(toMs),
    p: groupPositions,
  }))
  return sql`left join json_to_recordset(${JSON.stringify(sent)}::json)
      as revised (m text, as_meter text, f timestamptz, t timestamptz, p jsonb) on m = meter`
}

const revisedGroups = ({ groupPositions }: TotalsQuery): SQL =>
  groupPositions.length === 0
    ? sql`'[]'`
    : sql`jsonb_build_array(${sql.join(
        groupPositions.map(
          (position, i) => sql`groups::jsonb -> coalesce((p ->> ${i}::int)::int, ${position}::int)`,
        ),
        sql`, `,
      )})::text`

export const totalsOf = (row: TotalsRow): Totals => ({
  customerId: row.customer_id,
  meter: row.meter,
  merge: row.merge as Merge,
  window: Number(row.window_number) - 1,
  groups: JSON.parse(row.groups) as (string | null)[],
  ...mergedOf(row),
})
