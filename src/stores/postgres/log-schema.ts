// The tables of the event log: the index of blocks, which is here wherever they are, and what is in them, where Postgres is
// their store.

import { sql } from 'drizzle-orm'
import {
  bigint,
  customType,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  uuid,
} from 'drizzle-orm/pg-core'
import { bytewise, instant } from './schema.ts'

const bytes = customType<{ data: Uint8Array }>({ dataType: () => 'bytea' })

export const logContents = pgTable('log_contents', {
  name: bytewise('name').primaryKey(),
  /** Compressed already: its storage is external (the migration says so), or Postgres would try to compress it again. */
  content: bytes('content').notNull(),
  /** Another one after every change. */
  version: uuid('version').notNull().defaultRandom(),
  createdAt: instant('created_at').notNull().defaultNow(),
})

const int8 = (name: string) => bigint(name, { mode: 'bigint' })

export const logBlocks = pgTable(
  'log_blocks',
  {
    id: int8('id').primaryKey().generatedAlwaysAsIdentity(),
    tenantId: uuid('tenant_id').notNull(),
    /** which store has it */
    store: text('store').notNull(),
    name: bytewise('name').notNull().unique(),
    segmentId: text('segment_id').notNull(),
    events: integer('events').notNull(),
    /** µs since 1970 by the counter store's clock: of the first event in it and of the last */
    receivedFrom: int8('received_from').notNull(),
    receivedTo: int8('received_to').notNull(),
    /** the same of the events' own timestamps */
    timestampFrom: instant('timestamp_from').notNull(),
    timestampTo: instant('timestamp_to').notNull(),
    types: text('types').array().notNull(),
    /** {type: [the lists of its events, each ids of meters]} */
    lists: jsonb('lists').notNull(),
    /** 32 bits of a digest of each event's id */
    ids: integer('ids').array().notNull(),
    bytes: integer('bytes').notNull(),
    createdAt: instant('created_at').notNull().defaultNow(),
  },
  (t) => [
    index('log_blocks_tenant').on(t.tenantId, t.receivedTo, t.id),
    index('log_blocks_begin').on(t.tenantId, t.receivedFrom, t.id),
    index('log_blocks_segment').on(t.segmentId),
    index('log_blocks_ids').using('gin', t.ids),
  ],
)

/** Where a customer's events are, so that the newest are found without looking at the blocks of others. */
export const logCustomers = pgTable(
  'log_customers',
  {
    /** 64 bits of a digest of tenant and customer */
    customer: int8('customer').notNull(),
    receivedTo: int8('received_to').notNull(),
    blockId: int8('block_id').notNull(),
    /** µs: of the customer's events in the block, those that had arrived by then were erased */
    erasedTo: int8('erased_to').notNull().default(sql`0`),
  },
  (t) => [
    primaryKey({ columns: [t.customer, t.receivedTo, t.blockId] }),
    index('log_customers_block').on(t.blockId),
  ],
)

/** How far each store of blocks was looked through for those that nothing names. */
export const logSweeps = pgTable('log_sweeps', {
  store: text('store').primaryKey(),
  sweptTo: bytewise('swept_to').notNull(),
})

/** Whose events were to be erased, and what became of it. A row stays: it is what tells that it happened. */
export const erasures = pgTable(
  'erasures',
  {
    id: uuid('id').primaryKey(),
    tenantId: uuid('tenant_id').notNull(),
    customerId: bytewise('customer_id').notNull(),
    /** what stands for the customer in log_customers */
    customer: int8('customer').notNull(),
    /** µs: it covers what had arrived by then */
    byMicros: int8('by_micros').notNull(),
    /** Goes up whenever a segment is settled that may have such events. */
    seq: int8('seq').notNull().default(sql`0`),
    /** blocks that were rewritten, and events that were taken out of them */
    blocks: integer('blocks').notNull().default(0),
    events: int8('events').notNull().default(sql`0`),
    createdAt: instant('created_at').notNull().defaultNow(),
    /** null: something is left, or may be on its way to Postgres */
    doneAt: instant('done_at'),
  },
  (t) => [
    index('erasures_tenant').on(t.tenantId, t.createdAt, t.id),
    index('erasures_by').on(t.tenantId, t.byMicros),
    index('erasures_open').on(t.tenantId).where(sql`done_at is null`),
  ],
)
