// What every read of usage shares: the live counters as a table, which of them count, and how a set of counters merges.
// What Postgres has in `segments` is in `usage`, and is left out of what Redis answered a moment before: so it must be one
// statement, and one snapshot, that looks at both.

import { type SQL, sql } from 'drizzle-orm'
import { rfc3339 } from '../../kernel/time.ts'
import type { LiveCounter, MergedValue } from '../../metering/ports.ts'

/** Live counters as a table `live`; their groups only where they are asked for: they may be most of the text. */
export function liveTable(live: LiveCounter[], { withGroups }: { withGroups: boolean }): SQL {
  const sent = live.map((c) => ({
    s: c.segment,
    c: c.customerId,
    m: c.meter,
    k: rfc3339(c.bucketMs),
    ...(withGroups && { g: c.groups }),
    d: c.distinctValue,
    o: c.merge,
    a: c.a,
    b: c.b,
  }))
  return sql`json_to_recordset(${JSON.stringify(sent)}::json)
    as live (s text, c text, m text, k timestamptz, g text, d text, o text, a numeric, b numeric)`
}

/** Of a row of `live`: its segment is not in `usage` yet. */
export const unsettled = sql`not exists (select 1 from segments where segments.id = live.s)`

export type MergedRow = {
  a: string
  b: string
  ab: string
  settled_rows: string
  settled_a: string | null
  settled_b: string | null
  settled_ab: string | null
}

/** A counter's a, weighted with its time; of days it is kept. */
export const weighted = (bucket: SQL): SQL => sql`a * (extract(epoch from ${bucket}) * 1000)::bigint`

/** Of groups by `merge` of rows with distinct_value, a, b, ab, and whether they are settled. */
export const mergedColumns: SQL = columnsOf()

function columnsOf(): SQL {
  const settled = sql`settled`
  const all = sql`true`
  return sql`${mergedA(all)} as a, sum(b)::text as b, ${weightedSum(all)} as ab,
    (count(*) filter (where settled))::text as settled_rows,
    ${mergedA(settled)} as settled_a, (sum(b) filter (where settled))::text as settled_b, ${weightedSum(settled)} as settled_ab`
}

/**
 * Postgres computes every branch, whatever the merge is: what has to sort takes only its own rows. A row of `once` without a value
 * has a number of them in `a`, none of which is in another row.
 */
function mergedA(which: SQL): SQL {
  return sql`(case merge
    when 'add' then sum(a) filter (where ${which})
    when 'min' then min(a) filter (where ${which})
    when 'max' then max(a) filter (where ${which})
    when 'latest' then (array_agg(a order by b desc, a desc) filter (where ${which} and merge = 'latest'))[1]
    else count(distinct distinct_value) filter (where ${which} and merge = 'once')
      + coalesce(sum(a) filter (where ${which} and merge = 'once' and distinct_value is null), 0) end)::text`
}

function weightedSum(which: SQL): SQL {
  return sql`(sum(ab) filter (where ${which}))::text`
}

export const mergedOf = (row: MergedRow): { all: MergedValue; settled: MergedValue | null } => ({
  all: { a: row.a, b: row.b, aTimesBucketMs: row.ab },
  settled:
    row.settled_rows === '0'
      ? null
      : { a: row.settled_a!, b: row.settled_b!, aTimesBucketMs: row.settled_ab! },
})
