// Where tenants' counters are.

import { sql } from 'drizzle-orm'
import { bigint, index, integer, jsonb, pgTable, text, uuid } from 'drizzle-orm/pg-core'
import { instant, tenants } from './schema.ts'

/** A partition has a number and a database for good. */
export const partitions = pgTable('partitions', {
  id: integer('id').primaryKey(),
  /** by the name that the configuration has for it */
  database: text('database').notNull(),
  /** open or closed: whether new tenants go there */
  state: text('state').notNull().default('open'),
  createdAt: instant('created_at').notNull().defaultNow(),
})

/** A tenant without a row was never placed: a hash of its id says where it is. */
export const placements = pgTable(
  'placements',
  {
    tenantId: uuid('tenant_id')
      .primaryKey()
      .references(() => tenants.id),
    /** Up by one with every change. */
    version: bigint('version', { mode: 'number' }).notNull(),
    /** Tells apart two placements of one version: a Postgres that was put back counts again. */
    nonce: text('nonce').notNull(),
    /** home, former ones and all else */
    placement: jsonb('placement').notNull(),
  },
  (t) => [index('placements_former').on(t.tenantId).where(sql`placement -> 'former' <> '[]'::jsonb`)],
)
