// The tables of corrections: what was asked for, and the ledger of what was entered.

import { bigint, index, integer, jsonb, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core'
import { instant } from './schema.ts'

export const corrections = pgTable(
  'corrections',
  {
    id: uuid('id').primaryKey(),
    tenantId: uuid('tenant_id').notNull(),
    /** draft, wanted (it waits for its event to be settled), applied, reverted, cancelled, refused */
    state: text('state').notNull(),
    /** void, amend, move */
    action: text('action').notNull(),
    filter: jsonb('filter').notNull(),
    change: jsonb('change').notNull(),
    reason: text('reason').notNull(),
    /** names of the blocks that it takes, from the draft on; of one that is wanted not known yet */
    blocks: text('blocks').array().notNull(),
    /** events that it takes, or took */
    events: integer('events').notNull(),
    /** what it changes: log/effect.ts */
    effect: jsonb('effect').notNull(),
    /** why it was refused, when that was noticed only after it was asked for */
    refusal: text('refusal'),
    createdAt: instant('created_at').notNull().defaultNow(),
    appliedAt: instant('applied_at'),
    revertedAt: instant('reverted_at'),
  },
  (t) => [
    index('corrections_tenant').on(t.tenantId, t.createdAt, t.id),
    index('corrections_state').on(t.state),
  ],
)

/** The ledger: a row an act, numbered within its tenant without gaps. A row never changes. */
export const acts = pgTable(
  'acts',
  {
    tenantId: uuid('tenant_id').notNull(),
    number: bigint('number', { mode: 'number' }).notNull(),
    correctionId: uuid('correction_id').notNull(),
    /** apply or revert */
    kind: text('kind').notNull(),
    /** names of the blocks that it took */
    blocks: text('blocks').array().notNull(),
    createdAt: instant('created_at').notNull().defaultNow(),
  },
  (t) => [
    primaryKey({ columns: [t.tenantId, t.number] }),
    index('acts_correction').on(t.correctionId),
    index('acts_blocks').using('gin', t.blocks),
  ],
)
