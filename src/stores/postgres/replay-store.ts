// Filling meters from the log. A block is counted by one statement, with the name of its counting in `segments`; that, and what
// stands on the meter's own row, which is locked first, makes it count once whoever else is at it.

import { type SQL, sql } from 'drizzle-orm'
import { REPLAY_BLOCKS_SHOWN } from '../../log/limits.ts'
import type {
  Filling,
  FillingMeter,
  FillProgress,
  Owed,
  OwedPosition,
  ReplayStore,
} from '../../log/replay-ports.ts'
import { historyOf } from '../../metering/history.ts'
import type { Db } from './db.ts'
import { erasedSince } from './erased-hours.ts'
import { query } from './failure.ts'
import { lines } from './lines.ts'
import { owes, replaySegment } from './owed-blocks.ts'
import { changedBy, recountedParts } from './recounted.ts'
import { meterFrom } from './rows.ts'
import { mergedUsage } from './settle-statement.ts'

/** Of no partition: what is counted from the log never was in a segment of the counter store. */
const NO_PARTITION = -1

type Named = { tenantId: string; meterId: string }
type FillingColumns = { seq: string; blocks: string; filled_to: string; born_act: string }

const fillingColumns = sql`filling_seq::text as seq, filled_blocks::text as blocks, filled_to::text as filled_to, born_act::text as born_act`

const fillingOf = (row: FillingColumns): Filling => ({
  seq: Number(row.seq),
  blocks: Number(row.blocks),
  toMicros: Number(row.filled_to),
  bornAct: Number(row.born_act),
})

export class PostgresReplayStore implements ReplayStore {
  readonly #db: Db

  constructor(db: Db) {
    this.#db = db
  }

  async fillingMeters(limit: number): Promise<FillingMeter[]> {
    const found = await query<FillingColumns & { tenant: string; meter: string }>(
      this.#db,
      sql`
      select tenant_id::text as tenant, to_jsonb(meters)::text as meter, ${fillingColumns}
      from meters where filling order by random() limit ${limit}::int`,
    )
    return found.map((row) => ({
      tenantId: row.tenant,
      meter: meterFrom(row.meter),
      filling: fillingOf(row),
    }))
  }

  async owed(
    { tenantId, meterId }: Named,
    { after, limit, segments }: { after: OwedPosition | null; limit: number; segments: string[] },
  ): Promise<Owed | null> {
    const beyond =
      after === null
        ? sql`b.received_to > filled_to`
        : sql`(b.received_to, b.id) > (${after.receivedMicros}::int8, ${after.id}::int8)`
    const [row] = await query<
      FillingColumns & { owed: string; unsettled: string; ledger: string; acts: string }
    >(
      this.#db,
      sql`
      select ${fillingColumns}, (
          select coalesce(json_agg(json_build_array(name, store, segment_id, received_from, received_to, id::text, events)
            order by received_to, id), '[]')
          from (select b.* from ${owedBy(beyond)} order by b.received_to, b.id limit ${limit}::int) as found
        )::text as owed, (
          select count(*) from json_array_elements_text(${JSON.stringify(segments)}::json) as live (id)
          where not exists (select 1 from segments where segments.id = live.id)
        )::text as unsettled, tenants.ledger::text as ledger, tenants.acts::text as acts
      from meters join tenants on tenants.id = tenant_id
      where tenant_id = ${tenantId}::uuid and meters.id = ${meterId}::text and filling`,
    )
    if (row === undefined) return null
    const owed = JSON.parse(row.owed) as [string, string, string, number, number, string, number][]
    return {
      filling: fillingOf(row),
      unsettled: Number(row.unsettled),
      ledger: row.ledger,
      acts: Number(row.acts),
      blocks: owed.map(([name, store, segment, from, to, id, events]) => ({
        ...{ name, store, segment, id, events },
        receivedMicros: [from, to],
      })),
    }
  }

  async enter(
    { tenantId, meterId }: Named,
    { seq, blocks: seen }: Filling,
    { blocks, counters, filledTo, ledger }: Parameters<ReplayStore['enter']>[2],
  ): Promise<boolean> {
    // A revision that is being filled is in no bill.
    const isRead = sql`(select count(*) from merged) > 0 and exists (select 1 from moved where state <> 'filling')`
    const [row] = await query<{ moved: string }>(
      this.#db,
      sql`
      with named as (
        select name from unnest(${lines(blocks)}) as sent (name) join log_blocks using (name)
        where tenant_id = ${tenantId}::uuid
      ), same_ledger as (
        select id from tenants where id = ${tenantId}::uuid and ledger = ${ledger}::uuid for share
      ), moved as (
        update meters set filled_blocks = filled_blocks + ${blocks.length}::int,
          filled_to = case when filling_seq = ${seq}::int8 then greatest(filled_to, ${filledTo}::int8) else filled_to end
        where tenant_id = ${tenantId}::uuid and id = ${meterId}::text and filling and filled_blocks = ${seen}::int8
          and (select count(*) from named) = ${blocks.length}::int
          and (${ledger === null}::boolean or exists (select 1 from same_ledger))
        returning id, state
      ), applied as (
        insert into segments (id, partition, counters)
        select ${replaySegment(sql`moved.id`, sql`name`)}, ${NO_PARTITION}::int, ${counters.length}::int
        from moved, named order by name
        returning 1
      ), merged as (
        ${mergedUsage(counters, sql`exists (select 1 from applied)`)}
        returning 1
      )${counters.length === 0 ? sql`` : sql`, ${recountedParts(tenantId, changedBy(counters, isRead))}`}
      select moved::text as moved,
        case when moved = 1 and (applied <> ${blocks.length}::int or merged <> ${counters.length}::int)
          then (applied || ' blocks and ' || merged || ' counters entered, not all')::int end as entered
      from (select (select count(*) from moved) as moved, (select count(*) from applied) as applied,
        (select count(*) from merged) as merged) as counted`,
    )
    return row!.moved === '1'
  }

  /** Counters that an act had taken from before they were counted come to nothing, and go. */
  async filled({ tenantId, meterId }: Named, { seq, blocks }: Filling): Promise<boolean> {
    const filled = await query(
      this.#db,
      sql`
      with filled as (
        update meters set filling = false
        where tenant_id = ${tenantId}::uuid and id = ${meterId}::text and filling
          and filling_seq = ${seq}::int8 and filled_blocks = ${blocks}::int8
        returning tenant_id, id, born_act
      ), emptied as (
        delete from usage using filled join tenants on tenants.id = filled.tenant_id
        where acts > born_act and usage.tenant_id = ${tenantId}::uuid
          and usage.meter in (filled.id, ${historyOf(meterId)}::text)
          and usage.merge = 'add' and usage.a = 0 and usage.b = 0
      )
      select '1' as one from filled`,
    )
    return filled.length > 0
  }

  /**
   * As in every change of a catalog, the tenant's row is locked first. Nothing changes in what is counted; whatever invoices bill of
   * its hours may be another quantity now, and is looked at again. One that is cancelled replaces nothing.
   */
  async switchOver(
    { tenantId, meterId }: Named,
    { seq, blocks }: Filling,
  ): ReturnType<ReplayStore['switchOver']> {
    const filled = sql`state = 'filling' and filling and filling_seq = ${seq}::int8 and filled_blocks = ${blocks}::int8`
    const [row] = await query<{ version: string | null; switched: string }>(
      this.#db,
      sql`
      with moved as (
        update tenants set config_version = config_version + 1
        where id = ${tenantId}::uuid and exists (
          select 1 from meters where tenant_id = ${tenantId}::uuid and id = ${meterId}::text and ${filled})
        returning id, config_version
      ), seen as (
        select moved.id as tenant, ${erasedSince(sql`moved.id`, sql`meters.reads_from`)} is not null as erased
        from moved join meters on tenant_id = moved.id and meters.id = ${meterId}::text
      ), done as (
        update meters set filling = false, state = case when erased then 'cancelled' else 'current' end,
          switched_at = case when erased then null else now() end, archived_at = case when erased then now() end
        from seen where tenant_id = tenant and meters.id = ${meterId}::text and ${filled}
        returning meters.tenant_id, meters.id, meters.key, meters.reads_from, meters.state
      ), switched as (
        select * from done where state = 'current'
      ), replaced as (
        update meters set state = 'replaced', reads_to = least(reads_to, switched.reads_from),
          replaced_at = coalesce(replaced_at, now())
        from switched where meters.tenant_id = switched.tenant_id and meters.key = switched.key
          and meters.state in ('current', 'replaced')
        returning 1
      ), ${recountedParts(tenantId, billedHours)}
      select (select config_version from moved, done)::text as version, (select count(*) from switched)::text as switched,
        (select count(*) from replaced)::text as replaced,
        (select count(*) from recounted)::text as recounted`,
    )
    const { version, switched } = row!
    return version === null ? null : { version: Number(version), isSwitched: switched === '1' }
  }

  async progress(tenantId: string, meterIds: string[]): Promise<Map<string, FillProgress>> {
    if (meterIds.length === 0) return new Map()
    const found = await query<{ id: string; done: string; owed: string }>(
      this.#db,
      sql`
      select id, filled_blocks::text as done, (
          select count(*) from (select 1 from ${owedBy(sql`b.received_to > filled_to`)} limit ${REPLAY_BLOCKS_SHOWN}::int) as owed
        )::text as owed
      from meters
      where tenant_id = ${tenantId}::uuid and filling
        and id = any(array(select json_array_elements_text(${JSON.stringify(meterIds)}::json)))`,
    )
    return new Map(
      found.map(({ id, done, owed }) => [id, { done: Number(done), of: Number(done) + Number(owed) }]),
    )
  }
}

/** Hours of `switched` that issued invoices have lines of, as `recountedParts` takes them. */
const billedHours = sql`
  select customer_id, switched.id as meter,
    unnest(array[greatest(reads_from, period_start), greatest(reads_from, period_end - interval '1 hour')]) as bucket
  from switched join invoices on invoices.tenant_id = switched.tenant_id
    and status not in ('draft', 'void') and period_end > reads_from
    and invoices.state -> 'lines' @> jsonb_build_array(jsonb_build_object('kind', 'usage', 'meter', switched.key))`

/** Blocks `b` that the meter of the row around owes. */
const owedBy = (beyond: SQL): SQL => sql`log_blocks as b where ${beyond} and ${owes}`
