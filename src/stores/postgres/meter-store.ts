// Meters in Postgres. Every change of a tenant's catalog first moves its configuration from the version that the statement
// saw to the next one: of two changes at the same instant the second finds another version, changes nothing, and is run
// again on what the first one left. So bounds and keys hold strictly, without a transaction.

import { sql } from 'drizzle-orm'
import type { PageRequest } from '../../kernel/page.ts'
import { rfc3339 } from '../../kernel/time.ts'
import { METERS_PER_RESOURCE_TYPE, METERS_PER_TENANT } from '../../metering/limits.ts'
import type { Meter } from '../../metering/meter.ts'
import type { NewMeter } from '../../metering/meter-input.ts'
import type { MeterCreated, MeterStore } from '../../metering/meter-store.ts'
import { changing } from './changing.ts'
import type { Db } from './db.ts'
import { query } from './failure.ts'
import { meterFrom } from './rows.ts'

export class PostgresMeterStore implements MeterStore {
  readonly #db: Db

  constructor(db: Db) {
    this.#db = db
  }

  createMeter(tenantId: string, meter: NewMeter): Promise<MeterCreated> {
    return changing(() => this.#createMeter(tenantId, meter))
  }

  async #createMeter(tenantId: string, meter: NewMeter): Promise<MeterCreated | null> {
    const from = instantText(meter.countsFromMs)
    const [row] = await query<CreatedRow>(
      this.#db,
      sql`
        with seen as (
          select tenants.id, config_version, existing.row as existing,
            (select count(*) from meters where tenant_id = tenants.id) >= ${METERS_PER_TENANT}::int as tenant_full,
            (select count(*) from meters where tenant_id = tenants.id and archived_at is null
              and resource_type = ${meter.resourceType}::text) >= ${METERS_PER_RESOURCE_TYPE}::int as type_full
          from tenants left join lateral (
            select to_jsonb(meters) as row from meters where tenant_id = tenants.id and key = ${meter.key}::text
          ) as existing on true
          where tenants.id = ${tenantId}::uuid
        ), moved as (
          update tenants set config_version = tenants.config_version + 1
          from seen
          where tenants.id = seen.id and tenants.config_version = seen.config_version
            and seen.existing is null and not tenant_full and not type_full
          returning tenants.id, tenants.config_version, tenants.acts
        ), created as (
          insert into meters (tenant_id, id, key, name, resource_type, aggregation, value, group_by,
            missing, filter, counts_from, filling, born_act)
          select moved.id, ${meter.id}::text, ${meter.key}::text, ${meter.name}::text, ${meter.resourceType}::text, ${meter.aggregation}::text,
            ${meter.value}::text, ${JSON.stringify(meter.groupBy)}::text::jsonb,
            ${meter.missing}::text, ${JSON.stringify(meter.filter)}::text::jsonb, ${from}::timestamptz,
            ${from}::timestamptz is not null, moved.acts
          from moved
          returning *
        )
        select existing::text as existing, tenant_full::text as tenant_full, type_full::text as type_full,
          (select to_jsonb(created)::text from created) as created,
          coalesce((select config_version from moved), seen.config_version)::text as version
        from seen`,
    )
    const version = Number(row!.version)
    if (row!.created !== null) return { kind: 'created', meter: meterFrom(row!.created), version }
    if (row!.existing !== null) return { kind: 'exists', meter: meterFrom(row!.existing), version }
    if (row!.tenant_full === 'true') return { kind: 'too_many', of: 'tenant' }
    return row!.type_full === 'true' ? { kind: 'too_many', of: 'resource_type' } : null
  }

  changeMeter(
    tenantId: string,
    key: string,
    { name, missing }: Partial<Pick<Meter, 'name' | 'missing'>>,
  ): Promise<{ meter: Meter; version: number } | null> {
    const newName = name === undefined ? sql`meters.name` : sql`${name}::text`
    return this.#change(
      tenantId,
      key,
      sql`name = ${newName}, missing = coalesce(${missing ?? null}::text, meters.missing)`,
    )
  }

  archiveMeter(tenantId: string, key: string): Promise<{ meter: Meter; version: number } | null> {
    return this.#change(
      tenantId,
      key,
      sql`archived_at = coalesce(meters.archived_at, now()), filling = false`,
    )
  }

  /** The tenant's row is locked first, as in every change of a catalog: no two of them can deadlock. */
  async #change(
    tenantId: string,
    key: string,
    set: ReturnType<typeof sql>,
  ): Promise<{ meter: Meter; version: number } | null> {
    const [row] = await query<{ meter: string; version: string }>(
      this.#db,
      sql`
        with moved as (
          update tenants set config_version = config_version + 1
          where id = ${tenantId}::uuid
            and exists (select 1 from meters where tenant_id = ${tenantId}::uuid and key = ${key}::text)
          returning id, config_version
        ), changed as (
          update meters set ${set} from moved where tenant_id = moved.id and key = ${key}::text
          returning meters.*
        )
        select to_jsonb(changed)::text as meter, moved.config_version::text as version from changed, moved`,
    )
    return row ? { meter: meterFrom(row.meter), version: Number(row.version) } : null
  }

  async findMeter(tenantId: string, key: string): Promise<Meter | null> {
    const [row] = await query<{ meter: string }>(
      this.#db,
      sql`select to_jsonb(meters)::text as meter from meters where tenant_id = ${tenantId}::uuid and key = ${key}::text`,
    )
    return row ? meterFrom(row.meter) : null
  }

  async listMeters(tenantId: string, { after, limit }: PageRequest): Promise<Meter[]> {
    const found = await query<{ meter: string }>(
      this.#db,
      sql`
        select to_jsonb(meters)::text as meter from meters
        where tenant_id = ${tenantId}::uuid and key > ${after ?? ''}::text
        order by key limit ${limit + 1}::int`,
    )
    return found.map((row) => meterFrom(row.meter))
  }
}

/** As Postgres reads it; -Infinity is an instant there, too. */
const instantText = (ms: number | null): string | null =>
  ms === null ? null : Number.isFinite(ms) ? rfc3339(ms) : '-infinity'

type CreatedRow = {
  existing: string | null
  tenant_full: string
  type_full: string
  created: string | null
  version: string
}
