// How accounts are found and read, each whole in one statement.

import { type SQL, sql } from 'drizzle-orm'
import type { Asked, ReachedSpan } from '../../billing/account-ports.ts'
import { ALL_DUE, type DueMark, type DueRange } from '../../billing/invoices/due-range.ts'
import { rfc3339 } from '../../kernel/time.ts'

/** Numbers are given by Postgres, and so stand in columns of their own. */
export const invoiceState = sql`state || jsonb_build_object('number', number)`
export const noteState = sql`state || jsonb_build_object('number', number)`
const msOf = (column: SQL): SQL => sql`(extract(epoch from ${column}) * 1000)::bigint`
const recountState = sql`jsonb_build_object('id', id, 'meter', meter, 'fromMs', ${msOf(sql`from_at`)}, 'toMs', ${msOf(sql`to_at`)},
  'correctionId', correction_id, 'asCreditNote', as_credit_note)`
const remaining = sql`(select coalesce(sum(entries.amount), 0)::text from credit_entries as entries
  where entries.tenant_id = credit_grants.tenant_id and entries.grant_id = credit_grants.id)`
export const grantState = sql`state || jsonb_build_object('remaining', ${remaining})`

/** Accounts with usage that was counted anew, of the tenant that has waited longest, or of this one. */
export const recountedStatement = (limit: number, tenantId?: string): SQL => sql`
  select tenant_id, customer_id, row_number() over (order by min(created_at), customer_id) as place
  from recounts where tenant_id = ${
    tenantId === undefined
      ? sql`(select tenant_id from recounts order by created_at, tenant_id limit 1)`
      : sql`${tenantId}::uuid`
  }
  group by tenant_id, customer_id order by place limit ${limit}::int`

const placeOf = ({ dueMs, tenantId, customerId }: DueMark): SQL =>
  sql`(${rfc3339(dueMs)}::timestamptz, ${tenantId}::uuid, ${customerId}::text)`

/**
 * Of `due`. Whose first due subscription comes before the range is another's: counted so that only the customer's own are looked
 * through, whatever Postgres knows of how many are due.
 */
const within = ({ from, to }: DueRange): SQL => sql`
  ${from === null ? sql`true` : sql`(due.due_at, due.tenant_id, due.customer_id) >= ${placeOf(from)}`}
  and ${to === null ? sql`true` : sql`(due.due_at, due.tenant_id, due.customer_id) < ${placeOf(to)}`}
  and ${
    from === null
      ? sql`true`
      : sql`(select count(*) filter (where earlier.due_at < ${rfc3339(from.dueMs)}::timestamptz) from subscriptions as earlier
          where earlier.tenant_id = due.tenant_id and earlier.customer_id = due.customer_id) = 0`
  }`

/** Subscriptions that are due, in the order of the index subscriptions_due_order: nothing is sorted, however many are. */
export function dueStatement(nowMs: number, limit: number, range: DueRange = ALL_DUE): SQL {
  const taken = sql`due.due_at <= ${rfc3339(nowMs)}::timestamptz and ${within(range)}`
  return sql`
    select tenant_id, customer_id, due_at from subscriptions as due
    where ${taken} and tenant_id = (
      select tenant_id from subscriptions as due where ${taken} order by due_at, tenant_id limit 1)
    order by due_at, customer_id, id limit ${limit}::int`
}

/** Every so many'th of them, from the same index alone. */
export const dueMarksStatement = (nowMs: number, every: number, most: number): SQL => sql`
  select floor(extract(epoch from due_at) * 1000)::text as due_ms, tenant_id, customer_id from (
    select due_at, tenant_id, customer_id, row_number() over (order by due_at, tenant_id, customer_id, id) - 1 as before
    from subscriptions where due_at <= ${rfc3339(nowMs)}::timestamptz
    order by due_at, tenant_id, customer_id, id limit ${every * most + 1}::int) as due
  where before > 0 and before % ${every}::int = 0
  group by due_at, tenant_id, customer_id order by due_at, tenant_id, customer_id`

/** Of an invoice `billing`: it is issued, and bills this meter in [from, to). */
const bills = ({ meter, from, to }: { meter: SQL; from: SQL; to: SQL }): SQL => sql`
  billing.period_end > ${from} and billing.period_start < coalesce(${to}, 'infinity')
  and billing.status not in ('draft', 'void') and billing.state ->> 'kind' = 'period'
  and billing.state -> 'lines' @> jsonb_build_array(jsonb_build_object('kind', 'usage', 'meter', ${meter}))`

export function reachedStatement(tenantId: string, spans: ReachedSpan[]): SQL {
  const sent = spans.map(({ customerId, meter, fromMs, toMs }) => ({
    c: customerId,
    m: meter,
    f: rfc3339(fromMs),
    t: toMs === null ? null : rfc3339(toMs),
  }))
  return sql`
    select (${invoiceState})::text as state from invoices
    where tenant_id = ${tenantId}::uuid and id in (
      select billing.id
      from json_to_recordset(${JSON.stringify(sent)}::json) as span (c text, m text, f timestamptz, t timestamptz)
      join invoices as billing on billing.tenant_id = ${tenantId}::uuid and billing.customer_id = c
        and ${bills({ meter: sql`m`, from: sql`f`, to: sql`t` })})
    order by number`
}

/** One that was taken back before its start has never lasted. */
const endedAfter = (ms: number): SQL =>
  sql`(state ->> 'cancelAtMs')::bigint > greatest(${ms}::bigint, (state ->> 'startMs')::bigint)`

const ofWanted = sql`tenant_id = wanted.tenant_id and customer_id = wanted.customer_id`
const nothing = sql`'[]'::jsonb`

/** Of the invoices that are asked for, and of what follows them. Where none are, none of it is in the statement: planning it costs, for every batch that is closed. */
function ofAsked(invoiceIds: string[]): { subscription: SQL; invoices: SQL; note: SQL } {
  if (invoiceIds.length === 0) return { subscription: sql`false`, invoices: nothing, note: sql`false` }
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
    note: sql`invoice_id in ${asked}`,
  }
}

/** Of the invoices that bill what was counted anew. */
function ofRecounted(isAsked: boolean): { subscription: SQL; invoices: SQL; note: SQL } {
  if (!isAsked) return { subscription: sql`false`, invoices: nothing, note: sql`false` }
  const reached = (column: SQL) => sql`(select ${column} from recounts join invoices as billing
    on billing.tenant_id = recounts.tenant_id and billing.customer_id = recounts.customer_id
      and ${bills({ meter: sql`recounts.meter`, from: sql`recounts.from_at`, to: sql`recounts.to_at` })}
    where recounts.tenant_id = wanted.tenant_id and recounts.customer_id = wanted.customer_id)`
  const ids = reached(sql`billing.id`)
  return {
    subscription: sql`id in ${reached(sql`billing.subscription_id`)}`,
    invoices: sql`(select coalesce(jsonb_agg(${invoiceState} order by created_at, sequence, id), '[]') from invoices
        where ${ofWanted} and usage_final and id in ${ids})`,
    note: sql`invoice_id in ${ids}`,
  }
}

const notesWhere = (areAsked: boolean, which: SQL): SQL =>
  areAsked
    ? sql`(select coalesce(jsonb_agg(${noteState} order by number), '[]') from credit_notes where ${ofWanted} and (${which}))`
    : nothing

/** `wanted`: tenant_id, customer_id and place of the accounts. */
export function accountsStatement(
  wanted: SQL,
  { invoiceIds = [], endedAfterMs, recounted = false }: Asked,
): SQL {
  const mine = ofWanted
  const again = ofRecounted(recounted)
  const asked = ofAsked(invoiceIds)
  const ended = endedAfterMs === undefined ? sql`false` : endedAfter(endedAfterMs)
  const theirs = sql`${mine} and (due_at is not null or ${asked.subscription} or ${again.subscription} or ${ended})`
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
      'recounted', ${again.invoices},
      'recounts', (select coalesce(jsonb_agg(${recountState} order by id), '[]') from recounts where ${mine}),
      'grants', (select coalesce(jsonb_agg(${grantState} order by created_at, id), '[]') from credit_grants
        where ${mine} and ${remaining}::numeric <> 0),
      'creditNotes', ${notesWhere(invoiceIds.length > 0 || recounted, sql`${asked.note} or ${again.note}`)},
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
