// Tenants in Postgres.

import { sql } from 'drizzle-orm'
import type { ApiKey } from '../../access/api-key.ts'
import type { NewKey, NewTenant, TenantPatch, TenantStore } from '../../access/ports.ts'
import type { Tenant } from '../../access/tenant.ts'
import { onlyPrices } from '../../billing/terms.ts'
import type { PageRequest } from '../../kernel/page.ts'
import { changing } from './changing.ts'
import type { Db } from './db.ts'
import { query } from './failure.ts'
import { placeNewTenant } from './placement-store.ts'
import { apiKeyFrom, tenantFrom } from './rows.ts'

type TenantChanged = Awaited<ReturnType<TenantStore['changeTenant']>>
type TenantCreated = { tenant: Tenant; key: ApiKey }

export class PostgresTenantStore implements TenantStore {
  readonly #db: Db

  constructor(db: Db) {
    this.#db = db
  }

  createTenant(tenant: NewTenant, key: NewKey, defaultPlan: string): Promise<TenantCreated> {
    return changing(() => this.#createTenant(tenant, key, defaultPlan))
  }

  /** null: the same tenant is being made at this instant. */
  async #createTenant(tenant: NewTenant, key: NewKey, defaultPlan: string): Promise<TenantCreated | null> {
    // Foreign keys are checked at the end of the statement, so the three inserts may stand side by side.
    const [row] = await query<{ tenant: string; key: string }>(
      this.#db,
      sql`
        with tenant as (
          insert into tenants (id, name, timezone, currency, default_plan, unmetered, event_log_days,
            dedupe_window_hours, log_since)
          values (${tenant.id}::uuid, ${tenant.name}::text, ${tenant.timezone}::text, ${tenant.currency}::text, ${defaultPlan}::text,
            ${tenant.unmetered}::text, ${tenant.eventLogDays ?? null}::int,
            ${tenant.dedupeWindowHours ?? null}::int, now())
          on conflict (id) do nothing
          returning *
        ), key as (
          insert into api_keys (id, tenant_id, name, hash, hint)
          select ${key.id}::uuid, tenant.id, ${key.name}::text, ${key.hash}::text, ${key.hint}::text from tenant
          returning *
        ), plan as (
          insert into plans (tenant_id, key, name, currency)
          select tenant.id, ${defaultPlan}::text, null, tenant.currency from tenant
        ), published as (
          insert into plan_versions (tenant_id, plan, version, terms)
          select tenant.id, ${defaultPlan}::text, 1, ${JSON.stringify(onlyPrices([]))}::text::jsonb from tenant
        ), placed as (${placeNewTenant(tenant.partition ?? null)}
        )
        select to_jsonb(tenant)::text as tenant, to_jsonb(key)::text as key from tenant, key
        union all
        select to_jsonb(tenants)::text, to_jsonb(api_keys)::text
        from tenants join api_keys on api_keys.tenant_id = tenants.id
        where tenants.id = ${tenant.id}::uuid and api_keys.id = ${key.id}::uuid and hash = ${key.hash}::text`,
    )
    return row ? { tenant: tenantFrom(row.tenant), key: apiKeyFrom(row.key) } : null
  }

  async findTenant(id: string): Promise<Tenant | null> {
    const [row] = await query<{ tenant: string }>(
      this.#db,
      sql`select to_jsonb(tenants)::text as tenant from tenants where id = ${id}::uuid`,
    )
    return row ? tenantFrom(row.tenant) : null
  }

  async changeTenant(id: string, patch: TenantPatch): Promise<TenantChanged> {
    const { name, defaultPlan, unmetered, eventLogDays, dedupeWindowHours } = patch
    const [row] = await query<{ tenant: string | null }>(
      this.#db,
      sql`
        with seen as (
          select id, ${defaultPlan ?? null}::text is null or exists (
            select 1 from plans where tenant_id = ${id}::uuid and key = ${defaultPlan ?? null}::text
          ) as has_plan
          from tenants where id = ${id}::uuid
        ), moved as (
          update tenants set config_version = config_version + 1, name = coalesce(${name ?? null}::text, name),
            default_plan = coalesce(${defaultPlan ?? null}::text, default_plan),
            unmetered = coalesce(${unmetered ?? null}::text, unmetered),
            event_log_days = case when ${eventLogDays !== undefined}::boolean then ${eventLogDays ?? null}::int else event_log_days end,
            dedupe_window_hours = case when ${dedupeWindowHours !== undefined}::boolean
              then ${dedupeWindowHours ?? null}::int else dedupe_window_hours end
          from seen where tenants.id = seen.id and has_plan
          returning tenants.*
        )
        select to_jsonb(moved)::text as tenant from seen left join moved on true`,
    )
    if (!row) return { kind: 'not_found' }
    if (row.tenant === null) return { kind: 'no_plan' }
    const { config_version } = JSON.parse(row.tenant) as { config_version: number }
    return { kind: 'changed', tenant: tenantFrom(row.tenant), configVersion: config_version }
  }

  async listTenants({ after, limit }: PageRequest): Promise<Tenant[]> {
    const found = await query<{ tenant: string }>(
      this.#db,
      sql`
        select to_jsonb(tenants)::text as tenant from tenants
        where ${after}::uuid is null
          or (created_at, id) > (select last.created_at, last.id from tenants as last where last.id = ${after}::uuid)
        order by created_at, id limit ${limit + 1}::int`,
    )
    return found.map((row) => tenantFrom(row.tenant))
  }
}
