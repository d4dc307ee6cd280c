// The tables of billing: accounts, and what they own. `state` is the whole of a row as the domain has it; the columns beside
// it are what queries and people look for.

import { sql } from 'drizzle-orm'
import {
  bigint,
  boolean,
  index,
  integer,
  jsonb,
  numeric,
  pgTable,
  primaryKey,
  text,
  unique,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core'
import { bytewise, instant } from './schema.ts'

/** A customer's billing account. Every change of what it owns moves its version, in the same statement. */
export const accounts = pgTable(
  'accounts',
  {
    tenantId: uuid('tenant_id').notNull(),
    customerId: bytewise('customer_id').notNull(),
    version: bigint('version', { mode: 'number' }).notNull(),
    currency: text('currency'),
  },
  (t) => [primaryKey({ columns: [t.tenantId, t.customerId] })],
)

export const subscriptions = pgTable(
  'subscriptions',
  {
    tenantId: uuid('tenant_id').notNull(),
    id: uuid('id').notNull(),
    customerId: bytewise('customer_id').notNull(),
    /** the tenant's own id for it */
    externalId: bytewise('external_id'),
    /** when closing has something to do; null: never again */
    dueAt: instant('due_at'),
    createdAt: instant('created_at').notNull(),
    state: jsonb('state').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.tenantId, t.id] }),
    index('subscriptions_customer').on(t.tenantId, t.customerId, t.createdAt, t.id),
    uniqueIndex('subscriptions_external').on(t.tenantId, t.externalId).where(sql`external_id is not null`),
    // In the order in which those of a tenant are taken that are due: none of them is sorted.
    index('subscriptions_due_order')
      .on(t.dueAt, t.tenantId, t.customerId, t.id)
      .where(sql`due_at is not null`),
  ],
)

export const invoices = pgTable(
  'invoices',
  {
    tenantId: uuid('tenant_id').notNull(),
    id: uuid('id').notNull(),
    customerId: bytewise('customer_id').notNull(),
    subscriptionId: uuid('subscription_id').notNull(),
    sequence: integer('sequence').notNull(),
    status: text('status').notNull(),
    number: bigint('number', { mode: 'number' }),
    periodStart: instant('period_start').notNull(),
    periodEnd: instant('period_end').notNull(),
    currency: text('currency').notNull(),
    total: numeric('total'),
    amountDue: numeric('amount_due'),
    issuedAt: instant('issued_at'),
    usageFinal: boolean('usage_final').notNull(),
    createdAt: instant('created_at').notNull(),
    state: jsonb('state').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.tenantId, t.id] }),
    unique('invoices_period').on(t.tenantId, t.subscriptionId, t.sequence),
    unique('invoices_number').on(t.tenantId, t.number),
    index('invoices_customer').on(t.tenantId, t.customerId, t.createdAt, t.id),
    index('invoices_newest').on(t.tenantId, t.createdAt, t.id),
    index('invoices_open').on(t.tenantId, t.customerId).where(sql`status = 'draft' or not usage_final`),
  ],
)

export const creditGrants = pgTable(
  'credit_grants',
  {
    tenantId: uuid('tenant_id').notNull(),
    id: uuid('id').notNull(),
    customerId: bytewise('customer_id').notNull(),
    createdAt: instant('created_at').notNull(),
    state: jsonb('state').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.tenantId, t.id] }),
    index('credit_grants_customer').on(t.tenantId, t.customerId, t.createdAt, t.id),
  ],
)

/** The ledger: what a grant has left is the sum of its entries. Rows are only added. */
export const creditEntries = pgTable(
  'credit_entries',
  {
    tenantId: uuid('tenant_id').notNull(),
    id: uuid('id').notNull(),
    customerId: bytewise('customer_id').notNull(),
    grantId: uuid('grant_id').notNull(),
    amount: numeric('amount').notNull(),
    createdAt: instant('created_at').notNull(),
    state: jsonb('state').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.tenantId, t.id] }),
    index('credit_entries_customer').on(t.tenantId, t.customerId, t.createdAt, t.id),
    index('credit_entries_grant').on(t.tenantId, t.grantId),
  ],
)

export const creditNotes = pgTable(
  'credit_notes',
  {
    tenantId: uuid('tenant_id').notNull(),
    id: uuid('id').notNull(),
    customerId: bytewise('customer_id').notNull(),
    invoiceId: uuid('invoice_id').notNull(),
    number: bigint('number', { mode: 'number' }).notNull(),
    amount: numeric('amount').notNull(),
    createdAt: instant('created_at').notNull(),
    state: jsonb('state').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.tenantId, t.id] }),
    unique('credit_notes_number').on(t.tenantId, t.number),
    index('credit_notes_invoice').on(t.tenantId, t.invoiceId, t.number),
  ],
)

/** The last numbers that a tenant's invoices and credit notes were given. */
export const numbering = pgTable('numbering', {
  tenantId: uuid('tenant_id').primaryKey(),
  invoices: bigint('invoices', { mode: 'number' }).notNull(),
  creditNotes: bigint('credit_notes', { mode: 'number' }).notNull(),
})

/**
 * Usage that was counted otherwise than by events as they came. A row is written by the statement that changes the usage, and goes
 * when the customer's invoices were opened again for it.
 */
export const recounts = pgTable(
  'recounts',
  {
    tenantId: uuid('tenant_id').notNull(),
    customerId: bytewise('customer_id').notNull(),
    id: bigint('id', { mode: 'number' }).generatedAlwaysAsIdentity(),
    /** a meter's key */
    meter: bytewise('meter').notNull(),
    fromAt: instant('from_at').notNull(),
    /** null: all that comes after, as with a level that other hours begin from */
    toAt: instant('to_at'),
    /** null: it was filled from the log */
    correctionId: uuid('correction_id'),
    /** What is less than was billed is to be a credit note at once. */
    asCreditNote: boolean('as_credit_note').notNull(),
    createdAt: instant('created_at').notNull().defaultNow(),
  },
  (t) => [
    primaryKey({ columns: [t.tenantId, t.customerId, t.id] }),
    index('recounts_order').on(t.createdAt, t.tenantId, t.customerId),
  ],
)
