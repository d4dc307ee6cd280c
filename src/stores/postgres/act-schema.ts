// The tables of corrections: what was asked for, and the ledger of what was entered.

import { sql } from 'drizzle-orm'
import { bigint, boolean, index, integer, jsonb, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core'
import { instant } from './schema.ts'

export const corrections = pgTable(
  'corrections',
  {
    id: uuid('id').primaryKey(),
    tenantId: uuid('tenant_id').notNull(),
    /** draft, wanted (it waits for its event to be settled), offered (it was applied, and Postgres forgot it), applied, reverted, cancelled, refused */
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
    /** what is less than was billed is to be a credit note at once */
    asCreditNote: boolean('as_credit_note').notNull().default(false),
    /** why it was refused, when that was noticed only after it was asked for */
    refusal: text('refusal'),
    createdAt: instant('created_at').notNull().defaultNow(),
    appliedAt: instant('applied_at'),
    revertedAt: instant('reverted_at'),
  },
  (t) => [
    index('corrections_tenant').on(t.tenantId, t.createdAt, t.id),
    index('corrections_wanted').on(t.id).where(sql`state = 'wanted'`),
  ],
)

/** Acts that were entered before Postgres was put back, and that it has forgotten: they wait to be entered again. */
export const offeredActs = pgTable(
  'offered_acts',
  {
    tenantId: uuid('tenant_id').notNull(),
    /** their order within the tenant */
    position: bigint('position', { mode: 'number' }).notNull(),
    correctionId: uuid('correction_id').notNull(),
    /** apply or revert */
    kind: text('kind').notNull(),
    /** names of the blocks that it took, and ids of their segments */
    blocks: text('blocks').array().notNull(),
    segments: text('segments').array().notNull(),
    /** stands for the events that it took; null: not known */
    taken: text('taken'),
    createdAt: instant('created_at').notNull().defaultNow(),
  },
  (t) => [
    primaryKey({ columns: [t.correctionId, t.kind] }),
    index('offered_acts_order').on(t.tenantId, t.position),
    index('offered_acts_segments').using('gin', t.segments),
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
