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
  Saved,
} from '../../billing/account-ports.ts'
import type { CreditEntry, OpenGrant, StoredNote } from '../../billing/credit/credit.ts'
import type { Invoice } from '../../billing/invoices/invoice.ts'
import type { Subscription } from '../../billing/subscriptions/subscription.ts'
import type { PageRequest } from '../../kernel/page.ts'
import { rfc3339 } from '../../kernel/time.ts'
import { accountFrom } from './account-rows.ts'
import { saveStatement } from './account-save.ts'
import type { Db } from './db.ts'
import { exportedEntries, exportedInvoices } from './exported.ts'
import { query, violates } from './failure.ts'

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

  async dueAccounts(nowMs: number, limit: number): Promise<Account[] | null> {
    const wanted = sql`
      select tenant_id, customer_id, row_number() over (order by min(due_at), customer_id) as place
      from (${dueStatement(nowMs, limit)}) as due group by tenant_id, customer_id`
    const found = await query<{ account: string }>(this.#db, accountsStatement(wanted, {}))
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

/** Numbers are given by Postgres, and so stand in columns of their own. */
const invoiceState = sql`state || jsonb_build_object('number', number)`
const noteState = sql`state || jsonb_build_object('number', number)`
const remaining = sql`(select coalesce(sum(entries.amount), 0)::text from credit_entries as entries
  where entries.tenant_id = credit_grants.tenant_id and entries.grant_id = credit_grants.id)`
const grantState = sql`state || jsonb_build_object('remaining', ${remaining})`

/** Subscriptions that are due, in the order of the index subscriptions_due_order: nothing is sorted, however many are. */
export function dueStatement(nowMs: number, limit: number): SQL {
  const now = sql`${rfc3339(nowMs)}::timestamptz`
  return sql`
    select tenant_id, customer_id, due_at from subscriptions
    where due_at <= ${now} and tenant_id = (
      select tenant_id from subscriptions where due_at <= ${now} order by due_at, tenant_id limit 1)
    order by due_at, customer_id, id limit ${limit}::int`
}

/** One that was taken back before its start has never lasted. */
const endedAfter = (ms: number): SQL =>
  sql`(state ->> 'cancelAtMs')::bigint > greatest(${ms}::bigint, (state ->> 'startMs')::bigint)`

const ofWanted = sql`tenant_id = wanted.tenant_id and customer_id = wanted.customer_id`
const nothing = sql`'[]'::jsonb`

/** Of the invoices that are asked for, and of what follows them. Where none are, none of it is in the statement: planning it costs, for every batch that is closed. */
function ofAsked(invoiceIds: string[]): { subscription: SQL; invoices: SQL; notes: SQL } {
  if (invoiceIds.length === 0) return { subscription: sql`false`, invoices: nothing, notes: nothing }
  const asked = sql`(select value::uuid from json_array_elements_text(${JSON.stringify(invoiceIds)}::json))`
  const after = sql`(select later.subscription_id, later.sequence from invoices as one join invoices as later
    on later.tenant_id = one.tenant_id and later.subscription_id = one.subscription_id and later.sequence > one.sequence
    where one.tenant_id = wanted.tenant_id and one.customer_id = wanted.customer_id and one.id in ${asked}
      and not exists (select 1 from invoices as between_them
        where between_them.tenant_id = one.tenant_id and between_them.subscription_id = one.subscription_id
          and between_them.sequence > one.sequence and between_them.sequence < later.sequence
          and between_them.state ->> 'kind' <> 'change'))`
  return {
    subscription: sql`id in (select subscription_id from invoices where ${ofWanted} and id in ${asked})`,
    invoices: sql`(select coalesce(jsonb_agg(${invoiceState} order by created_at, sequence, id), '[]') from invoices
        where ${ofWanted} and status <> 'draft' and usage_final
          and (id in ${asked} or (subscription_id, sequence) in ${after}))`,
    notes: sql`(select coalesce(jsonb_agg(${noteState} order by number), '[]') from credit_notes
        where ${ofWanted} and invoice_id in ${asked})`,
  }
}

/** `wanted`: tenant_id, customer_id and place of the accounts. */
function accountsStatement(wanted: SQL, { invoiceIds = [], endedAfterMs }: Asked): SQL {
  const mine = ofWanted
  const asked = ofAsked(invoiceIds)
  const ended = endedAfterMs === undefined ? sql`false` : endedAfter(endedAfterMs)
  const theirs = sql`${mine} and (due_at is not null or ${asked.subscription} or ${ended})`
  return sql`
    with wanted as (${wanted})
    select jsonb_build_object(
      'tenantId', wanted.tenant_id,
      'customerId', wanted.customer_id,
      'version', coalesce(accounts.version, 0),
      'currency', accounts.currency,
      'subscriptions', (select coalesce(jsonb_agg(state order by created_at, id), '[]') from subscriptions
        where ${theirs}),
      'invoices', (select coalesce(jsonb_agg(${invoiceState} order by created_at, sequence, id), '[]') from invoices
        where ${mine} and (status = 'draft' or not usage_final)),
      'asked', ${asked.invoices},
      'grants', (select coalesce(jsonb_agg(${grantState} order by created_at, id), '[]') from credit_grants
        where ${mine} and ${remaining}::numeric <> 0),
      'creditNotes', ${asked.notes},
      'terms', (select coalesce(jsonb_agg(jsonb_build_object('plan', plan, 'version', version, 'terms', terms)), '[]')
        from plan_versions where tenant_id = wanted.tenant_id and (plan, version) in (
          select phase ->> 'plan', (phase ->> 'version')::int
          from subscriptions, jsonb_array_elements(state -> 'phases') as phase where ${theirs})),
      'coupons', (select coalesce(jsonb_agg(to_jsonb(coupons)), '[]') from coupons
        where tenant_id = wanted.tenant_id and key in (
          select attached ->> 'coupon' from subscriptions, jsonb_array_elements(state -> 'coupons') as attached
          where ${theirs})),
      'customer', (select jsonb_build_object('name', name, 'email', email, 'taxRates', tax_rates) from customers where ${mine})
    )::text as account
    from wanted left join accounts on accounts.tenant_id = wanted.tenant_id and accounts.customer_id = wanted.customer_id
    order by wanted.place`
}
