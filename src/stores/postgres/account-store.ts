// Accounts in Postgres: read whole, and written whole by one statement that first moves the account's version. Where the
// version is not the one that was seen, nothing of that account is written.

import { type SQL, sql } from 'drizzle-orm'
import type { Account, AccountChange } from '../../billing/account.ts'
import type {
  AccountStore,
  Asked,
  ExportedEntry,
  ExportFilter,
  InvoiceFilter,
  ReachedSpan,
  Saved,
} from '../../billing/account-ports.ts'
import type { CreditEntry, OpenGrant, StoredNote } from '../../billing/credit/credit.ts'
import { ALL_DUE, type DueMark, type DueRange } from '../../billing/invoices/due-range.ts'
import type { Invoice } from '../../billing/invoices/invoice.ts'
import type { Because } from '../../billing/invoices/recount.ts'
import type { Subscription } from '../../billing/subscriptions/subscription.ts'
import type { PageRequest } from '../../kernel/page.ts'
import { rfc3339 } from '../../kernel/time.ts'
import type { TouchedSpan } from '../../log/effect.ts'
import { accountFrom } from './account-rows.ts'
import { saveStatement } from './account-save.ts'
import {
  accountsStatement,
  dueMarksStatement,
  dueStatement,
  grantState,
  invoiceState,
  noteState,
  reachedStatement,
  recountedStatement,
} from './account-statements.ts'
import type { Db } from './db.ts'
import { exportedEntries, exportedInvoices } from './exported.ts'
import { query, violates } from './failure.ts'
import { recountStatement } from './recounted.ts'

type Table = 'subscriptions' | 'invoices' | 'credit_grants' | 'credit_entries' | 'credit_notes'

export class PostgresAccountStore implements AccountStore {
  readonly #db: Db

  constructor(db: Db) {
    this.#db = db
  }

  async loadAccounts(tenantId: string, customerIds: string[], asked: Asked = {}): Promise<Account[]> {
    const wanted = sql`select ${tenantId}::uuid as tenant_id, value as customer_id, ordinality as place
      from json_array_elements_text(${JSON.stringify(customerIds)}::json) with ordinality`
    return (await query<{ account: string }>(this.#db, accountsStatement(wanted, asked))).map(accountFrom)
  }

  async dueAccounts(nowMs: number, limit: number, range: DueRange = ALL_DUE): Promise<Account[] | null> {
    const wanted = sql`
      select tenant_id, customer_id, row_number() over (order by min(due_at), customer_id) as place
      from (${dueStatement(nowMs, limit, range)}) as due group by tenant_id, customer_id`
    const found = await query<{ account: string }>(this.#db, accountsStatement(wanted, {}))
    return found.length === 0 ? null : found.map(accountFrom)
  }

  async dueMarks(nowMs: number, every: number, most: number): Promise<DueMark[]> {
    const found = await query<{ due_ms: string; tenant_id: string; customer_id: string }>(
      this.#db,
      dueMarksStatement(nowMs, every, most),
    )
    return found.map(({ due_ms, tenant_id, customer_id }) => ({
      dueMs: Number(due_ms),
      tenantId: tenant_id,
      customerId: customer_id,
    }))
  }

  async recount(tenantId: string, spans: TouchedSpan[], because: Because): Promise<void> {
    if (spans.length > 0) await query(this.#db, recountStatement(tenantId, spans, because))
  }

  async recountedAccounts(limit: number, tenantId?: string): Promise<Account[] | null> {
    const statement = accountsStatement(recountedStatement(limit, tenantId), { recounted: true })
    const found = await query<{ account: string }>(this.#db, statement)
    return found.length === 0 ? null : found.map(accountFrom)
  }

  async saveAccounts(tenantId: string, changes: AccountChange[]): Promise<Saved[]> {
    const found = await this.#save(tenantId, changes)
    return found.map(({ customer_id, numbers }) => ({
      customerId: customer_id,
      numbers: new Map(Object.entries(JSON.parse(numbers ?? '{}') as Record<string, number>)),
    }))
  }

  findSubscription(tenantId: string, id: string): Promise<Subscription | null> {
    return this.#find('subscriptions', sql`state`, tenantId, id)
  }

  async #save(tenantId: string, changes: AccountChange[]) {
    const statement = saveStatement(tenantId, changes)
    try {
      return await query<{ customer_id: string; numbers: string | null }>(this.#db, statement)
    } catch (error) {
      if (violates(error, 'subscriptions_external')) return []
      throw error
    }
  }

  async findByExternalId(tenantId: string, externalId: string): Promise<Subscription | null> {
    const [found] = await this.listSubscriptions(tenantId, { externalId }, { after: null, limit: 1 })
    return found ?? null
  }

  listSubscriptions(
    tenantId: string,
    { customerId, externalId }: { customerId?: string | undefined; externalId?: string | undefined },
    page: PageRequest,
  ): Promise<Subscription[]> {
    const filters = [of(sql`customer_id`, customerId), of(sql`external_id`, externalId)]
    return this.#list<Subscription>('subscriptions', sql`state`, tenantId, filters, page)
  }

  findInvoice(tenantId: string, id: string): Promise<Invoice | null> {
    return this.#find('invoices', invoiceState, tenantId, id)
  }

  findGrant(tenantId: string, id: string): Promise<OpenGrant | null> {
    return this.#find('credit_grants', grantState, tenantId, id)
  }

  listInvoices(
    tenantId: string,
    { customerId, subscriptionId, status }: InvoiceFilter,
    page: PageRequest,
  ): Promise<Invoice[]> {
    const filters = [
      of(sql`customer_id`, customerId),
      of(sql`subscription_id::text`, subscriptionId),
      of(sql`status`, status),
    ]
    return this.#list<Invoice>('invoices', invoiceState, tenantId, filters, page)
  }

  async invoicesWithin(
    tenantId: string,
    customerIds: string[],
    { startMs, endMs }: { startMs: number; endMs: number },
  ): Promise<Invoice[]> {
    const found = await query<{ state: string }>(
      this.#db,
      sql`
        select (${invoiceState})::text as state from invoices
        where tenant_id = ${tenantId}::uuid and customer_id in (
            select value from json_array_elements_text(${JSON.stringify(customerIds)}::json))
          and number is not null and status <> 'void'
          and period_start >= ${rfc3339(startMs)}::timestamptz and period_end > ${rfc3339(startMs)}::timestamptz
          and period_end <= ${rfc3339(endMs)}::timestamptz
        order by number`,
    )
    return found.map((row) => JSON.parse(row.state) as Invoice)
  }

  async invoicesReached(tenantId: string, spans: ReachedSpan[]): Promise<Invoice[]> {
    if (spans.length === 0) return []
    const found = await query<{ state: string }>(this.#db, reachedStatement(tenantId, spans))
    return found.map(({ state }) => JSON.parse(state) as Invoice)
  }

  listGrants(tenantId: string, customerId: string, page: PageRequest): Promise<OpenGrant[]> {
    return this.#list<OpenGrant>(
      'credit_grants',
      grantState,
      tenantId,
      [of(sql`customer_id`, customerId)],
      page,
    )
  }

  listCreditEntries(tenantId: string, customerId: string, page: PageRequest): Promise<CreditEntry[]> {
    return this.#list<CreditEntry>(
      'credit_entries',
      sql`state`,
      tenantId,
      [of(sql`customer_id`, customerId)],
      page,
    )
  }

  exportInvoices(tenantId: string, filter: ExportFilter, afterNumber: number): Promise<Invoice[]> {
    return exportedInvoices(this.#db, tenantId, filter, afterNumber)
  }

  exportCreditEntries(
    tenantId: string,
    filter: ExportFilter,
    after: string | null,
  ): Promise<ExportedEntry[]> {
    return exportedEntries(this.#db, tenantId, filter, after)
  }

  findCreditNote(tenantId: string, id: string): Promise<StoredNote | null> {
    return this.#find('credit_notes', noteState, tenantId, id)
  }

  async listCreditNotes(
    tenantId: string,
    invoiceId: string,
    { after, limit }: PageRequest,
  ): Promise<StoredNote[]> {
    const found = await query<{ state: string }>(
      this.#db,
      sql`
        select (${noteState})::text as state from credit_notes
        where tenant_id = ${tenantId}::uuid and invoice_id = ${invoiceId}::uuid
          and (${after}::uuid is null or number > (
            select last.number from credit_notes as last where last.tenant_id = ${tenantId}::uuid and last.id = ${after}::uuid))
        order by number limit ${limit + 1}::int`,
    )
    return found.map(({ state }) => JSON.parse(state) as StoredNote)
  }

  async #find<Item>(table: Table, state: SQL, tenantId: string, id: string): Promise<Item | null> {
    const [row] = await query<{ state: string }>(
      this.#db,
      sql`select (${state})::text as state from ${sql.identifier(table)}
        where tenant_id = ${tenantId}::uuid and id = ${id}::uuid`,
    )
    return row ? (JSON.parse(row.state) as Item) : null
  }

  /** Newest first. */
  async #list<Item>(
    table: Table,
    state: SQL,
    tenantId: string,
    filters: SQL[],
    { after, limit }: PageRequest,
  ): Promise<Item[]> {
    const name = sql.identifier(table)
    const found = await query<{ state: string }>(
      this.#db,
      sql`
        select (${state})::text as state from ${name}
        where tenant_id = ${tenantId}::uuid and ${sql.join(filters, sql` and `)}
          and (${after}::uuid is null or (created_at, id) < (
            select last.created_at, last.id from ${name} as last
            where last.tenant_id = ${tenantId}::uuid and last.id = ${after}::uuid))
        order by created_at desc, id desc limit ${limit + 1}::int`,
    )
    return found.map((row) => JSON.parse(row.state) as Item)
  }
}

const of = (column: SQL, value: string | undefined): SQL =>
  value === undefined ? sql`true` : sql`${column} = ${value}::text`
