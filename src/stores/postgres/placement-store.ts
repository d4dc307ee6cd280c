// Placements and partitions in Postgres.

import { type SQL, sql } from 'drizzle-orm'
import { TollgateError } from '../../kernel/errors.ts'
import { HOUR_MS } from '../../kernel/time.ts'
import {
  FIRST_NONCE,
  firstPlacement,
  type Placement,
  parsePlacement,
  partitionOf,
  placementText,
} from '../../metering/placement/placement.ts'
import type { PlacementStore } from '../../metering/placement/ports.ts'
import type { Db } from './db.ts'
import { query } from './failure.ts'

/** Of the statement that makes a tenant, which is `tenant` in it. */
export const placeNewTenant = (partition: number | null): SQL => sql`
  insert into placements (tenant_id, version, nonce, placement)
  select tenant.id, 0, ${FIRST_NONCE}::text, ${placementText(firstPlacement(partition ?? 0))}::text::jsonb from tenant
  where ${partition}::int is not null`

export class PostgresPlacementStore implements PlacementStore {
  readonly #db: Db
  readonly #first: number

  /** `first`: over how many partitions tenants are divided that were never placed */
  constructor(db: Db, first: number) {
    this.#db = db
    this.#first = first
  }

  async loadPlacement(tenantId: string): Promise<Placement> {
    const [row] = await query<{ placement: string | null }>(
      this.#db,
      sql`
        select placement::text as placement from tenants left join placements on placements.tenant_id = tenants.id
        where tenants.id = ${tenantId}::uuid`,
    )
    if (!row) throw new TollgateError('not_found', `There is no tenant ${tenantId}.`)
    return row.placement === null
      ? firstPlacement(partitionOf(tenantId, this.#first))
      : parsePlacement(row.placement)
  }

  async writePlacement(tenantId: string, seen: Placement, next: Placement): Promise<boolean> {
    const written = await query(
      this.#db,
      sql`
        insert into placements (tenant_id, version, nonce, placement)
        select id, ${next.version}::bigint, ${next.nonce}::text, ${placementText(next)}::text::jsonb from tenants
        where id = ${tenantId}::uuid
          and (${seen.version}::bigint = 0 or exists (select 1 from placements where tenant_id = ${tenantId}::uuid))
        on conflict (tenant_id) do update
        set version = excluded.version, nonce = excluded.nonce, placement = excluded.placement
        where placements.version = ${seen.version}::bigint and placements.nonce = ${seen.nonce}::text
        returning tenant_id::text as id`,
    )
    return written.length === 1
  }

  async adoptPlacement(tenantId: string, known: Placement, nonce: string): Promise<void> {
    // A home that was frozen may have been written to since, by a database that went back: it is frozen anew.
    const former = known.former.map((one) => ({ ...one, frozenMs: null }))
    const next = { ...known, former, version: known.version + 1, nonce }
    await query(
      this.#db,
      sql`
        insert into placements (tenant_id, version, nonce, placement)
        select id, ${next.version}::bigint, ${next.nonce}::text, ${placementText(next)}::text::jsonb from tenants
        where id = ${tenantId}::uuid
        on conflict (tenant_id) do update
        set version = excluded.version, nonce = excluded.nonce, placement = excluded.placement
        where placements.version <= ${known.version}::bigint and placements.nonce <> ${known.nonce}::text`,
    )
  }

  async noteFrozen(
    tenantId: string,
    { partition, by, frozenMs }: { partition: number; by: string; frozenMs: number },
  ): Promise<void> {
    await query(
      this.#db,
      sql`
        update placements set placement = jsonb_set(placement, '{former}', (
          select jsonb_agg(
            case when (one ->> 'partition')::int = ${partition}::int and one ->> 'by' = ${by}::text and one ->> 'frozenMs' is null
              then one || jsonb_build_object('frozenMs', ${frozenMs}::bigint) else one end
            order by n)
          from jsonb_array_elements(placement -> 'former') with ordinality as former (one, n)))
        where tenant_id = ${tenantId}::uuid and placement -> 'former' <> '[]'::jsonb`,
    )
  }

  async windowOf(tenantId: string): Promise<number | null> {
    const [row] = await query<{ hours: string | null }>(
      this.#db,
      sql`select dedupe_window_hours::text as hours from tenants where id = ${tenantId}::uuid`,
    )
    return row?.hours ? Number(row.hours) * HOUR_MS : null
  }

  async tenantsWithFormer(
    after: string | null,
    limit: number,
  ): Promise<{ tenantId: string; placement: Placement }[]> {
    const found = await query<{ id: string; placement: string }>(
      this.#db,
      sql`
        select tenant_id::text as id, placement::text as placement from placements
        where placement -> 'former' <> '[]'::jsonb and (${after}::uuid is null or tenant_id > ${after}::uuid)
        order by tenant_id limit ${limit}::int`,
    )
    return found.map(({ id, placement }) => ({ tenantId: id, placement: parsePlacement(placement) }))
  }
}
