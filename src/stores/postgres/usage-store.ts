// The UsageStore over Postgres: settling is one statement, and so is each way of reading. The rule how two counters merge
// stands in settle-statement.ts as SQL for a row, and in merged-usage.ts for a set of rows; in Redis it is scripts/record.ts.

import { sql } from 'drizzle-orm'
import { type Counter, EXPIRED_METER, LOG_METER, type Merge, TALLY_CUSTOMER } from '../../metering/counter.ts'
import {
  type BlockRow,
  type CounterName,
  type HoursQuery,
  type HourTotals,
  type LiveCounter,
  type LoggedCount,
  type SegmentRef,
  SegmentRefused,
  type SpanTotals,
  type Totals,
  type TotalsQuery,
  type UncountedSegment,
  type UsageSpan,
  type UsageStore,
} from '../../metering/ports.ts'
import { inDaysOrHours } from './days.ts'
import type { Db } from './db.ts'
import { query, refusesContent } from './failure.ts'
import { type SettledRow, settleStatement } from './settle-statement.ts'
import {
  type HourRow,
  hoursStatement,
  hourTotalsOf,
  type SpanRow,
  spansStatement,
  spanTotalsOf,
} from './usage-spans.ts'
import { type TotalsRow, totalsOf, totalsStatement } from './usage-totals.ts'

const NO_DAYS = { days: null, daysBefore: null }

const totalsByTheHour = (query: TotalsQuery): TotalsQuery => ({
  ...query,
  ...NO_DAYS,
  ...(query.revised && { revised: query.revised.map((piece) => ({ ...piece, ...NO_DAYS })) }),
})

const byTheHour = (span: UsageSpan): UsageSpan => ({
  ...span,
  days: null,
  ...(span.pieces && { pieces: span.pieces.map((piece) => ({ ...piece, ...NO_DAYS })) }),
})

export class PostgresUsageStore implements UsageStore {
  readonly #db: Db

  constructor(db: Db) {
    this.#db = db
  }

  async settle(
    segment: SegmentRef,
    counters: Counter[],
    blocks: BlockRow[] = [],
  ): Promise<{ applied: boolean }> {
    const { applied, lacking } = await this.#settle(segment, counters, blocks)
    if (lacking !== '0')
      throw new Error(
        `${lacking} blocks of the log are gone from Postgres: it was put back since they were made`,
      )
    return { applied: applied === '1' }
  }

  async #settle(segment: SegmentRef, counters: Counter[], blocks: BlockRow[]): Promise<SettledRow> {
    try {
      const [result] = await query<SettledRow>(this.#db, settleStatement(segment, counters, blocks))
      return result!
    } catch (error) {
      const refusal = refusesContent(error)
      throw refusal === null ? error : new SegmentRefused(refusal, { cause: error })
    }
  }

  async totals(wanted: TotalsQuery, live: LiveCounter[]): Promise<Totals[]> {
    const found = await inDaysOrHours<TotalsRow>(this.#db, (byHour) =>
      totalsStatement(byHour ? totalsByTheHour(wanted) : wanted, live),
    )
    return found.map(totalsOf)
  }

  async spanTotals(
    tenantId: string,
    spans: UsageSpan[],
    live: LiveCounter[],
    without: CounterName[] = [],
  ): Promise<SpanTotals[]> {
    const found = await inDaysOrHours<SpanRow>(this.#db, (byHour) =>
      spansStatement(tenantId, byHour ? spans.map(byTheHour) : spans, live, without),
    )
    return found.map(spanTotalsOf)
  }

  async hourTotals(tenantId: string, wanted: HoursQuery, live: LiveCounter[]): Promise<HourTotals[]> {
    const found = await inDaysOrHours<HourRow>(this.#db, () => hoursStatement(tenantId, wanted, live))
    return found.map(hourTotalsOf)
  }

  async incomplete(tenantId: string, meters: string[], uncounted: UncountedSegment[]): Promise<Set<string>> {
    const found = await query<{ id: string }>(
      this.#db,
      sql`
      select id from meters
      where tenant_id = ${tenantId}::uuid and archived_at is null
        and id = any(array(select json_array_elements_text(${JSON.stringify(meters)}::json)))
        and (filling or exists (
          select 1 from json_to_recordset(${JSON.stringify(uncounted)}::json) as live (segment text, meter text)
          where live.meter = meters.id and not exists (select 1 from segments where segments.id = live.segment)
        ))`,
    )
    return new Set(found.map(({ id }) => id))
  }

  async logged(tenantId: string): Promise<LoggedCount> {
    const tallied = (meter: string) => sql`(select coalesce(sum(a), 0) from usage
      where tenant_id = ${tenantId}::uuid and customer_id = ${TALLY_CUSTOMER}::text
        and meter = ${meter}::text and merge = ${'add' satisfies Merge}::text)`
    const [row] = await query<LoggedCount>(
      this.#db,
      sql`
      select ${tallied(LOG_METER)}::text as tallied,
        (${tallied(EXPIRED_METER)} + (select coalesce(sum(events), 0) from log_blocks where tenant_id = ${tenantId}::uuid))::text as indexed`,
    )
    return row!
  }

  async settledCustomers(tenantId: string, after: string, limit: number): Promise<string[]> {
    // A jump from customer to customer along the primary key, so that the number of their counters doesn't matter: of days, which
    // stay where hours are dropped.
    const found = await query<{ customer_id: string }>(
      this.#db,
      sql`
      with recursive customer as (
        (select customer_id from usage_days where tenant_id = ${tenantId}::uuid and customer_id > ${after}
          and 'usage_by_day'::regclass is not null order by customer_id limit 1)
        union all
        select (select days.customer_id from usage_days as days where days.tenant_id = ${tenantId}::uuid
          and days.customer_id > customer.customer_id order by days.customer_id limit 1)
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
