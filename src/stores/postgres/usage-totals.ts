// Totals in windows that all customers share, as one statement.

import { type SQL, sql } from 'drizzle-orm'
import { rfc3339 } from '../../kernel/time.ts'
import type { Merge } from '../../metering/counter.ts'
import { ROWS_PER_READ } from '../../metering/limits.ts'
import type { LiveCounter, Totals, TotalsQuery } from '../../metering/ports.ts'
import { liveTable, type MergedRow, mergedColumns, mergedOf, unsettled } from './merged-usage.ts'

export type TotalsRow = MergedRow & {
  customer_id: string
  meter: string
  merge: string
  window_number: string
  groups: string
}

export function totalsStatement(query: TotalsQuery, live: LiveCounter[]): SQL {
  const boundaries = query.boundariesMs.map(rfc3339)
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
      from ${liveTable(live, { withGroups: query.groupPositions.length > 0 })}
      where ${unsettled} and ${wanted(sql`m`, sql`k`)}
    ), placed as (
      select merging.*, ${groups} as kept_groups,
        width_bucket(bucket, array(select json_array_elements_text(${JSON.stringify(boundaries)}::json)::timestamptz)) as window_number
      from merging
    )
    select customer_id, meter, merge, window_number::text as window_number, kept_groups as groups, ${mergedColumns}
    from placed
    group by customer_id, meter, merge, window_number, kept_groups
    order by customer_id collate "C", meter collate "C", window_number, kept_groups collate "C"
    limit ${ROWS_PER_READ + 1}`
}

export const totalsOf = (row: TotalsRow): Totals => ({
  customerId: row.customer_id,
  meter: row.meter,
  merge: row.merge as Merge,
  window: Number(row.window_number) - 1,
  groups: JSON.parse(row.groups) as (string | null)[],
  ...mergedOf(row),
})
