// What Postgres has of a tenant's billing, read past every wire.

import { type SQL, sql } from 'drizzle-orm'
import type { CreditEntry, CreditNote, Grant } from '../../../src/billing/credit/credit.ts'
import type { Invoice } from '../../../src/billing/invoices/invoice.ts'
import type { Subscription } from '../../../src/billing/subscriptions/subscription.ts'
import type { Terms } from '../../../src/billing/terms.ts'
import type { PostgresServer } from '../stores.ts'

export type Books = {
  subscriptions: Subscription[]
  /** in the order of their numbers; those without one at last */
  invoices: Invoice[]
  grants: Grant[]
  entries: CreditEntry[]
  notes: CreditNote[]
  plans: { plan: string; version: number; terms: Terms }[]
}

export async function readBooks(postgres: PostgresServer, tenantId: string): Promise<Books> {
  const all = (table: string, state: SQL, order: SQL) =>
    sql`(select coalesce(jsonb_agg(${state} order by ${order}), '[]') from ${sql.identifier(table)} where tenant_id = ${tenantId}::uuid)`
  const state = sql`state`
  const numbered = sql`state || jsonb_build_object('number', number)`
  const [row] = await postgres.look<{ books: string }>(sql`
    select jsonb_build_object(
      'subscriptions', ${all('subscriptions', state, sql`created_at, id`)},
      'invoices', ${all('invoices', numbered, sql`number, subscription_id, sequence`)},
      'grants', ${all('credit_grants', state, sql`created_at, id`)},
      'entries', ${all('credit_entries', state, sql`created_at, id`)},
      'notes', ${all('credit_notes', numbered, sql`number`)},
      'plans', ${all('plan_versions', sql`jsonb_build_object('plan', plan, 'version', version, 'terms', terms)`, sql`plan, version`)}
    )::text as books`)
  return JSON.parse(row!.books) as Books
}

export const isIssued = ({ number }: Invoice): boolean => number !== null
export const isBilled = ({ number, status }: Invoice): boolean => number !== null && status !== 'void'
