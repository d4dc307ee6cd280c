// Offering acts to a Postgres that was put back, as one statement: what it has forgotten waits from then on, and what it knows stays.

import { type SQL, sql } from 'drizzle-orm'
import type { ActNote } from '../../log/offered-ports.ts'

/**
 * Corrections that are not there are made, as they were: `offered` those that were applied. Of those that are there, drafts and those
 * that wait are moved to what they had become; one that was cancelled, and was applied since, is to be taken back.
 */
export const offerStatement = (tenantId: string, notes: { position: number; note: ActNote }[]): SQL => sql`
  with sent as (
    select * from json_to_recordset(${JSON.stringify(notes.map(sentNote))}::json) as sent (position int8, kind text, id uuid, state text,
      action text, filter jsonb, change jsonb, reason text, events int, credit boolean, refusal text, made timestamptz,
      blocks json, taken text)
    where exists (select 1 from tenants where tenants.id = ${tenantId}::uuid)
  ), entered as (
    select correction_id as id, acts.kind from acts join (select distinct id from sent) as asked on asked.id = correction_id
  ), made as (
    insert into corrections (id, tenant_id, state, action, filter, change, reason, blocks, events, effect, as_credit_note, refusal, created_at)
    select id, ${tenantId}::uuid, state, action, filter, change, reason, ${texts(sql`blocks`)}, events,
      jsonb_build_object('meters', '[]'::jsonb, 'digest', '', 'taken', taken), credit, refusal, made
    from sent where state is not null
    on conflict (id) do nothing
    returning id
  ), moved as (
    update corrections as c set state = sent.state, refusal = sent.refusal
    from sent
    where c.id = sent.id and c.tenant_id = ${tenantId}::uuid and case sent.kind
      when 'apply' then c.state in ('draft', 'wanted', 'refused')
      when 'cancelled' then c.state in ('draft', 'wanted', 'offered')
      when 'refused' then c.state in ('draft', 'wanted') else false end
    returning c.id
  ), again as (
    select position, sent.id, 'apply' as kind, ${texts(sql`sent.blocks`)} as blocks, taken
    from sent where sent.kind = 'apply' and id in (select id from made union all select id from moved)
    union all
    select position, sent.id, 'revert', ${texts(sql`sent.blocks`)}, taken
    from sent where sent.kind = 'revert' and (id, 'revert') not in (select id, kind from entered)
    union all
    select position, c.id, 'revert', c.blocks, c.effect ->> 'taken'
    from sent join corrections as c using (id)
    where sent.kind = 'cancelled' and c.state = 'applied' and c.tenant_id = ${tenantId}::uuid
  ), offered as (
    insert into offered_acts (tenant_id, position, correction_id, kind, blocks, segments, taken)
    select ${tenantId}::uuid, position, id, kind, blocks,
      array(select distinct split_part(name, '/', 1) from unnest(blocks) as name), taken from again
    on conflict do nothing
    returning 1
  ), no_more as (
    delete from offered_acts where correction_id in (select id from moved join sent using (id) where kind = 'cancelled')
  )
  select count(*)::text as forgotten from offered`

const texts = (json: SQL): SQL => sql`array(select json_array_elements_text(${json}))`

const STATES: Record<ActNote['kind'], string | null> = {
  want: 'wanted',
  apply: 'offered',
  revert: null,
  cancelled: 'cancelled',
  refused: 'refused',
}

const sentNote = ({ position, note }: { position: number; note: ActNote }) => {
  const { kind, correction, blocks, taken } = note
  return {
    ...{ position, kind, id: correction.correction, state: STATES[kind] },
    ...{
      action: correction.action,
      filter: correction.filter,
      change: correction.set,
      reason: correction.reason,
    },
    ...{ events: correction.events, credit: correction.asCreditNote, made: correction.createdAt, taken },
    refusal: kind === 'refused' ? correction.refusal : null,
    blocks,
  }
}
