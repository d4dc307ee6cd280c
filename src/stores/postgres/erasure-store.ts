// Erasures over Postgres: who is to be erased, in which blocks that is still to be done, and what was done.

import { type SQL, sql } from 'drizzle-orm'
import { base64 } from '../../kernel/base64.ts'
import type {
  BlockToErase,
  Erasure,
  ErasureStore,
  LiveSegment,
  NewErasure,
  Rewritten,
} from '../../log/erasure-ports.ts'
import { customerHash } from '../../log/hashes.ts'
import { BLOCK_SPAN_MICROS } from '../../log/limits.ts'
import { EXPIRED_METER, TALLY_CUSTOMER } from '../../metering/counter.ts'
import type { Db } from './db.ts'
import { erasedCorrections } from './erased-corrections.ts'
import { query } from './failure.ts'
import { owes } from './owed-blocks.ts'

type ErasureRow = {
  id: string
  tenant_id: string
  customer_id: string
  by_micros: string
  blocks: string
  events: string
  remaining: string
  created_ms: string
  done_ms: string | null
}

type BlockRow = { tenant: string; id: string; name: string; events: string; bytes: string; erasures: string }

const ms = (instant: SQL): SQL => sql`floor(extract(epoch from ${instant}) * 1000)::int8::text`

/** Blocks `b` that have events which erasure `e` covers. No block is longer than a span: so the customer's later ones are left out. */
const toErase: SQL = sql`log_customers as c join log_blocks as b on b.id = c.block_id and b.tenant_id = e.tenant_id
  where c.customer = e.customer and c.erased_to < e.by_micros and c.received_to <= e.by_micros + ${BLOCK_SPAN_MICROS}::int8
    and b.received_from <= e.by_micros`

/** What an act took that waits to be entered again is erased after it: it changes what was counted of these events. */
const waitedFor: SQL = sql`select 1 from offered_acts as o where o.tenant_id = b.tenant_id and o.segments @> array[b.segment_id]`

const shown = (where: SQL): SQL => sql`
  select e.id::text as id, tenant_id::text as tenant_id, customer_id, by_micros::text as by_micros, blocks::text as blocks,
    events::text as events, ${ms(sql`e.created_at`)} as created_ms, ${ms(sql`e.done_at`)} as done_ms,
    case when done_at is null then (select count(*) from ${toErase}) else 0 end::text as remaining
  from erasures as e where ${where}`

export class PostgresErasureStore implements ErasureStore {
  readonly #db: Db

  constructor(db: Db) {
    this.#db = db
  }

  async enter(erasures: NewErasure[]): Promise<void> {
    const rows = erasures.map(({ id, tenantId, customerId, byMicros }) => ({
      ...{ id, tenant: tenantId, named: customerId, by: byMicros },
      hash: customerHash(tenantId, customerId),
    }))
    await query(
      this.#db,
      sql`
      insert into erasures (id, tenant_id, customer_id, customer, by_micros)
      select id, tenant, named, hash::int8, by
      from json_to_recordset(${JSON.stringify(rows)}::json) as sent (id uuid, tenant uuid, named text, hash text, by int8)
      on conflict (id) do nothing`,
    )
  }

  async list(
    tenantId: string,
    { customerId, after, limit }: Parameters<ErasureStore['list']>[1],
  ): Promise<Erasure[]> {
    const found = await query<ErasureRow>(
      this.#db,
      sql`${shown(sql`tenant_id = ${tenantId}::uuid
        and (${customerId}::text is null or customer_id = ${customerId}::text)
        and (${after}::uuid is null or (created_at, id) < (select last.created_at, last.id from erasures as last
          where last.id = ${after}::uuid and last.tenant_id = ${tenantId}::uuid))`)}
      order by created_at desc, e.id desc limit ${limit + 1}::int`,
    )
    return found.map(erasureOf)
  }

  async find(tenantId: string, id: string): Promise<Erasure | null> {
    const [row] = await query<ErasureRow>(
      this.#db,
      shown(sql`tenant_id = ${tenantId}::uuid and e.id = ${id}::uuid`),
    )
    return row ? erasureOf(row) : null
  }

  async blocks({
    store,
    tenantId,
    limit,
  }: Parameters<ErasureStore['blocks']>[0]): Promise<BlockToErase[] | null> {
    const isOpen = (erasure: SQL) =>
      sql`${erasure}.done_at is null and (${tenantId}::uuid is null or ${erasure}.tenant_id = ${tenantId}::uuid)`
    const found = await query<BlockRow | { id: null }>(
      this.#db,
      sql`
      select b.tenant_id::text as tenant, b.id::text as id, b.name, b.events::text as events, b.bytes::text as bytes, (
          select json_agg(json_build_array(e.id, e.customer_id, e.by_micros) order by e.by_micros, e.id)
          from erasures as e join log_customers as c on c.block_id = b.id and c.customer = e.customer and c.erased_to < e.by_micros
          where e.tenant_id = b.tenant_id and e.done_at is null and b.received_from <= e.by_micros
        )::text as erasures
      from (select 1 from erasures where ${isOpen(sql`erasures`)} limit 1) as one left join (
        select distinct found.id from erasures as e cross join lateral (
          select b.id from ${toErase} and b.store = ${store}::text
            and not exists (select 1 from meters where filling and ${owes}) and not exists (${waitedFor})
          limit ${limit}::int
        ) as found
        where ${isOpen(sql`e`)}
        limit ${limit}::int
      ) as listed on true left join log_blocks as b on b.id = listed.id
      order by b.id`,
    )
    if (found.length === 0) return null
    const blocks = found.filter((row): row is BlockRow => row.id !== null)
    return blocks.map(({ tenant, id, name, events, bytes, erasures }) => ({
      ...{ tenantId: tenant, id, name, events: Number(events), bytes: Number(bytes) },
      erasures: ((JSON.parse(erasures) ?? []) as [string, string, number][]).map(
        ([erasure, customerId, byMicros]) => ({ id: erasure, tenantId: tenant, customerId, byMicros }),
      ),
    }))
  }

  /** What goes is counted, or reconciliation would miss it. Locks the block first and the erasures then, in the order of their ids: no two can wait for each other in a circle. */
  async rewritten({ block, row, removed, content }: Rewritten): Promise<boolean> {
    const { tenantId, id, name, events, bytes, erasures } = block
    const marks = erasures.map((erasure, i) => ({
      id: erasure.id,
      by: erasure.byMicros,
      customer: customerHash(tenantId, erasure.customerId),
      // What an earlier run took out that was cut off before it said so goes by the number of what is left.
      events:
        removed[i]!.ids.length +
        (i === 0 ? events - row.events - removed.flatMap(({ ids }) => ids).length : 0),
    }))
    // The index leads to the block by its customer and types still: it says who was erased, which whoever counts an hour anew must see;
    // and events that others sent may be this customer's by a correction.
    const [done] = await query<{ moved: string }>(
      this.#db,
      sql`
      with marks as (
        select * from json_to_recordset(${JSON.stringify(marks)}::json) as mark (id uuid, by int8, customer text, events int8)
      ), replaced as (
        ${replaced(name, content)}
      ), moved as (
        update log_blocks set events = ${row.events}::int, bytes = ${row.bytes}::int, lists = ${JSON.stringify(row.lists)}::text::jsonb,
          ids = array(select json_array_elements_text(${JSON.stringify(row.ids)}::json)::int)
        from replaced
        where log_blocks.id = ${id}::int8 and name = ${name}::text and log_blocks.tenant_id = ${tenantId}::uuid
          and events = ${events}::int and log_blocks.bytes = ${bytes}::int
        returning log_blocks.id
      ), kept as (
        update log_customers set erased_to = greatest(erased_to, latest.by)
        from moved, (select customer, max(by) as by from marks group by customer) as latest
        where block_id = moved.id and log_customers.customer = latest.customer::int8
      ), locked as (
        select erasures.id from erasures where exists (select 1 from moved)
          and erasures.id in (select id from marks) order by erasures.id for no key update
      ), counted as (
        update erasures set blocks = erasures.blocks + 1, events = erasures.events + marks.events
        from locked join marks on marks.id = locked.id where erasures.id = locked.id
      ), uncounted as (
        insert into usage (tenant_id, customer_id, meter, bucket, groups, distinct_value, merge, a, b)
        select ${tenantId}::uuid, ${TALLY_CUSTOMER}::text, ${EXPIRED_METER}::text, timestamptz 'epoch', '[]', '', 'add', ${events - row.events}::int, 0
        from moved
        on conflict (tenant_id, customer_id, meter, bucket, groups, distinct_value) do update set a = usage.a + excluded.a
      ), corrected as (
        ${erasedCorrections.ofEvents(
          tenantId,
          name,
          removed.flatMap(({ ids }) => ids),
          sql`exists (select 1 from moved)`,
        )}
      )
      select (select count(*) from moved)::text as moved`,
    )
    return done!.moved === '1'
  }

  /** What was settled since the statement began has moved `seq`, on the row itself. */
  async finish(live: LiveSegment[]): Promise<number> {
    const found = await query(
      this.#db,
      sql`
      with seen as (
        select id, seq from erasures as e
        where done_at is null and not exists (select 1 from ${toErase}) and not exists (
          select 1 from json_to_recordset(${JSON.stringify(live.map(({ id, bornMs }) => ({ id, born: bornMs })))}::json) as live (id text, born int8)
          where live.born * 1000 <= e.by_micros and not exists (select 1 from segments where segments.id = live.id)
        )
        order by id
      ), finished as (
        update erasures set done_at = now() from seen where erasures.id = seen.id and erasures.seq = seen.seq and done_at is null
        returning erasures.id, tenant_id, customer_id, by_micros
      ), corrected as (
        ${erasedCorrections.ofCustomers(sql`finished`)}
      )
      select id::text as id from finished`,
    )
    return found.length
  }
}

/** One row, if what was read is still there; of a store outside, which has replaced it already, always. */
function replaced(name: string, content: Rewritten['content']): SQL {
  if (content === null) return sql`select 1 as one`
  return sql`update log_contents set content = decode(${base64(content.bytes)}::text, 'base64'), version = gen_random_uuid()
        where name = ${name}::text and version::text = ${content.version}::text returning 1 as one`
}

const erasureOf = (row: ErasureRow): Erasure => ({
  id: row.id,
  tenantId: row.tenant_id,
  customerId: row.customer_id,
  byMicros: Number(row.by_micros),
  blocks: Number(row.blocks),
  events: Number(row.events),
  left: Number(row.remaining),
  createdAt: new Date(Number(row.created_ms)),
  doneAt: row.done_ms === null ? null : new Date(Number(row.done_ms)),
})
