// Settling a segment, as one statement: its id, its counters, and the rows of the blocks that hold its events.

import { type SQL, sql } from 'drizzle-orm'
import { rfc3339 } from '../../kernel/time.ts'
import type { Counter } from '../../metering/counter.ts'
import type { BlockRow, SegmentRef } from '../../metering/ports.ts'
import { lines } from './lines.ts'
import { loggedTenants, sinceWhen } from './logged-tenants.ts'
import { owingMeters, reopened } from './owed-blocks.ts'

/** `applied`: 1, or 0 where it was settled before. `lacking`: blocks that Postgres should have and has not; then nothing is applied. */
export type SettledRow = { applied: string; lacking: string }

/**
 * The ledger's row is inserted first; only if that was new are the counters merged, in key order (two settles that lock the
 * same rows in different orders would deadlock), and the blocks entered. Fewer rows merged than sent fails the whole.
 */
export function settleStatement(segment: SegmentRef, counters: Counter[], blocks: BlockRow[]): SQL {
  const logs = blocks.length > 0
  return sql`
    with lacking as (${lackingBlocks(blocks)}), ${logs ? sentBlocks(blocks) : sql``} since as (
      ${sinceWhen(loggedTenants(counters, blocks))}
    ), applied as (
      insert into segments (id, partition, counters)
      select ${segment.id}, ${segment.partition}::int, ${counters.length}::int
      where (select number from lacking) = 0 and (select count(*) from since) >= 0 ${logs ? sql`and (select count(*) from owing) >= 0` : sql``}
      on conflict (id) do nothing returning id
    ), merged as (
      ${mergedUsage(counters, sql`exists (select 1 from applied)`)}
      returning 1
    )${logs ? enteredBlocks(segment, blocks) : sql``}
    select applied::text as applied,
      case when applied = 1 and merged <> ${counters.length}::int then (merged || ' counters merged, not all')::int end as merged,
      (select number from lacking)::text as lacking
    from (select (select count(*) from applied) as applied, (select count(*) from merged) as merged) as counted`
}

/** Merges counters, each of which is sent once, into `usage`, in key order. */
export function mergedUsage(counters: Counter[], condition: SQL): SQL {
  const column = (of: (counter: Counter) => string | number) => lines(counters.map((one) => String(of(one))))
  return sql`
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
      where ${condition}
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
          else usage.b end`
}

/** A Postgres that was put back between the blocks and this statement has lost them: they are made again first. */
function lackingBlocks(blocks: BlockRow[]): SQL {
  const names = blocks.filter(({ store }) => store === 'postgres').map(({ name }) => name)
  if (names.length === 0) return sql`select 0 as number`
  return sql`select count(*) as number from unnest(${lines(names)}) as named (name)
    where not exists (select 1 from log_contents where log_contents.name = named.name)`
}

function sentBlocks(blocks: BlockRow[]): SQL {
  const sent = blocks.map((block) => ({
    n: block.name,
    s: block.store,
    t: block.tenantId,
    e: block.events,
    rf: block.receivedMicros[0],
    rt: block.receivedMicros[1],
    tf: rfc3339(block.timestampMs[0]),
    tt: rfc3339(block.timestampMs[1]),
    l: block.lists,
    c: block.customers.join(),
    i: block.ids.join(),
    b: block.bytes,
  }))
  return sql`sent_blocks as (
      select * from json_to_recordset(${JSON.stringify(sent)}::json)
        as block (n text, s text, t uuid, e int, rf int8, rt int8, tf timestamptz, tt timestamptz, l jsonb, c text, i text, b int)
    ), owing as (${owingMeters}),`
}

const enteredBlocks = (segment: SegmentRef, blocks: BlockRow[]): SQL => sql`, entered as (
      insert into log_blocks (tenant_id, store, name, segment_id, events, received_from, received_to, timestamp_from,
        timestamp_to, types, lists, ids, bytes)
      select t, s, n, ${segment.id}, e, rf, rt, tf, tt, array(select jsonb_object_keys(l)), l, string_to_array(i, ',')::int[], b
      from sent_blocks where exists (select 1 from applied)
      on conflict (name) do nothing
      returning id, name, received_to
    ), customers as (
      insert into log_customers (customer, received_to, block_id)
      select unnest(string_to_array(c, ',')::int8[]), received_to, id from entered join sent_blocks on n = name
      on conflict do nothing
      returning 1
    ), reopened as (${reopened(blocks)}), to_erase as (${erasuresOf(blocks)})`

/** Erasures that may cover some of these events: something is left of them, whether it was or not. */
const erasuresOf = (blocks: BlockRow[]): SQL => sql`
      update erasures set seq = seq + 1, done_at = null
      where exists (select 1 from applied) and id in (
        select id from erasures
        where by_micros >= ${Math.min(...blocks.map(({ receivedMicros }) => receivedMicros[0]))}::int8
          and tenant_id = any(array(select t from sent_blocks))
        order by id for no key update)`
