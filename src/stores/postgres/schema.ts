// The tables. `usage` and `segments` are the cold half of metering; the rest is what a tenant has set up.
// Text that is compared with Redis's byte order, or is part of a key, has the collation "C".

import { sql } from 'drizzle-orm'
import {
  bigint,
  boolean,
  customType,
  date,
  index,
  integer,
  jsonb,
  numeric,
  pgTable,
  primaryKey,
  text,
  timestamp,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core'

export const bytewise = customType<{ data: string }>({ dataType: () => 'text collate "C"' })
export const instant = (name: string) => timestamp(name, { withTimezone: true, mode: 'date' })

export const tenants = pgTable('tenants', {
  id: uuid('id').primaryKey(),
  name: text('name').notNull(),
  timezone: text('timezone').notNull(),
  currency: text('currency').notNull(),
  /** Goes up by one with every change to meters or plans; Redis and every cache compare it. */
  configVersion: bigint('config_version', { mode: 'number' }).notNull().default(1),
  defaultPlan: text('default_plan'),
  /** refuse or keep: an event whose type no active meter takes */
  unmetered: text('unmetered').notNull().default('refuse'),
  /** Another one after every act: what was computed from the ledger of corrections is entered only if it is still this one. */
  ledger: uuid('ledger').notNull().defaultRandom(),
  /** how many acts there are */
  acts: bigint('acts', { mode: 'number' }).notNull().default(0),
  /** How long its events are kept; 0: for ever; null: as long as EVENT_LOG_DAYS says. */
  eventLogDays: integer('event_log_days'),
  /** How long an event's id is known at least; null: as long as DEDUPE_WINDOW_HOURS says. */
  dedupeWindowHours: integer('dedupe_window_hours'),
  /** What arrived from then on is in the log; null: nothing is known to be. Where it is the tenant's beginning, all is. */
  logSince: instant('log_since'),
  /** Usage has its hours since then, and before that only its days: a first of a month; null: since the beginning. */
  hoursFrom: instant('hours_from'),
  createdAt: instant('created_at').notNull().defaultNow(),
})

export const apiKeys = pgTable(
  'api_keys',
  {
    id: uuid('id').primaryKey(),
    tenantId: uuid('tenant_id')
      .notNull()
      .references(() => tenants.id),
    name: text('name').notNull(),
    /** SHA-256 of the whole key, hex. The key itself is stored nowhere. */
    hash: text('hash').notNull().unique(),
    /** The last four characters, to tell keys apart in a list. */
    hint: text('hint').notNull(),
    createdAt: instant('created_at').notNull().defaultNow(),
    revokedAt: instant('revoked_at'),
  },
  (t) => [index('api_keys_tenant').on(t.tenantId, t.createdAt, t.id)],
)

export const meters = pgTable(
  'meters',
  {
    tenantId: uuid('tenant_id')
      .notNull()
      .references(() => tenants.id),
    /** What `usage` and Redis name it by; of meters that were made before there were ids, their key. */
    id: bytewise('id').notNull(),
    key: bytewise('key').notNull(),
    name: text('name'),
    resourceType: text('resource_type').notNull(),
    aggregation: text('aggregation').notNull(),
    value: text('value').notNull(),
    groupBy: jsonb('group_by').$type<string[]>().notNull(),
    /** refuse or skip: an event that lacks what is aggregated */
    missing: text('missing').notNull().default('refuse'),
    /** [{property, op, value}]: which events it counts */
    filter: jsonb('filter').notNull().default([]),
    /** It counts events of then and later, those before it was made, too; -infinity: all that the log has; null: those that come. */
    countsFrom: instant('counts_from'),
    /** Whether it may owe a block of the log: settling says so, and only filling takes it back. */
    filling: boolean('filling').notNull().default(false),
    /** Goes up whenever a block that it owes is settled. */
    fillingSeq: bigint('filling_seq', { mode: 'number' }).notNull().default(0),
    /** Blocks that were counted into it; goes up with each statement that counts some. */
    filledBlocks: bigint('filled_blocks', { mode: 'number' }).notNull().default(0),
    /** µs: of the blocks whose last event arrived by then it owes none. */
    filledTo: bigint('filled_to', { mode: 'number' }).notNull().default(0),
    /** The tenant's number of acts when it was made. */
    bornAct: bigint('born_act', { mode: 'number' }).notNull().default(0),
    /** µs by the counter store's clock, before it was made: later events are its own. null: nobody knows. */
    bornMicros: bigint('born_micros', { mode: 'number' }),
    /** 0: as the meter was made; each revision of it is a row of its own */
    revision: integer('revision').notNull().default(0),
    /** current: the meter as it counts now; filling, replaced, cancelled */
    state: text('state').notNull().default('current'),
    /** Of a revision, from which hour on it counts and, once it is switched to, is read; null: of all. */
    readsFrom: instant('reads_from'),
    /** Hours from then on are read from what replaced it; null: it has not been replaced. */
    readsTo: instant('reads_to'),
    switchedAt: instant('switched_at'),
    replacedAt: instant('replaced_at'),
    createdAt: instant('created_at').notNull().defaultNow(),
    archivedAt: instant('archived_at'),
  },
  (t) => [
    primaryKey({ columns: [t.tenantId, t.key, t.revision] }),
    uniqueIndex('meters_id').on(t.tenantId, t.id),
    index('meters_filling').on(t.tenantId).where(sql`filling`),
  ],
)

export const customers = pgTable(
  'customers',
  {
    tenantId: uuid('tenant_id')
      .notNull()
      .references(() => tenants.id),
    customerId: bytewise('customer_id').notNull(),
    name: text('name'),
    email: text('email'),
    /** null: the tenant's default plan */
    plan: text('plan'),
    metadata: jsonb('metadata').$type<Record<string, string>>().notNull(),
    /** [{name, percent}]: what its invoices add */
    taxRates: jsonb('tax_rates').notNull().default([]),
    createdAt: instant('created_at').notNull().defaultNow(),
    updatedAt: instant('updated_at').notNull().defaultNow(),
  },
  (t) => [primaryKey({ columns: [t.tenantId, t.customerId] })],
)

export const plans = pgTable(
  'plans',
  {
    tenantId: uuid('tenant_id')
      .notNull()
      .references(() => tenants.id),
    key: bytewise('key').notNull(),
    name: text('name'),
    currency: text('currency').notNull(),
    /** the newest one in plan_versions */
    version: integer('version').notNull().default(1),
    createdAt: instant('created_at').notNull().defaultNow(),
    updatedAt: instant('updated_at').notNull().defaultNow(),
  },
  (t) => [primaryKey({ columns: [t.tenantId, t.key] })],
)

/** What a plan sold for, version by version. A row never changes: subscriptions name it. */
export const planVersions = pgTable(
  'plan_versions',
  {
    tenantId: uuid('tenant_id')
      .notNull()
      .references(() => tenants.id),
    plan: bytewise('plan').notNull(),
    version: integer('version').notNull(),
    /** billing/terms.ts, as the API takes them */
    terms: jsonb('terms').notNull(),
    createdAt: instant('created_at').notNull().defaultNow(),
  },
  (t) => [primaryKey({ columns: [t.tenantId, t.plan, t.version] })],
)

/** One settled counter a row. No foreign keys: usage may come before its customer, and must never be refused for it. */
export const usage = pgTable(
  'usage',
  {
    tenantId: uuid('tenant_id').notNull(),
    customerId: bytewise('customer_id').notNull(),
    /** a meter's id */
    meter: bytewise('meter').notNull(),
    bucket: instant('bucket').notNull(),
    /** JSON array of the group values, in the order of the meter's group_by */
    groups: bytewise('groups').notNull(),
    /** unique_count: the digest of one value seen; otherwise empty */
    distinctValue: bytewise('distinct_value').notNull(),
    /** how two of these merge: add, min, max, latest, once */
    merge: text('merge').notNull(),
    a: numeric('a').notNull(),
    b: numeric('b').notNull(),
  },
  (t) => [primaryKey({ columns: [t.tenantId, t.customerId, t.meter, t.bucket, t.groups, t.distinctValue] })],
)

/**
 * What `usage` holds, by the day of the tenant's zone, a month of days a row, and never anything else, as triggers on `usage` write
 * it within the same statement, whoever makes that. Rows of tallies are left out.
 */
export const usageDays = pgTable(
  'usage_days',
  {
    tenantId: uuid('tenant_id').notNull(),
    customerId: bytewise('customer_id').notNull(),
    meter: bytewise('meter').notNull(),
    /** its first day */
    month: date('month').notNull(),
    groups: bytewise('groups').notNull(),
    merge: text('merge').notNull(),
    /** Bit 0 is the first of the month: days that have usage. */
    days: integer('days').notNull(),
    /** Whether `usage` may have hours of it. */
    hasHours: boolean('has_hours').notNull().default(true),
    /** Of the month; of once: b is the number of its distinct values, and a says nothing. */
    a: numeric('a').notNull(),
    b: numeric('b').notNull(),
    /** add: the sum of each hour's a times its start in ms since 1970; else 0 */
    ab: numeric('ab').notNull(),
    /** The same of each day, by its number in the month; of once: a is the number of the day's distinct values, and b says nothing. */
    dayA: numeric('day_a').array().notNull(),
    dayB: numeric('day_b').array().notNull(),
    dayAb: numeric('day_ab').array().notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.tenantId, t.customerId, t.meter, t.month, t.groups] }),
    index('usage_days_hours').on(t.tenantId, t.month).where(sql`has_hours`),
  ],
)

/** The distinct values of each month, and the days of it that each was seen on. Written as `usage_days` is. */
export const usageValues = pgTable(
  'usage_values',
  {
    tenantId: uuid('tenant_id').notNull(),
    customerId: bytewise('customer_id').notNull(),
    meter: bytewise('meter').notNull(),
    month: date('month').notNull(),
    groups: bytewise('groups').notNull(),
    /** the 16 bytes of the digest */
    value: uuid('value').notNull(),
    days: integer('days').notNull(),
  },
  (t) => [primaryKey({ columns: [t.tenantId, t.customerId, t.meter, t.month, t.groups, t.value] })],
)

/** The ledger: every segment that `usage` contains. It outlives every backup of Redis. */
export const segments = pgTable('segments', {
  id: bytewise('id').primaryKey(),
  partition: integer('partition').notNull(),
  counters: integer('counters').notNull(),
  settledAt: instant('settled_at').notNull().defaultNow(),
})

/** Requests that came with an Idempotency-Key, for a day or so. */
export const idempotencyKeys = pgTable(
  'idempotency_keys',
  {
    /** a tenant's id, or "admin" */
    scope: bytewise('scope').notNull(),
    /** SHA-256 of the key, hex: answers with a secret are sealed with the key itself, among others. */
    keyHash: bytewise('key_hash').notNull(),
    fingerprint: text('fingerprint').notNull(),
    /** What ids and secrets of this request are made from, whoever executes it. */
    seed: uuid('seed').notNull(),
    attempt: integer('attempt').notNull(),
    /** Without an answer, nobody else executes the request before this. */
    heldUntil: instant('held_until').notNull(),
    /** JSON of status, headers and body, sealed if it shows a secret; null: none yet */
    answer: text('answer'),
  },
  (t) => [
    primaryKey({ columns: [t.scope, t.keyHash] }),
    index('idempotency_keys_held_until').on(t.heldUntil),
  ],
)

export const coupons = pgTable(
  'coupons',
  {
    tenantId: uuid('tenant_id')
      .notNull()
      .references(() => tenants.id),
    key: bytewise('key').notNull(),
    name: text('name'),
    /** decimals as the API takes them */
    percentOff: text('percent_off'),
    amountOff: text('amount_off'),
    currency: text('currency'),
    periods: integer('periods'),
    createdAt: instant('created_at').notNull().defaultNow(),
    archivedAt: instant('archived_at'),
  },
  (t) => [primaryKey({ columns: [t.tenantId, t.key] })],
)
