// The part of a statement that says what usage it counted anew, so that invoices which bill it are looked at again. It is
// written with the counters or not at all: whoever is cut off after it has forgotten nothing.

import { type SQL, sql } from 'drizzle-orm'
import { HOUR_MS, rfc3339 } from '../../kernel/time.ts'
import type { TouchedSpan } from '../../log/effect.ts'
import type { Counter } from '../../metering/counter.ts'

/** What it was counted anew for; a correction, or nothing that has a name. */
type Because = {
  /** a uuid, or null */
  correction: SQL
  /** a boolean: what is less than was billed is to be a credit note at once */
  asCreditNote: SQL
}

const UNNAMED: Because = { correction: sql`null::uuid`, asCreditNote: sql`false` }

/**
 * CTEs, of which `recounted` has a row for each of the customers' meters. `changed`: a query for (customer_id, meter, bucket), the meter by
 * its id, that finds nothing if nothing was entered. Let it depend on what changes `usage`: who locks both does it in this order.
 *
 * It moves the accounts' versions. Whoever read an account before, and its usage after, writes nothing: what was read together fits
 * together. Customers without an account have no invoices, and nothing is written for them.
 */
export const recountedParts = (
  tenantId: string,
  changed: SQL,
  { correction, asCreditNote } = UNNAMED,
): SQL => sql`
  recounted_spans as (
    select changed.customer_id, meters.key, min(changed.bucket) as from_at,
      case when meters.aggregation <> 'weighted_sum' then max(changed.bucket) + interval '1 hour' end as to_at
    from (${changed}) as changed join meters on meters.tenant_id = ${tenantId}::uuid and meters.id = changed.meter
    where changed.customer_id <> ''
    group by changed.customer_id, meters.key, meters.aggregation
  ), recounted_accounts as (
    insert into accounts (tenant_id, customer_id, version, currency)
    select tenant_id, customer_id, version, currency from accounts
    where tenant_id = ${tenantId}::uuid and customer_id in (select customer_id from recounted_spans)
    order by customer_id collate "C"
    on conflict (tenant_id, customer_id) do update set version = accounts.version + 1
    returning customer_id
  ), recounted as (
    insert into recounts (tenant_id, customer_id, meter, from_at, to_at, correction_id, as_credit_note)
    select ${tenantId}::uuid, customer_id, key, from_at, to_at, ${correction}, ${asCreditNote}
    from recounted_spans join recounted_accounts using (customer_id)
    order by customer_id collate "C", key collate "C"
    returning 1
  )`

/** The whole of a statement that says so of usage that another one has changed. */
export function recountStatement(
  tenantId: string,
  touched: TouchedSpan[],
  { correctionId, asCreditNote }: { correctionId: string | null; asCreditNote: boolean },
): SQL {
  const ends = touched.flatMap(({ customerId, meterId, fromMs, toMs }) =>
    [fromMs, toMs - HOUR_MS].map((bucketMs) => ({ customerId, meter: meterId, bucketMs })),
  )
  const because = { correction: sql`${correctionId}::uuid`, asCreditNote: sql`${asCreditNote}::boolean` }
  return sql`with ${recountedParts(tenantId, changedBy(ends, sql`true`), because)} select count(*)::text as written from recounted`
}

/** The query that `recountedParts` takes, of counters that are sent; `condition`: whether they are entered. */
export function changedBy(
  counters: Pick<Counter, 'customerId' | 'meter' | 'bucketMs'>[],
  condition: SQL,
): SQL {
  const spans = new Map<string, { c: string; m: string; f: number; t: number }>()
  for (const { customerId, meter, bucketMs } of counters) {
    const key = `${customerId}\n${meter}`
    const span = spans.get(key)
    if (span === undefined) spans.set(key, { c: customerId, m: meter, f: bucketMs, t: bucketMs })
    else [span.f, span.t] = [Math.min(span.f, bucketMs), Math.max(span.t, bucketMs)]
  }
  const sent = [...spans.values()].map((span) => ({ ...span, f: rfc3339(span.f), t: rfc3339(span.t) }))
  return sql`
    select c as customer_id, m as meter, unnest(array[f, t]) as bucket
    from json_to_recordset(${JSON.stringify(sent)}::json) as span (c text, m text, f timestamptz, t timestamptz)
    where ${condition}`
}
