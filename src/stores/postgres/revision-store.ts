// Revisions of meters in Postgres: rows of `meters` beside the one that counts now. How changes at the same instant come one
// after the other: see meter-store.ts.

import { type SQL, sql } from 'drizzle-orm'
import {
  LOG_SINCE_SLACK_MS,
  METERS_PER_RESOURCE_TYPE,
  METERS_PER_TENANT,
  REVISIONS_PER_METER,
} from '../../metering/limits.ts'
import type { Meter } from '../../metering/meter.ts'
import type {
  NewRevision,
  RevisionCreated,
  RevisionPlace,
  RevisionStore,
} from '../../metering/revision-store.ts'
import type { Db } from './db.ts'
import { erasedSince } from './erased-hours.ts'
import { query } from './failure.ts'
import { instantText } from './instant-text.ts'
import { countingOf } from './meter-store.ts'
import { meterFrom } from './rows.ts'

export class PostgresRevisionStore implements RevisionStore {
  readonly #db: Db

  constructor(db: Db) {
    this.#db = db
  }

  async createRevision(tenantId: string, of: RevisionPlace, revision: NewRevision): Promise<RevisionCreated> {
    const from = instantText(revision.fromMs)
    const [row] = await query<CreatedRow>(
      this.#db,
      sql`
        with seen as (${seenOf(tenantId, of, from)}), moved as (
          update tenants set config_version = tenants.config_version + 1
          from seen
          where tenants.id = seen.id and tenants.config_version = seen.config_version
            and not (tenant_full or meter_full or type_full or before_log) and erased is null and priced = '[]'::jsonb
          returning tenants.id, tenants.config_version, tenants.acts
        ), created as (
          insert into meters (tenant_id, id, key, name, resource_type, aggregation, value, group_by, missing, filter,
            counts_from, filling, born_act, born_micros, revision, state, reads_from)
          select moved.id, ${revision.id}::text, key, name, resource_type, aggregation, ${revision.value}::text,
            ${JSON.stringify(revision.groupBy)}::text::jsonb, ${revision.missing}::text,
            ${JSON.stringify(revision.filter)}::text::jsonb, counts_from, true, moved.acts, ${revision.bornMicros}::int8,
            (select max(revision) + 1 from meters where tenant_id = moved.id and key = ${of.key}::text), 'filling',
            ${from}::timestamptz
          from moved join meters on tenant_id = moved.id and meters.id = ${of.seen}::text
          returning *
        )
        select ${against}, (select to_jsonb(created)::text from created) as created,
          (select config_version from moved)::text as version
        from seen`,
    )
    if (row === undefined) return { kind: 'moved' }
    if (row.created !== null)
      return { kind: 'created', revision: meterFrom(row.created), version: Number(row.version) }
    return refusedFor(row) ?? { kind: 'moved' }
  }

  async tryRevision(
    tenantId: string,
    of: RevisionPlace,
    { fromMs }: Pick<NewRevision, 'fromMs'>,
  ): ReturnType<RevisionStore['tryRevision']> {
    const [row] = await query<AgainstRow>(
      this.#db,
      sql`with seen as (${seenOf(tenantId, of, instantText(fromMs))}) select ${against} from seen`,
    )
    return row === undefined ? { kind: 'moved' } : refusedFor(row)
  }

  async cancelRevision(
    tenantId: string,
    key: string,
    number: number,
  ): ReturnType<RevisionStore['cancelRevision']> {
    const [row] = await query<{ meter: string; version: string | null }>(
      this.#db,
      sql`
        with moved as (
          update tenants set config_version = config_version + 1
          where id = ${tenantId}::uuid and exists (
            select 1 from meters where tenant_id = ${tenantId}::uuid and key = ${key}::text
              and revision = ${number}::int and state in ('filling', 'cancelled'))
          returning id, config_version
        ), changed as (
          update meters set state = 'cancelled', filling = false, archived_at = coalesce(archived_at, now())
          from moved where tenant_id = moved.id and key = ${key}::text and revision = ${number}::int
            and state in ('filling', 'cancelled')
          returning meters.*
        )
        select coalesce((select to_jsonb(changed) from changed), to_jsonb(meters))::text as meter,
          (select config_version from changed, moved)::text as version
        from meters
        where tenant_id = ${tenantId}::uuid and key = ${key}::text and revision = ${number}::int`,
    )
    if (row === undefined) return null
    if (row.version === null) return { kind: 'switched' }
    return { kind: 'cancelled', revision: meterFrom(row.meter), version: Number(row.version) }
  }

  async listRevisions(tenantId: string, key: string): Promise<{ version: number; meters: Meter[] }> {
    const found = await query<{ meter: string; version: string }>(
      this.#db,
      sql`select to_jsonb(meters)::text as meter, config_version::text as version
        from meters join tenants on tenants.id = tenant_id
        where tenant_id = ${tenantId}::uuid and key = ${key}::text order by revision`,
    )
    return { version: Number(found[0]?.version ?? 0), meters: found.map((row) => meterFrom(row.meter)) }
  }

  async fillingRevisions(tenantId: string, keys: string[]): Promise<Meter[]> {
    const found = await query<{ meter: string }>(
      this.#db,
      sql`select to_jsonb(meters)::text as meter from meters
        where tenant_id = ${tenantId}::uuid and state = 'filling'
          and key = any(array(select json_array_elements_text(${JSON.stringify(keys)}::json)))`,
    )
    return found.map((row) => meterFrom(row.meter))
  }
}

/** The meter that is to be revised, and what stands against it. */
const seenOf = (tenantId: string, of: RevisionPlace, from: string): SQL => sql`
  select tenants.id, config_version, current.resource_type, log_since,
    (select count(*) from meters where tenant_id = tenants.id) >= ${METERS_PER_TENANT}::int as tenant_full,
    (select count(*) from meters where tenant_id = tenants.id and key = current.key)
      > ${REVISIONS_PER_METER}::int as meter_full,
    ${countingOfCurrent} >= ${METERS_PER_RESOURCE_TYPE}::int as type_full,
    ${beforeLog(from)} as before_log,
    ${erasedSince(sql`tenants.id`, sql`${from}::timestamptz`)} as erased,
    ${pricedOf(of.dropped)} as priced
  from tenants join meters as current on current.tenant_id = tenants.id
  where tenants.id = ${tenantId}::uuid and current.key = ${of.key}::text and current.id = ${of.seen}::text
    and current.state = 'current' and current.archived_at is null
    and not exists (select 1 from meters where tenant_id = tenants.id and key = current.key and state = 'filling')`

const against = sql`tenant_full::text as tenant_full, type_full::text as type_full, meter_full::text as meter_full,
  before_log::text as before_log, floor(extract(epoch from log_since) * 1000)::text as log_since,
  erased::text as erased, priced::text as priced`

const countingOfCurrent = countingOf(sql`current.resource_type`)

const AHEAD = sql`${LOG_SINCE_SLACK_MS}::int * interval '1 millisecond'`

/** Whether hours from then on are read from what may have counted before the log began. */
const beforeLog = (
  from: string,
): SQL => sql`(log_since is null or (${from}::timestamptz < log_since + ${AHEAD} and exists (
  select 1 from meters as read
  where read.tenant_id = tenants.id and read.key = current.key and read.state in ('current', 'replaced')
    and read.created_at < log_since and coalesce(read.reads_to, 'infinity') > ${from}::timestamptz)))`

/** Of these properties those that some version of a plan, or some subscription, prices groups of the meter by. */
function pricedOf(properties: string[]): SQL {
  if (properties.length === 0) return sql`'[]'::jsonb`
  const names = (price: SQL) => sql`jsonb_object_keys(g -> 'match') from ${price} as price,
      jsonb_array_elements(coalesce(price -> 'groups', '[]')) as g where price ->> 'meter' = current.key`
  return sql`(
    select coalesce(jsonb_agg(property), '[]') from json_array_elements_text(${JSON.stringify(properties)}::json) as property
    where property in (select name from plan_versions, lateral (
        select ${names(sql`jsonb_array_elements(coalesce(terms -> 'prices', '[]'))`)}) as priced (name)
        where plan_versions.tenant_id = tenants.id)
      or property in (select name from subscriptions, lateral (
        select ${names(sql`jsonb_path_query(state, '$.phases[*].overrides[*]')`)}) as priced (name)
        where subscriptions.tenant_id = tenants.id))`
}

type CreatedRow = AgainstRow & { created: string | null; version: string | null }

type AgainstRow = {
  tenant_full: string
  type_full: string
  meter_full: string
  before_log: string
  log_since: string | null
  erased: string | null
  priced: string
}

function refusedFor(row: AgainstRow): Exclude<RevisionCreated, { kind: 'created' }> | null {
  if (row.before_log === 'true')
    return { kind: 'before_log', logSinceMs: row.log_since === null ? null : Number(row.log_since) }
  if (row.erased !== null) {
    const { customer, by, moved } = JSON.parse(row.erased) as { customer: string; by: number; moved: boolean }
    return { kind: 'erased', customerId: customer, byMs: Math.floor(by / 1000), isMoved: moved }
  }
  const priced = JSON.parse(row.priced) as string[]
  if (priced.length > 0) return { kind: 'priced', properties: priced }
  if (row.meter_full === 'true') return { kind: 'too_many', of: 'meter' }
  if (row.tenant_full === 'true') return { kind: 'too_many', of: 'tenant' }
  return row.type_full === 'true' ? { kind: 'too_many', of: 'resource_type' } : null
}
