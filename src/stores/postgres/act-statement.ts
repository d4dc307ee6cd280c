// Entering an act, as one statement: all of it, on every condition that it was computed under, or nothing.

import { type SQL, sql } from 'drizzle-orm'
import { rfc3339 } from '../../kernel/time.ts'
import type { FoundAt, NewAct } from '../../log/act-ports.ts'
import type { CounterChange, CounterPlace } from '../../log/effect.ts'
import { lines } from './lines.ts'
import { recountedParts } from './recounted.ts'

/** `moved`: 1 where it was entered; `state`: of the correction, as it was before. */
export type EnteredRow = { moved: string; number: string | null; state: string | null }

/** What a failure says where a row that was counted anew is another one by now. */
export const OVERTAKEN = 'overtaken'

/**
 * The tenant's row is locked before any row of usage is, as in every change that locks both; rows of usage in key order, as in
 * settling. A condition on a row that may be waited for stands on that row itself.
 */
export function actStatement(tenantId: string, act: NewAct): SQL {
  const isApply = act.kind === 'apply'
  const changed = sql`select c as customer_id, m as meter, k as bucket from judged
      where (select count(*) from gone) + (select count(*) from changed) + (select count(*) from made) > 0`
  const because = {
    correction: sql`${act.correction}::uuid`,
    asCreditNote: sql`${act.asCreditNote}::boolean`,
  }
  return sql`
    with sent as (${sentChanges(act)}), expected as (
      select id from corrections
      where tenant_id = ${tenantId}::uuid and id = ${act.correction}::uuid and state = ${act.from}::text
      for update
    ), named as (
      select id, name, received_to from unnest(${lines(act.blocks)}) as sent (name)
      join log_blocks using (name)
      where tenant_id = ${tenantId}::uuid
    ), moved as (
      update tenants set ledger = gen_random_uuid(), acts = acts + 1
      where id = ${tenantId}::uuid and ledger = ${act.ledger}::uuid and config_version = ${act.configVersion}::int8
        and (select count(*) from named) = ${act.blocks.length}::int
        and (select string_agg(id, chr(10) order by id collate "C") from meters
            where tenant_id = ${tenantId}::uuid and state <> 'cancelled')
          is not distinct from nullif(${[...act.meters].sort().join('\n')}::text, '')
        and exists (select 1 from expected)
      returning acts
    ), locked as (
      select n, u.xmin::text as now_mark, u.a as now_a, u.b as now_b
      from sent join usage as u on ${sameRow(sql`u`, tenantId, sql`sent`)}
      where exists (select 1 from moved)
      order by c collate "C", m collate "C", k, g collate "C", d collate "C"
      for update of u
    ), judged as (
      select sent.*, now_mark, now_mark is not null and (kind = 'gone' or (kind = 'add' and now_a + a = 0 and now_b + b = 0)) as goes
      from sent left join locked using (n)
      where exists (select 1 from moved)
    ), gone as (
      delete from usage as u using judged where ${sameRow(sql`u`, tenantId, sql`judged`)} and goes returning 1
    ), changed as (
      update usage as u set
        a = case when kind = 'add' then u.a + judged.a else judged.a end,
        b = case when kind = 'add' then u.b + judged.b else judged.b end
      from judged where ${sameRow(sql`u`, tenantId, sql`judged`)} and now_mark is not null and not goes
      returning 1
    ), made as (
      insert into usage (tenant_id, customer_id, meter, bucket, groups, distinct_value, merge, a, b)
      select ${tenantId}::uuid, c, m, k, g, d, o, a, b from judged
      where now_mark is null and kind <> 'gone'
      order by c collate "C", m collate "C", k, g collate "C", d collate "C"
      on conflict (tenant_id, customer_id, meter, bucket, groups, distinct_value) do update set
        a = usage.a + excluded.a, b = usage.b + excluded.b
        where usage.merge = 'add'
      returning 1
    ), act as (
      insert into acts (tenant_id, number, correction_id, kind, blocks)
      select ${tenantId}::uuid, acts, ${act.correction}::uuid, ${act.kind}::text,
        ${lines(act.blocks)}
      from moved
      returning 1
    ), stated as (
      update corrections set ${
        isApply
          ? sql`state = 'applied', applied_at = now(), events = ${act.events}::int, effect = ${JSON.stringify(act.effect)}::text::jsonb,
              blocks = ${lines(act.blocks)}`
          : sql`state = 'reverted', reverted_at = now()`
      }
      where tenant_id = ${tenantId}::uuid and id = ${act.correction}::uuid and exists (select 1 from moved)
      returning 1
    )${foundFromNowOn(tenantId, act.found)}, ${recountedParts(tenantId, changed, because)}
    select moved::text as moved, (select acts from moved)::text as number,
      (select state from corrections where tenant_id = ${tenantId}::uuid and id = ${act.correction}::uuid) as state,
      case when moved = 1 and (stale > 0 or written <> ${act.changes.length}::int or entered <> 2)
        then (${OVERTAKEN}::text || ': ' || stale || ' rows are others, ' || written || ' written')::int end as overtaken
    from (select (select count(*) from moved) as moved,
      (select count(*) from judged where kind <> 'add' and now_mark is distinct from mark) as stale,
      (select count(*) from gone) + (select count(*) from changed) + (select count(*) from made) as written,
      (select count(*) from act) + (select count(*) from stated) as entered) as counted`
}

const placeText = ({ customerId, meterId, hourMs, groups, distinctValue }: CounterPlace): string =>
  JSON.stringify([customerId, meterId, hourMs, groups, distinctValue])

function sentChanges({ changes, marked }: NewAct): SQL {
  const marks = new Map(marked.map((row) => [placeText(row), row.mark]))
  const sent = changes.map((change, n) => ({
    n,
    ...placeJson(change),
    kind: kindOf(change),
    ...(change.kind === 'added' ? change.added : change.after),
    mark: marks.get(placeText(change)) ?? null,
  }))
  return sql`select * from json_to_recordset(${JSON.stringify(sent)}::json)
    as sent (n int, c text, m text, k timestamptz, g text, d text, o text, kind text, a numeric, b numeric, mark text)`
}

const kindOf = (change: CounterChange): 'add' | 'set' | 'gone' =>
  change.kind === 'added' ? 'add' : change.after === null ? 'gone' : 'set'

/** A row of `usage`, by the names that statements have for its columns. */
export const placeJson = ({ customerId, meterId, hourMs, groups, distinctValue, merge }: CounterPlace) => ({
  c: customerId,
  m: meterId,
  k: rfc3339(hourMs),
  g: groups,
  d: distinctValue,
  o: merge,
})

export const sameRow = (usage: SQL, tenantId: string, sent: SQL): SQL =>
  sql`${usage}.tenant_id = ${tenantId}::uuid and ${usage}.customer_id = ${sent}.c and ${usage}.meter = ${sent}.m
    and ${usage}.bucket = ${sent}.k and ${usage}.groups = ${sent}.g and ${usage}.distinct_value = ${sent}.d`

/** The index leads to a block by what its events were sent as, and from now on by what they are, too. */
function foundFromNowOn(tenantId: string, found: FoundAt[]): SQL {
  if (found.length === 0) return sql``
  const sent = found.map(({ block, customers, timestampMs }) => ({
    n: block,
    c: customers.join(),
    f: timestampMs && rfc3339(timestampMs[0]),
    t: timestampMs && rfc3339(timestampMs[1]),
  }))
  return sql`, found as (
      select * from json_to_recordset(${JSON.stringify(sent)}::json) as found (n text, c text, f timestamptz, t timestamptz)
    ), led as (
      insert into log_customers (customer, received_to, block_id)
      select unnest(string_to_array(c, ',')::int8[]), received_to, named.id
      from found join named on n = name where exists (select 1 from moved)
      on conflict do nothing
      returning 1
    ), widened as (
      update log_blocks as b set timestamp_from = least(timestamp_from, f), timestamp_to = greatest(timestamp_to, t)
      from found where b.name = n and b.tenant_id = ${tenantId}::uuid and f is not null and exists (select 1 from moved)
      returning 1
    )`
}
