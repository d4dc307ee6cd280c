// What an act is computed from, as SQL: a tenant's ledger with the acts on some blocks, and rows with their marks.

import { type SQL, sql } from 'drizzle-orm'
import type { Ground, Marked } from '../../log/act-ports.ts'
import type { Amounts, CounterPlace } from '../../log/effect.ts'
import { customerHash } from '../../log/hashes.ts'
import type { FoundBlock } from '../../log/ports.ts'
import { meterOf } from '../../metering/history.ts'
import { placeJson, sameRow } from './act-statement.ts'
import { actsFrom, takenActs } from './act-store.ts'
import { configJson } from './key-store.ts'
import { lines } from './lines.ts'
import { replaySegment } from './owed-blocks.ts'
import { configFrom } from './rows.ts'

export type GroundRow = {
  config: string
  ledger: string
  log_since: string | null
  hours_from: string | null
  blocks: string
  acts: string
  born: string
  replayed: string
}

/** One statement, and so one snapshot. */
export const groundStatement = (tenantId: string, blocks: string[]): SQL => sql`
  select ${configJson} as config, ledger::text as ledger,
    case when log_since <= created_at then '-Infinity' else floor(extract(epoch from log_since) * 1000)::text end as log_since,
    floor(extract(epoch from hours_from) * 1000)::text as hours_from,
    (select coalesce(json_agg(${blockJson} order by b.received_from, b.id), '[]') from log_blocks as b
      where b.tenant_id = tenants.id and b.name = any(asked.names))::text as blocks,
    ${takenActs} as acts,
    (select coalesce(json_object_agg(id, born_micros), '{}') from meters
      where meters.tenant_id = tenants.id and born_micros is not null)::text as born,
    (select coalesce(json_agg(meters.id || ' ' || block), '[]') from meters, unnest(asked.names) as block
      where meters.tenant_id = tenants.id and archived_at is not null
        and exists (select 1 from segments where segments.id = ${replaySegment(sql`meters.id`, sql`block`)})
    )::text as replayed
  from tenants, (select ${lines(blocks)} as names) as asked
  where tenants.id = ${tenantId}::uuid`

const blockJson: SQL = sql`json_build_array(b.name, b.store, b.segment_id, b.received_from, b.received_to)`

const blocksFrom = (json: string): FoundBlock[] =>
  (JSON.parse(json) as [string, string, string, number, number][]).map(
    ([name, store, segment, from, to]) => ({ name, store, segment, receivedMicros: [from, to] }),
  )

export const groundOf = (row: GroundRow): Ground => ({
  config: configFrom(row.config),
  ledger: row.ledger,
  logSinceMs: row.log_since === null ? null : Number(row.log_since),
  hoursFromMs: row.hours_from === null ? null : Number(row.hours_from),
  blocks: blocksFrom(row.blocks),
  acts: actsFrom(row.acts),
  bornMicros: new Map(Object.entries(JSON.parse(row.born) as Record<string, number>)),
  replayed: new Set(JSON.parse(row.replayed) as string[]),
})

export type MarkRow = { rows: string; blocks: string }

/** Blocks that may hold an event of one of the hours, as it was sent or as it is: see where acts are entered. */
export function markStatement(tenantId: string, places: CounterPlace[], limit: number): SQL {
  const sent = places.map((place, n) => ({
    n,
    h: customerHash(tenantId, place.customerId),
    counts: meterOf(place.meterId),
    ...placeJson(place),
  }))
  return sql`
    with sent as (
      select * from json_to_recordset(${JSON.stringify(sent)}::json)
        as sent (n int, h int8, counts text, c text, m text, k timestamptz, g text, d text)
    ), hours as (
      select distinct h, k, resource_type
      from sent join meters on meters.tenant_id = ${tenantId}::uuid and meters.id = counts
    )
    select
      (select json_agg(json_build_array(u.xmin::text, trim_scale(u.a)::text, trim_scale(u.b)::text) order by n)
        from sent left join usage as u on ${sameRow(sql`u`, tenantId, sql`sent`)})::text as rows,
      (select coalesce(json_agg(${blockJson}), '[]') from (
        select distinct b.name, b.store, b.segment_id, b.received_from, b.received_to
        from hours join log_customers as c on c.customer = h join log_blocks as b on b.id = c.block_id
        where b.tenant_id = ${tenantId}::uuid and b.types @> array[resource_type]
          and b.timestamp_to >= k and b.timestamp_from < k + interval '1 hour'
        limit ${limit}::int
      ) as b)::text as blocks`
}

export const markedOf = (row: MarkRow, places: CounterPlace[]): Marked => ({
  rows: (JSON.parse(row.rows) as [string | null, string, string][]).map(([mark, a, b], i) => {
    const amounts: Amounts | null = mark === null ? null : { a, b }
    return { ...places[i]!, mark, amounts }
  }),
  blocks: blocksFrom(row.blocks),
})
