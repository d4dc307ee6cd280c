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
import type { Db } from './db.ts'
import { query } from './failure.ts'
import { lacks, replaySegment } from './owed-blocks.ts'
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
    const [row] = await query<{ moved: string }>(
      this.#db,
      sql`
      with named as (
        select name from unnest(string_to_array(${blocks.join('\n')}::text, chr(10))) as sent (name) join log_blocks using (name)
        where tenant_id = ${tenantId}::uuid
      ), same_ledger as (
        select id from tenants where id = ${tenantId}::uuid and ledger = ${ledger}::uuid for share
      ), moved as (
        update meters set filled_blocks = filled_blocks + ${blocks.length}::int,
          filled_to = case when filling_seq = ${seq}::int8 then greatest(filled_to, ${filledTo}::int8) else filled_to end
        where tenant_id = ${tenantId}::uuid and id = ${meterId}::text and filling and filled_blocks = ${seen}::int8
          and (select count(*) from named) = ${blocks.length}::int
          and (${ledger === null}::boolean or exists (select 1 from same_ledger))
        returning id
      ), applied as (
        insert into segments (id, partition, counters)
        select ${replaySegment(sql`moved.id`, sql`name`)}, ${NO_PARTITION}::int, ${counters.length}::int
        from moved, named order by name
        returning 1
      ), merged as (
        ${mergedUsage(counters, sql`exists (select 1 from applied)`)}
        returning 1
      )
      select moved::text as moved,
        case when moved = 1 and (applied <> ${blocks.length}::int or merged <> ${counters.length}::int)
          then (applied || ' blocks and ' || merged || ' counters entered, not all')::int end as entered
      from (select (select count(*) from moved) as moved, (select count(*) from applied) as applied,
        (select count(*) from merged) as merged) as counted`,
    )
    return row!.moved === '1'
  }

  async filled({ tenantId, meterId }: Named, { seq, blocks }: Filling): Promise<boolean> {
    const filled = await query(
      this.#db,
      sql`
      update meters set filling = false
      where tenant_id = ${tenantId}::uuid and id = ${meterId}::text and filling
        and filling_seq = ${seq}::int8 and filled_blocks = ${blocks}::int8
      returning '1' as one`,
    )
    return filled.length > 0
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

/** Blocks `b` that the meter of the row around owes. */
const owedBy = (beyond: SQL): SQL => sql`log_blocks as b
  where b.tenant_id = meters.tenant_id and ${beyond} and b.types @> array[meters.resource_type]
    and ${lacks(sql`b.lists`, { type: sql`meters.resource_type`, id: sql`meters.id` })}
    and not exists (select 1 from segments where segments.id = ${replaySegment(sql`meters.id`, sql`b.name`)})`
