// Pages of what is exported, each by an index from where the last one ended: the millionth row costs what the first does.

import { type SQL, sql } from 'drizzle-orm'
import type { ExportedEntry, ExportFilter } from '../../billing/account-ports.ts'
import { type Invoice, LINES_PER_INVOICE } from '../../billing/invoices/invoice.ts'
import { rfc3339 } from '../../kernel/time.ts'
import type { Db } from './db.ts'
import { query } from './failure.ts'

const INVOICES_PER_PAGE = 200
const ENTRIES_PER_PAGE = 1_000

/** An invoice has no more lines than a page may have, so that a page has one at least. */
export async function exportedInvoices(
  db: Db,
  tenantId: string,
  filter: ExportFilter,
  afterNumber: number,
): Promise<Invoice[]> {
  const found = await query<{ state: string }>(
    db,
    sql`
      select state::text from (
        select number, state || jsonb_build_object('number', number) as state,
          sum(jsonb_array_length(state -> 'lines')) over (order by number) as lines
        from (
          select number, state from invoices
          where tenant_id = ${tenantId}::uuid and number > ${afterNumber}::bigint and ${within(sql`issued_at`, filter)}
          order by number limit ${INVOICES_PER_PAGE}::int) as next) as counted
      where lines <= ${LINES_PER_INVOICE}::int order by number`,
  )
  return found.map((row) => JSON.parse(row.state) as Invoice)
}

export async function exportedEntries(
  db: Db,
  tenantId: string,
  filter: ExportFilter,
  after: string | null,
): Promise<ExportedEntry[]> {
  const found = await query<{ state: string }>(
    db,
    sql`
      select (state || jsonb_build_object('currency', (
        select grants.state ->> 'currency' from credit_grants as grants
        where grants.tenant_id = credit_entries.tenant_id and grants.id = credit_entries.grant_id)))::text as state
      from credit_entries
      where tenant_id = ${tenantId}::uuid and ${within(sql`created_at`, filter)}
        and (${after}::uuid is null or (customer_id, created_at, id) > (
          select last.customer_id, last.created_at, last.id from credit_entries as last
          where last.tenant_id = ${tenantId}::uuid and last.id = ${after}::uuid))
      order by customer_id, created_at, id limit ${ENTRIES_PER_PAGE}::int`,
  )
  return found.map((row) => JSON.parse(row.state) as ExportedEntry)
}

function within(time: SQL, { customerId, fromMs, toMs }: ExportFilter): SQL {
  const conditions = [
    ...(customerId === undefined ? [] : [sql`customer_id = ${customerId}::text`]),
    ...(fromMs === undefined ? [] : [sql`${time} >= ${rfc3339(fromMs)}::timestamptz`]),
    ...(toMs === undefined ? [] : [sql`${time} < ${rfc3339(toMs)}::timestamptz`]),
  ]
  return conditions.length === 0 ? sql`true` : sql.join(conditions, sql` and `)
}
