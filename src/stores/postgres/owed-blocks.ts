// Which blocks of the log a meter owes, as SQL: those with events of its type whose list lacks its id. By type alone: an
// amendment may move any event into what it counts. Of a meter that does not reach back, those alone that begin after it was
// made: a server may have recorded their events by a configuration from before.

import { type SQL, sql } from 'drizzle-orm'
import type { BlockRow } from '../../metering/ports.ts'

/** Of a meter, which segment its counting of a block stands for in `segments`: it is counted once. */
export const replaySegment = (meterId: SQL, block: SQL): SQL =>
  sql`'replay:' || ${meterId} || ':' || ${block}`

/** `lists`: {type: [lists]} as jsonb. */
export const lacks = (lists: SQL, meter: { type: SQL; id: SQL }): SQL =>
  sql`exists (select 1 from jsonb_array_elements(${lists} -> ${meter.type}) as list where not list ? ${meter.id})`

/** Of the meter of the row around: whether a block that begins then (µs) is any of its business. */
export const reaches = (receivedFrom: SQL): SQL =>
  sql`(meters.counts_from is not null or meters.reads_from is not null or ${receivedFrom} > meters.born_micros)`

/** Whether the meter of the row around owes block `b`. */
export const owes: SQL = sql`(b.tenant_id = meters.tenant_id and ${reaches(sql`b.received_from`)} and b.types @> array[meters.resource_type]
    and ${lacks(sql`b.lists`, { type: sql`meters.resource_type`, id: sql`meters.id` })}
    and not exists (select 1 from segments where segments.id = ${replaySegment(sql`meters.id`, sql`b.name`)}))`

/**
 * The meters that owe a block of this segment. Their rows are locked before anything else is, here and wherever blocks are
 * counted into them: so none can wait for the other in a circle, and blocks that a meter owes come one after the other.
 */
export const owingMeters: SQL = sql`
  select meters.tenant_id, meters.id from meters join sent_blocks on meters.tenant_id = t
  where meters.archived_at is null and ${reaches(sql`rf`)}
    and l ? meters.resource_type and ${lacks(sql`l`, { type: sql`meters.resource_type`, id: sql`meters.id` })}
  order by meters.tenant_id, meters.id
  for no key update of meters`

/** They aren't filled any more, whether they were or not. */
export const reopened = (blocks: BlockRow[]): SQL => sql`
  update meters set filling = true, filling_seq = filling_seq + 1,
    filled_to = least(filled_to, ${Math.min(...blocks.map(({ receivedMicros }) => receivedMicros[1])) - 1}::int8)
  where (tenant_id, id) in (select tenant_id, id from owing) and exists (select 1 from applied)`
