// Days beside hours: whether Postgres and this runtime mean the same by a day, and whether hours that are read are still there.
// Each has its own table of time zones, and where one is older, the beginnings of some days differ: then all is read by the hour.
// Whoever reads days names the view that is there when all have theirs (fill-days.ts), and is refused before.

import { type SQL, sql } from 'drizzle-orm'
import { rfc3339 } from '../../kernel/time.ts'
import { hoursGone } from '../../metering/hours-gone.ts'
import type { SpanDays } from '../../metering/span-days.ts'
import type { Db } from './db.ts'
import { query } from './failure.ts'

/** What `ifAgreed` adds. */
type Agreeing = { agrees: string; hours_from: string | null; merge: string | null }

/**
 * The rows of `found`, or one that has none of them: nothing is found, or days begin at other times for Postgres than here, or
 * hours are dropped that it reads. `firstHour`: of these the first, as an instant's text.
 */
export function ifAgreed(tenantId: string, spans: SpanDays[], firstHour: string, found: SQL): SQL {
  const sent = new Map<string, { z: string; d: string; at: string }>()
  for (const { timezone, first, from, to, between } of spans)
    for (const { date, startMs } of [first, from, to, ...between])
      sent.set(`${timezone} ${date}`, { z: timezone, d: date, at: rfc3339(startMs) })
  return sql`select agrees::text as agrees, hours_from::text as hours_from, found.* from (
      select coalesce(bool_and(z = coalesce(timezone, '') and (at at time zone z)::date = d
          and ((at - interval '1 microsecond') at time zone z)::date < d), true) as agrees,
        (select to_char(hours_from at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') from tenants
          where id = ${tenantId}::uuid and hours_from > ${firstHour}::timestamptz) as hours_from
      from json_to_recordset(${JSON.stringify([...sent.values()])}::json) as day (z text, d date, at timestamptz)
      left join tenants on id = ${tenantId}::uuid
      ${sent.size === 0 ? sql`` : sql`where 'usage_by_day'::regclass is not null`}
    ) as zone left join (${found}) as found on agrees and hours_from is null`
}

/** Asks by the day, and by the hour if Postgres has other days. Throws hours_gone. */
export async function inDaysOrHours<Row extends Record<string, string | null>>(
  db: Db,
  statement: (byHour: boolean) => SQL,
): Promise<Row[]> {
  const found = await query<Row & Agreeing>(db, statement(false))
  const agreed = found[0]?.agrees === 'false' ? await query<Row & Agreeing>(db, statement(true)) : found
  const hoursFrom = agreed[0]?.hours_from ?? null
  if (hoursFrom !== null) throw hoursGone(hoursFrom)
  return agreed.filter(({ merge }) => merge !== null)
}

export const hasWholeDays = ({ from, to }: SpanDays): boolean => from.startMs < to.startMs
