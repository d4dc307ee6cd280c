// Corrections in Postgres: what was asked for, what an act is computed from, and the statement that enters it.

import { type SQL, sql } from 'drizzle-orm'
import type { PageRequest } from '../../kernel/page.ts'
import type { CorrectionStore, EnterOutcome, Ground, Marked, NewAct } from '../../log/act-ports.ts'
import type { CorrectionState, KeptCorrection, KeptEffect, NewCorrection } from '../../log/correction.ts'
import type { CounterPlace } from '../../log/effect.ts'
import {
  type GroundRow,
  groundOf,
  groundStatement,
  type MarkRow,
  markedOf,
  markStatement,
} from './act-ground.ts'
import { actStatement, type EnteredRow, OVERTAKEN } from './act-statement.ts'
import type { Db } from './db.ts'
import { query, saysOf } from './failure.ts'
import { lines } from './lines.ts'

type Row = { correction: string }

export class PostgresCorrectionStore implements CorrectionStore {
  readonly #db: Db

  constructor(db: Db) {
    this.#db = db
  }

  async create(tenantId: string, made: NewCorrection): Promise<KeptCorrection> {
    const json = (value: unknown) => sql`${JSON.stringify(value)}::text::jsonb`
    const [row] = await query<Row>(
      this.#db,
      sql`
      with made as (
        insert into corrections (id, tenant_id, state, action, filter, change, reason, blocks, events, effect,
          as_credit_note)
        values (${made.correction}::uuid, ${tenantId}::uuid, ${made.state}::text, ${made.action}::text, ${json(made.filter)},
          ${json(made.set)}, ${made.reason}::text, ${lines(made.blocks)}, ${made.events}::int, ${json(made.effect)},
          ${made.asCreditNote}::boolean)
        on conflict (id) do nothing
        returning *
      )
      select to_jsonb(made)::text as correction from made
      union all
      select to_jsonb(c)::text from corrections as c where tenant_id = ${tenantId}::uuid and id = ${made.correction}::uuid`,
    )
    return correctionFrom(row!.correction)
  }

  async find(tenantId: string, id: string): Promise<KeptCorrection | null> {
    const [row] = await query<Row>(
      this.#db,
      sql`select to_jsonb(c)::text as correction from corrections as c where tenant_id = ${tenantId}::uuid and id = ${id}::uuid`,
    )
    return row ? correctionFrom(row.correction) : null
  }

  async list(tenantId: string, { after, limit }: PageRequest): Promise<KeptCorrection[]> {
    const found = await query<Row>(
      this.#db,
      sql`
      select to_jsonb(c)::text as correction from corrections as c
      where tenant_id = ${tenantId}::uuid and (${after}::uuid is null or (created_at, id) <
        (select last.created_at, last.id from corrections as last where last.tenant_id = ${tenantId}::uuid and last.id = ${after}::uuid))
      order by created_at desc, id desc limit ${limit + 1}::int`,
    )
    return found.map(({ correction }) => correctionFrom(correction))
  }

  async wanted(
    after: string | null,
    limit: number,
  ): Promise<{ tenantId: string; correction: KeptCorrection }[]> {
    const found = await query<Row & { tenant: string }>(
      this.#db,
      sql`
      select tenant_id::text as tenant, to_jsonb(c)::text as correction from corrections as c
      where state = 'wanted' and (${after}::uuid is null or (created_at, id) >
        (select last.created_at, last.id from corrections as last where last.id = ${after}::uuid))
      order by created_at, id limit ${limit}::int`,
    )
    return found.map(({ tenant, correction }) => ({
      tenantId: tenant,
      correction: correctionFrom(correction),
    }))
  }

  async move(
    tenantId: string,
    id: string,
    from: 'draft' | 'wanted' | 'offered',
    to: Parameters<CorrectionStore['move']>[3],
  ): Promise<boolean> {
    const refusal = to.state === 'refused' ? to.refusal : null
    const moved = await query(
      this.#db,
      sql`
      update corrections set state = ${to.state}::text, refusal = ${refusal}::text
      where tenant_id = ${tenantId}::uuid and id = ${id}::uuid and state = ${from}::text
      returning '1' as one`,
    )
    return moved.length > 0
  }

  async redraft(
    tenantId: string,
    id: string,
    { events, effect }: { events: number; effect: KeptEffect },
  ): Promise<boolean> {
    const redrafted = await query(
      this.#db,
      sql`
      update corrections set events = ${events}::int, effect = ${JSON.stringify(effect)}::text::jsonb
      where tenant_id = ${tenantId}::uuid and id = ${id}::uuid and state = 'draft'
      returning '1' as one`,
    )
    return redrafted.length > 0
  }

  async ground(tenantId: string, blocks: string[]): Promise<Ground> {
    const [row] = await query<GroundRow>(this.#db, groundStatement(tenantId, blocks))
    if (row === undefined) throw new Error(`There is no tenant ${tenantId} in Postgres`)
    return groundOf(row)
  }

  async mark(tenantId: string, places: CounterPlace[], limit: number): Promise<Marked> {
    const [row] = await query<MarkRow>(this.#db, markStatement(tenantId, places, limit))
    return markedOf(row!, places)
  }

  async enter(tenantId: string, act: NewAct): Promise<EnterOutcome> {
    const row = await this.#enter(actStatement(tenantId, act))
    if (row === null) return { kind: 'overtaken' }
    if (row.moved === '1') return { kind: 'entered', number: Number(row.number) }
    if (row.state === act.from) return { kind: 'overtaken' }
    return { kind: 'state', state: row.state as CorrectionState | null }
  }

  async #enter(statement: SQL): Promise<EnteredRow | null> {
    try {
      const [row] = await query<EnteredRow>(this.#db, statement)
      return row!
    } catch (error) {
      if (saysOf(error, OVERTAKEN)) return null
      throw error
    }
  }
}

type Fields = { [name: string]: unknown }

function correctionFrom(json: string): KeptCorrection {
  const row = JSON.parse(json) as Fields
  const date = (value: unknown) => (value === null ? null : new Date(value as string))
  return {
    correction: row.id as string,
    state: row.state as CorrectionState,
    action: row.action as KeptCorrection['action'],
    filter: row.filter as KeptCorrection['filter'],
    set: row.change as KeptCorrection['set'],
    reason: row.reason as string,
    blocks: row.blocks as string[],
    events: row.events as number,
    effect: row.effect as KeptEffect,
    asCreditNote: row.as_credit_note as boolean,
    refusal: row.refusal as string | null,
    createdAt: date(row.created_at)!,
    appliedAt: date(row.applied_at),
    revertedAt: date(row.reverted_at),
  }
}
