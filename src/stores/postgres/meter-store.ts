// Meters in Postgres. Every change of a tenant's catalog first moves its configuration from the version that the statement
// saw to the next one: of two changes at the same instant the second finds another version, changes nothing, and is run
// again on what the first one left. So bounds and keys hold strictly, without a transaction.

import { type SQL, sql } from 'drizzle-orm'
import type { PageRequest } from '../../kernel/page.ts'
import { LOG_SINCE_SLACK_MS, METERS_PER_RESOURCE_TYPE, METERS_PER_TENANT } from '../../metering/limits.ts'
import type { Meter } from '../../metering/meter.ts'
import type { NewMeter } from '../../metering/meter-input.ts'
import type { MeterCreated, MeterStore, MeterTried } from '../../metering/meter-store.ts'
import { changing } from './changing.ts'
import type { Db } from './db.ts'
import { query } from './failure.ts'
import { instantText } from './instant-text.ts'
import { meterFrom } from './rows.ts'

export class PostgresMeterStore implements MeterStore {
  readonly #db: Db

  constructor(db: Db) {
    this.#db = db
  }

  createMeter(tenantId: string, meter: NewMeter, bornMicros: number | null = null): Promise<MeterCreated> {
    return changing(() => this.#createMeter(tenantId, meter, bornMicros))
  }

  async #createMeter(
    tenantId: string,
    meter: NewMeter,
    bornMicros: number | null,
  ): Promise<MeterCreated | null> {
    const from = fromText(meter)
    const [row] = await query<CreatedRow>(
      this.#db,
      sql`
        with seen as (${seenOf(tenantId, meter)}), moved as (
          update tenants set config_version = tenants.config_version + 1
          from seen
          where tenants.id = seen.id and tenants.config_version = seen.config_version
            and seen.existing is null and not tenant_full and not type_full and ${reaches(from)}
          returning tenants.id, tenants.config_version, tenants.acts
        ), created as (
          insert into meters (tenant_id, id, key, name, resource_type, aggregation, value, group_by,
            missing, filter, counts_from, filling, born_act, born_micros)
          select moved.id, ${meter.id}::text, ${meter.key}::text, ${meter.name}::text, ${meter.resourceType}::text, ${meter.aggregation}::text,
            ${meter.value}::text, ${JSON.stringify(meter.groupBy)}::text::jsonb,
            ${meter.missing}::text, ${JSON.stringify(meter.filter)}::text::jsonb, ${from}::timestamptz,
            ${from}::timestamptz is not null, moved.acts, ${bornMicros}::int8
          from moved
          returning *
        )
        select ${against},
          (select to_jsonb(created)::text from created) as created,
          coalesce((select config_version from moved), seen.config_version)::text as version
        from seen`,
    )
    const version = Number(row!.version)
    if (row!.created !== null) return { kind: 'created', meter: meterFrom(row!.created), version }
    const tried = triedOf(row!)
    return tried?.kind === 'exists' ? { ...tried, version } : tried
  }

  async tryMeter(tenantId: string, meter: NewMeter): Promise<MeterTried | null> {
    const [row] = await query<TriedRow>(
      this.#db,
      sql`with seen as (${seenOf(tenantId, meter)}) select ${against} from seen`,
    )
    return triedOf(row!)
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
      sql`name = ${newName}, missing = case when meters.state = 'current'
        then coalesce(${missing ?? null}::text, meters.missing) else meters.missing end`,
    )
  }

  archiveMeter(tenantId: string, key: string): Promise<{ meter: Meter; version: number } | null> {
    return this.#change(
      tenantId,
      key,
      sql`archived_at = coalesce(meters.archived_at, now()), filling = false,
        state = case when meters.state = 'filling' then 'cancelled' else meters.state end`,
    )
  }

  /** With all its revisions. The tenant's row is locked first, as in every change of a catalog: no two of them can deadlock. */
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
        select to_jsonb(changed)::text as meter, moved.config_version::text as version from changed, moved
        where changed.state = 'current'`,
    )
    return row ? { meter: meterFrom(row.meter), version: Number(row.version) } : null
  }

  async findMeter(tenantId: string, key: string): Promise<Meter | null> {
    const [row] = await query<{ meter: string }>(
      this.#db,
      sql`select to_jsonb(meters)::text as meter from meters where tenant_id = ${tenantId}::uuid and key = ${key}::text and state = 'current'`,
    )
    return row ? meterFrom(row.meter) : null
  }

  async listMeters(tenantId: string, { after, limit }: PageRequest): Promise<Meter[]> {
    const found = await query<{ meter: string }>(
      this.#db,
      sql`
        select to_jsonb(meters)::text as meter from meters
        where tenant_id = ${tenantId}::uuid and key > ${after ?? ''}::text and state = 'current'
        order by key limit ${limit + 1}::int`,
    )
    return found.map((row) => meterFrom(row.meter))
  }
}

/** How many meters, and revisions of them, count events of a type at present. */
export const countingOf = (
  resourceType: SQL,
): SQL => sql`(select count(*) from meters where tenant_id = tenants.id
  and archived_at is null and resource_type = ${resourceType}
  and (replaced_at is null or replaced_at >= now() - interval '1 day'))`

const fromText = ({ countsFromMs }: NewMeter): string | null =>
  countsFromMs === null ? null : instantText(countsFromMs)

/** What was taken out of the log since the tenant was made, or was counted before there was one, is not counted by halves. */
const reaches = (
  from: string | null,
): SQL => sql`(${from}::timestamptz is null or ${from}::timestamptz = '-infinity' or tenants.log_since is null
  or tenants.log_since <= tenants.created_at or tenants.log_since > now()
  or ${from}::timestamptz >= tenants.log_since + ${LOG_SINCE_SLACK_MS}::int * interval '1 millisecond')`

/** Where the meter is to be made, and what stands against it. */
const seenOf = (tenantId: string, meter: NewMeter): SQL => sql`
  select tenants.id, config_version, existing.row as existing,
    (select count(*) from meters where tenant_id = tenants.id) >= ${METERS_PER_TENANT}::int as tenant_full,
    ${countingOf(sql`${meter.resourceType}::text`)} >= ${METERS_PER_RESOURCE_TYPE}::int as type_full,
    case when not ${reaches(fromText(meter))} then floor(extract(epoch from log_since) * 1000)::int8 end as too_short
  from tenants left join lateral (
    select to_jsonb(meters) as row from meters
    where tenant_id = tenants.id and key = ${meter.key}::text and state = 'current'
  ) as existing on true
  where tenants.id = ${tenantId}::uuid`

const against = sql`existing::text as existing, tenant_full::text as tenant_full, type_full::text as type_full, too_short::text as too_short`

type CreatedRow = TriedRow & { created: string | null; version: string }

type TriedRow = {
  existing: string | null
  tenant_full: string
  type_full: string
  /** since when the log has everything, where that is too late for the meter: ms */
  too_short: string | null
}

function triedOf(row: TriedRow): MeterTried | null {
  if (row.existing !== null) return { kind: 'exists', meter: meterFrom(row.existing) }
  if (row.too_short !== null) return { kind: 'log_too_short', sinceMs: Number(row.too_short) }
  if (row.tenant_full === 'true') return { kind: 'too_many', of: 'tenant' }
  return row.type_full === 'true' ? { kind: 'too_many', of: 'resource_type' } : null
}
