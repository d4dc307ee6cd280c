// Acts that outlive a Postgres that is put back: what the counter store is to note of the ledger, and what it offers again.

import { sql } from 'drizzle-orm'
import { ACT_NOTES } from '../../log/limits.ts'
import type { ActNote, OfferedAct, OfferedActStore, OfferedGround, ToNote } from '../../log/offered-ports.ts'
import type { Db } from './db.ts'
import { query } from './failure.ts'
import { lines } from './lines.ts'
import { offerStatement } from './offer-statement.ts'

type NoteRow = { kind: string; at: string; blocks: string; waiting: string; correction: string }
type Fields = { [name: string]: unknown }

export class PostgresOfferedActs implements OfferedActStore {
  readonly #db: Db

  constructor(db: Db) {
    this.#db = db
  }

  /** One snapshot. Of what waits, or never was an act, only the one that is asked for. */
  async toNote(tenantId: string, fromMicros: number, correction: string): Promise<ToNote> {
    const found = await query<NoteRow>(
      this.#db,
      sql`
      with newest as (
        select number, a.kind, (extract(epoch from a.created_at) * 1000000)::int8::text as at, a.blocks, a.correction_id
        from acts as a
        where a.tenant_id = ${tenantId}::uuid
          and (a.correction_id = ${correction}::uuid or a.created_at >= timestamptz 'epoch' + ${fromMicros}::int8 * interval '1 microsecond')
        order by number desc limit ${ACT_NOTES}::int
      ), listed as (
        select number, kind, at, blocks, correction_id from newest
        union all
        select null, case state when 'wanted' then 'want' else state end, '', '{}', id from corrections
        where tenant_id = ${tenantId}::uuid and id = ${correction}::uuid and state in ('wanted', 'cancelled', 'refused')
      )
      select kind, at, array_to_json(listed.blocks)::text as blocks, (
          select coalesce(json_agg(json_build_object('correction', correction_id, 'kind', o.kind) order by position), '[]')
          from offered_acts as o where tenant_id = ${tenantId}::uuid
        )::text as waiting, (to_jsonb(c) - 'blocks' - 'effect' ||
        jsonb_build_object('taken', c.effect -> 'taken'))::text as correction
      from listed join corrections as c on c.id = correction_id
      order by number nulls last`,
    )
    const waiting = JSON.parse(found[0]?.waiting ?? '[]') as ToNote['waiting']
    const notes = found.map(({ kind, at, blocks, correction: json }) => {
      const row = JSON.parse(json) as Fields
      return {
        ...{ kind: kind as ActNote['kind'], at, blocks: JSON.parse(blocks) as string[] },
        taken: row.taken as string | null,
        correction: {
          correction: row.id as string,
          action: row.action as ActNote['correction']['action'],
          filter: row.filter as ActNote['correction']['filter'],
          set: row.change as ActNote['correction']['set'],
          reason: row.reason as string,
          events: row.events as number,
          asCreditNote: row.as_credit_note as boolean,
          refusal: row.refusal as string | null,
          createdAt: row.created_at as string,
        },
      }
    })
    return { notes, waiting }
  }

  async offer(tenantId: string, notes: { position: number; note: ActNote }[]): Promise<number> {
    const [row] = await query<{ forgotten: string }>(this.#db, offerStatement(tenantId, notes))
    return Number(row!.forgotten)
  }

  async list(after: Pick<OfferedAct, 'tenantId' | 'position'> | null, limit: number): Promise<OfferedAct[]> {
    const { tenantId = null, position = 0 } = after ?? {}
    const found = await query<{ act: string; blocks: string; waits: string }>(
      this.#db,
      sql`
      select to_jsonb(o)::text as act, array_to_json(blocks)::text as blocks,
        (extract(epoch from now() - created_at) * 1000)::int8::text as waits
      from offered_acts as o
      where ${tenantId}::uuid is null or (tenant_id, position) > (${tenantId}::uuid, ${position}::int8)
      order by tenant_id, position limit ${limit}::int`,
    )
    return found.map(({ act, blocks, waits }) => {
      const row = JSON.parse(act) as Fields
      return {
        tenantId: row.tenant_id as string,
        position: row.position as number,
        correction: row.correction_id as string,
        kind: row.kind as OfferedAct['kind'],
        blocks: JSON.parse(blocks) as string[],
        taken: row.taken as string | null,
        waitsMs: Number(waits),
      }
    })
  }

  async ground(tenantId: string, segments: string[]): Promise<OfferedGround> {
    const [row] = await query<{ ledger: string; settled: string; blocks: string }>(
      this.#db,
      sql`
      select ledger::text as ledger,
        (select coalesce(json_agg(id), '[]') from segments where id = any(asked.ids))::text as settled,
        (select coalesce(json_agg(name order by name), '[]') from log_blocks
          where segment_id = any(asked.ids) and tenant_id = tenants.id)::text as blocks
      from tenants, (select ${lines(segments)} as ids) as asked where tenants.id = ${tenantId}::uuid`,
    )
    if (row === undefined) throw new Error(`There is no tenant ${tenantId} in Postgres`)
    return {
      ledger: row.ledger,
      settled: new Set(JSON.parse(row.settled) as string[]),
      blocks: JSON.parse(row.blocks) as string[],
    }
  }

  async drop({ tenantId, correction, kind }: OfferedAct): Promise<void> {
    const waits = kind === 'apply' ? ['draft', 'wanted', 'offered'] : ['applied', 'offered']
    await query(
      this.#db,
      sql`
      delete from offered_acts as o
      where tenant_id = ${tenantId}::uuid and correction_id = ${correction}::uuid and kind = ${kind}::text and (
        exists (select 1 from acts where acts.correction_id = o.correction_id and acts.kind = o.kind)
        or not exists (select 1 from corrections as c where c.id = o.correction_id and state = any(${lines(waits)})))`,
    )
  }

  /** Without an act there is nothing to take back: the revert goes with it. */
  async refuse(
    { tenantId, correction, kind }: OfferedAct,
    { ledger, segments, allSettled }: Parameters<OfferedActStore['refuse']>[1],
    refusal: string,
  ): Promise<boolean> {
    const state = kind === 'apply' ? 'offered' : 'applied'
    const [row] = await query<{ refused: string }>(
      this.#db,
      sql`
      with held as (
        select id from tenants where id = ${tenantId}::uuid and ledger = ${ledger}::uuid
          and ((select count(*) from segments where segments.id = any(${lines(segments)})) = ${segments.length}::int) = ${allSettled}::boolean
        for no key update
      ), told as (
        update corrections set refusal = ${refusal}::text, state = ${kind === 'apply' ? 'refused' : 'applied'}::text
        from held where tenant_id = held.id and corrections.id = ${correction}::uuid and state = ${state}::text
        returning 1
      ), gone as (
        delete from offered_acts where correction_id = ${correction}::uuid and exists (select 1 from told)
          and kind = any(${lines(kind === 'apply' ? ['apply', 'revert'] : ['revert'])})
      )
      select count(*)::text as refused from told`,
    )
    return row!.refused === '1'
  }
}
