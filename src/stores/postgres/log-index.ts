// The index of the log over Postgres.

import { type SQL, sql } from 'drizzle-orm'
import { rfc3339 } from '../../kernel/time.ts'
import { customerHash, idHash } from '../../log/hashes.ts'
import { BLOCK_SPAN_MICROS, BLOCKS_PER_EVENT } from '../../log/limits.ts'
import type { BlocksQuery, EventFilter, FoundBlocks, LogIndex, Unsettled } from '../../log/ports.ts'
import { actsFrom, takenActs } from './act-store.ts'
import type { Db } from './db.ts'
import { query } from './failure.ts'

type Row = { blocks: string; acts: string; settled: string; erased: string }

export class PostgresLogIndex implements LogIndex {
  readonly #db: Db

  constructor(db: Db) {
    this.#db = db
  }

  findBlocks(wanted: BlocksQuery, unsettled: Unsettled): Promise<FoundBlocks> {
    return this.#find(wanted.tenantId, blocksOf(wanted), unsettled)
  }

  async sizeOf(
    tenantId: string,
    filter: EventFilter,
    limit: number,
  ): Promise<{ blocks: number; events: number }> {
    const [row] = await query<{ blocks: string; events: string }>(
      this.#db,
      sql`select count(*)::text as blocks, coalesce(sum(events), 0)::text as events
        from (${blocksOf({ tenantId, filter, order: 'asc', after: null, limit })}) as found`,
    )
    return { blocks: Number(row!.blocks), events: Number(row!.events) }
  }

  findBlocksOf(tenantId: string, id: string, unsettled: Unsettled): Promise<FoundBlocks> {
    return this.#find(
      tenantId,
      sql`select * from log_blocks where ids @> array[${idHash(tenantId, id)}::int] and tenant_id = ${tenantId}::uuid
        order by received_to desc limit ${BLOCKS_PER_EVENT}::int`,
      unsettled,
    )
  }

  /** The numbers come by a sub-select, so that the planner takes few blocks to have one of them: as it is, by and large. */
  findBlocksWith(tenantId: string, ids: string[], segments: string[]): Promise<FoundBlocks> {
    const numbers = ids.map((id) => idHash(tenantId, id)).join()
    return this.#find(
      tenantId,
      sql`select * from log_blocks
        where ids && array(select unnest(string_to_array(${numbers}, ',')::int[])) and tenant_id = ${tenantId}::uuid
        order by received_from, id`,
      { segments, sinceMicros: null },
    )
  }

  /** One statement, and so one snapshot: what is settled is in the blocks, and what is not is not; and the acts are those on them. */
  async #find(tenantId: string, blocks: SQL, { segments, sinceMicros }: Unsettled): Promise<FoundBlocks> {
    const [row] = await query<Row>(
      this.#db,
      sql`
      with found as (${blocks})
      select
        (select coalesce(json_agg(json_build_array(name, store, segment_id, received_from, received_to)), '[]')
          from found)::text as blocks,
        ${takenActs} as acts,
        (select coalesce(json_agg(segments.id), '[]') from segments
          where segments.id = any(array(select json_array_elements_text(${JSON.stringify(segments)}::json))))::text as settled,
        (select coalesce(json_agg(json_build_array(customer_id, by_micros)), '[]') from erasures
          where tenant_id = ${tenantId}::uuid and (done_at is null or by_micros >= ${sinceMicros}::int8))::text as erased
      from (select array(select name from found) as names) as asked
        left join tenants on tenants.id = ${tenantId}::uuid`,
    )
    const found = JSON.parse(row!.blocks) as [string, string, string, number, number][]
    return {
      blocks: found.map(([name, store, segment, from, to]) => ({
        name,
        store,
        segment,
        receivedMicros: [from, to],
      })),
      acts: actsFrom(row!.acts),
      settled: new Set(JSON.parse(row!.settled) as string[]),
      erased: (JSON.parse(row!.erased) as [string, number][]).map(([one, byMicros]) => ({
        customerId: one,
        byMicros,
      })),
    }
  }
}

/** No block is longer than a span, so that those which begin or end beyond one can be left out by an index. */
function blocksOf({ tenantId, filter, order, after, limit }: BlocksQuery): SQL {
  const { customerId, resourceType, fromMs, toMs } = filter
  const from =
    customerId === null
      ? sql`log_blocks as b`
      : sql`log_customers as c join log_blocks as b on b.id = c.block_id`
  const ends = customerId === null ? sql`b.received_to` : sql`c.received_to`
  const conditions = [
    sql`b.tenant_id = ${tenantId}::uuid`,
    customerId !== null && sql`c.customer = ${customerHash(tenantId, customerId)}::int8`,
    resourceType !== null && sql`b.types @> array[${resourceType}::text]`,
    fromMs !== null && sql`b.timestamp_to >= ${rfc3339(fromMs)}::timestamptz`,
    toMs !== null && sql`b.timestamp_from < ${rfc3339(toMs)}::timestamptz`,
    after !== null && beyond(order, after.receivedMicros, ends),
  ].filter((condition) => condition !== false)
  const sorted = order === 'desc' ? sql`${ends} desc, b.id desc` : sql`b.received_from, b.id`
  return sql`select b.* from ${from} where ${sql.join(conditions, sql` and `)} order by ${sorted} limit ${limit + 1}::int`
}

const beyond = (order: BlocksQuery['order'], micros: number, ends: SQL): SQL =>
  order === 'desc'
    ? sql`${ends} <= ${micros + BLOCK_SPAN_MICROS}::int8 and b.received_from <= ${micros}::int8`
    : sql`b.received_from >= ${micros - BLOCK_SPAN_MICROS}::int8 and ${ends} >= ${micros}::int8`
