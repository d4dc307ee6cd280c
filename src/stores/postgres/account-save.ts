// The one statement that writes accounts. Whatever it inserts or updates is joined to the accounts whose version it moved;
// numbers are given in it, too, so that none is ever skipped.

import { type SQL, sql } from 'drizzle-orm'
import type { AccountChange } from '../../billing/account.ts'
import { rfc3339 } from '../../kernel/time.ts'

const at = (ms: number | null): string | null => (ms === null ? null : rfc3339(ms))

export function saveStatement(tenantId: string, changes: AccountChange[]): SQL {
  const tenant = sql`${tenantId}::uuid`
  const sent = (rows: object[]) => sql`json_to_recordset(${JSON.stringify(rows)}::json)`
  const accounts = changes.map(({ customerId, seenVersion, currency }) => ({
    c: customerId,
    seen: seenVersion,
    currency,
  }))
  return sql`
    with account as (
      insert into accounts (tenant_id, customer_id, version, currency)
      select ${tenant}, c, seen + 1, currency from ${sent(accounts)} as sent (c text, seen bigint, currency text)
      where seen = 0 or exists (select 1 from accounts where tenant_id = ${tenant} and customer_id = c)
      order by c collate "C"
      on conflict (tenant_id, customer_id) do update set version = excluded.version, currency = excluded.currency
      where accounts.version = excluded.version - 1
      returning customer_id
    ), invoice as (
      select sent.*, case when assign then row_number() over (partition by assign order by n) end as place
      from ${sent(invoiceRows(changes))} as sent (n int, c text, id uuid, subscription uuid, sequence int, status text,
        number bigint, assign boolean, starts timestamptz, ends timestamptz, currency text, total numeric, due numeric,
        issued timestamptz, final boolean, made timestamptz, state jsonb)
      join account on account.customer_id = c
    ), note as (
      select sent.*, row_number() over (order by n) as place
      from ${sent(noteRows(changes))} as sent (n int, c text, id uuid, invoice uuid, amount numeric, made timestamptz, state jsonb)
      join account on account.customer_id = c
    ), given as (
      insert into numbering (tenant_id, invoices, credit_notes)
      select ${tenant}, invoices, notes from (select
        (select count(*) from invoice where assign) as invoices, (select count(*) from note) as notes) as counted
      where invoices + notes > 0
      on conflict (tenant_id) do update set
        invoices = numbering.invoices + excluded.invoices, credit_notes = numbering.credit_notes + excluded.credit_notes
      returning invoices, credit_notes
    ), saved_subscriptions as (
      insert into subscriptions (tenant_id, id, customer_id, external_id, due_at, created_at, state)
      select ${tenant}, id, c, external, due, made, state
      from ${sent(subscriptionRows(changes))} as sent (c text, id uuid, external text, due timestamptz, made timestamptz, state jsonb)
      join account on account.customer_id = c
      on conflict (tenant_id, id) do update set due_at = excluded.due_at, state = excluded.state
    ), saved_invoices as (
      insert into invoices (tenant_id, id, customer_id, subscription_id, sequence, status, number, period_start, period_end,
        currency, total, amount_due, issued_at, usage_final, created_at, state)
      select ${tenant}, id, c, subscription, sequence, status,
        case when assign then (select invoices from given) - (select count(*) from invoice where assign) + place else number end,
        starts, ends, currency, total, due, issued, final, made, state
      from invoice
      on conflict (tenant_id, id) do update set status = excluded.status, number = excluded.number,
        period_start = excluded.period_start, period_end = excluded.period_end, total = excluded.total,
        amount_due = excluded.amount_due, issued_at = excluded.issued_at, usage_final = excluded.usage_final, state = excluded.state
      returning customer_id, id, number
    ), saved_notes as (
      insert into credit_notes (tenant_id, id, customer_id, invoice_id, number, amount, created_at, state)
      select ${tenant}, id, c, invoice, (select credit_notes from given) - (select count(*) from note) + place, amount, made, state
      from note
      returning customer_id, id, number
    ), saved_grants as (
      insert into credit_grants (tenant_id, id, customer_id, created_at, state)
      select ${tenant}, id, c, made, state
      from ${sent(changes.flatMap(({ customerId, grants }) => grants.map((grant) => ({ c: customerId, id: grant.id, made: at(grant.createdMs), state: grant }))))}
        as sent (c text, id uuid, made timestamptz, state jsonb)
      join account on account.customer_id = c
    ), saved_entries as (
      insert into credit_entries (tenant_id, id, customer_id, grant_id, amount, created_at, state)
      select ${tenant}, id, c, granted, amount, made, state
      from ${sent(changes.flatMap(({ customerId, entries }) => entries.map((entry) => ({ c: customerId, id: entry.id, granted: entry.grantId, amount: entry.amount, made: at(entry.createdMs), state: entry }))))}
        as sent (c text, id uuid, granted uuid, amount numeric, made timestamptz, state jsonb)
      join account on account.customer_id = c
    )${takenIn(tenant, changes)}
    select customer_id, (
      select jsonb_object_agg(id, number) from (
        select customer_id, id, number from saved_invoices where number is not null
        union all select customer_id, id, number from saved_notes) as numbered
      where numbered.customer_id = account.customer_id)::text as numbers
    from account`
}

/** Only of what was read: what has come since waits. Where nothing was, none of it is in the statement. */
function takenIn(tenant: SQL, changes: AccountChange[]): SQL {
  const ids = changes.flatMap(({ customerId, recounts }) => recounts.map((id) => ({ c: customerId, id })))
  if (ids.length === 0) return sql``
  return sql`, taken_in as (
      delete from recounts
      using json_to_recordset(${JSON.stringify(ids)}::json) as sent (c text, id bigint) join account on account.customer_id = sent.c
      where recounts.tenant_id = ${tenant} and recounts.customer_id = sent.c and recounts.id = sent.id
    )`
}

const subscriptionRows = (changes: AccountChange[]) =>
  changes.flatMap(({ customerId, subscriptions }) =>
    subscriptions.map((subscription) => ({
      c: customerId,
      id: subscription.id,
      external: subscription.externalId ?? null,
      due: at(subscription.dueMs),
      made: at(subscription.createdMs),
      state: subscription,
    })),
  )

const invoiceRows = (changes: AccountChange[]) =>
  changes
    .flatMap(({ customerId, invoices }) => invoices.map((invoice) => ({ customerId, invoice })))
    .map(({ customerId, invoice }, n) => ({
      n,
      c: customerId,
      id: invoice.id,
      subscription: invoice.subscriptionId,
      sequence: invoice.sequence,
      status: invoice.status,
      number: invoice.number,
      assign: invoice.issuedMs !== null && invoice.number === null,
      starts: at(invoice.startMs),
      ends: at(invoice.endMs),
      currency: invoice.currency,
      total: invoice.totals?.total ?? null,
      due: invoice.totals?.amountDue ?? null,
      issued: at(invoice.issuedMs),
      final: invoice.usageFinal && !invoice.reopened,
      made: at(invoice.createdMs),
      state: invoice,
    }))

const noteRows = (changes: AccountChange[]) =>
  changes
    .flatMap(({ customerId, creditNotes }) => creditNotes.map((note) => ({ customerId, note })))
    .map(({ customerId, note }, n) => ({
      n,
      c: customerId,
      id: note.id,
      invoice: note.invoiceId,
      amount: note.amount,
      made: at(note.createdMs),
      state: note,
    }))
