// Plans in Postgres. How creations at the same instant come one after the other: see meter-store.ts. A change first moves the
// plan itself, from the version that it has seen: the second of two waits for the first, and then finds another.

import { type SQL, sql } from 'drizzle-orm'
import {
  type NewPlan,
  PLANS_PER_TENANT,
  type PlanChanged,
  type PlanCreated,
  type PlanPatch,
  type PlanStore,
  type TenantPlan,
} from '../../billing/ports.ts'
import type { PlanPrice } from '../../billing/terms.ts'
import type { PageRequest } from '../../kernel/page.ts'
import { changing } from './changing.ts'
import type { Db } from './db.ts'
import { query } from './failure.ts'
import { planFrom } from './rows.ts'

/** Which of the prices' meters the tenant does not have, as a JSON array. Meters are never deleted: what is found stays. */
const unknownMeters = (tenantId: string, prices: PlanPrice[]): SQL => sql`coalesce((
  select jsonb_agg(priced.meter)
  from jsonb_array_elements_text(${JSON.stringify(prices.map(({ meter }) => meter))}::text::jsonb) as priced (meter)
  where not exists (select 1 from meters where tenant_id = ${tenantId}::uuid and meters.key = priced.meter)
), '[]'::jsonb)`

const tenantPlan = (row: { plan: string; is_default: string }): TenantPlan => ({
  plan: planFrom(row.plan),
  isDefault: row.is_default === 'true',
})

/** A row of plans with a version and its terms. */
const planRow = (terms: SQL, version = sql`plans.version`): SQL =>
  sql`(to_jsonb(plans) || jsonb_build_object('version', ${version}, 'terms', ${terms}))::text`

const newestTerms: SQL = sql`(select terms from plan_versions as published
  where published.tenant_id = plans.tenant_id and published.plan = plans.key and published.version = plans.version)`

const selected: SQL = sql`${planRow(newestTerms)} as plan, (plans.key is not distinct from tenants.default_plan)::text as is_default`

export class PostgresPlanStore implements PlanStore {
  readonly #db: Db

  constructor(db: Db) {
    this.#db = db
  }

  createPlan(tenantId: string, plan: NewPlan, makeDefault: boolean): Promise<PlanCreated> {
    return changing(() => this.#createPlan(tenantId, plan, makeDefault))
  }

  async #createPlan(tenantId: string, plan: NewPlan, makeDefault: boolean): Promise<PlanCreated | null> {
    const [row] = await query<CreatedRow>(
      this.#db,
      sql`
        with seen as (
          select tenants.id, config_version, default_plan, existing.row as existing,
            ${unknownMeters(tenantId, plan.terms.prices)} as unknown_meters,
            (select count(*) from plans where tenant_id = tenants.id) >= ${PLANS_PER_TENANT}::int as is_full
          from tenants left join lateral (
            select ${planRow(newestTerms)} as row from plans where tenant_id = tenants.id and key = ${plan.key}::text
          ) as existing on true
          where tenants.id = ${tenantId}::uuid
        ), moved as (
          update tenants set config_version = tenants.config_version + 1
            ${makeDefault ? sql`, default_plan = ${plan.key}::text` : sql``}
          from seen
          where tenants.id = seen.id and tenants.config_version = seen.config_version
            and seen.existing is null and not is_full and unknown_meters = '[]'::jsonb
          returning tenants.id, tenants.config_version
        ), created as (
          insert into plans (tenant_id, key, name, currency)
          select moved.id, ${plan.key}::text, ${plan.name}::text, ${plan.currency}::text from moved
          returning *
        ), published as (
          insert into plan_versions (tenant_id, plan, version, terms)
          select tenant_id, key, version, ${JSON.stringify(plan.terms)}::text::jsonb from created
          returning terms
        )
        select existing, unknown_meters::text as unknown_meters, is_full::text as is_full,
          (default_plan is not distinct from ${plan.key}::text)::text as is_default,
          (select (to_jsonb(created) || jsonb_build_object('terms', published.terms))::text from created, published) as created,
          coalesce((select config_version from moved), seen.config_version)::text as config_version
        from seen`,
    )
    const configVersion = Number(row!.config_version)
    if (row!.created !== null)
      return { kind: 'created', plan: planFrom(row!.created), isDefault: makeDefault, configVersion }
    if (row!.existing !== null) {
      return {
        kind: 'exists',
        ...tenantPlan({ plan: row!.existing, is_default: row!.is_default }),
        configVersion,
      }
    }
    if (row!.unknown_meters !== '[]')
      return { kind: 'unknown_meters', meters: JSON.parse(row!.unknown_meters) as string[] }
    return row!.is_full === 'true' ? { kind: 'too_many' } : null
  }

  async changePlan(tenantId: string, key: string, patch: PlanPatch): Promise<PlanChanged> {
    const { name, terms, seenVersion } = patch
    const sets = [sql`updated_at = now()`]
    if (name !== undefined) sets.push(sql`name = ${name}::text`)
    if (terms !== undefined) sets.push(sql`version = plans.version + 1`)
    const [row] = await query<ChangedRow>(
      this.#db,
      sql`
        with seen as (
          select tenant_id, ${unknownMeters(tenantId, terms?.prices ?? [])} as unknown_meters
          from plans where tenant_id = ${tenantId}::uuid and key = ${key}::text
        ), changed as (
          update plans set ${sql.join(sets, sql`, `)} from seen
          where plans.tenant_id = seen.tenant_id and key = ${key}::text and version = ${seenVersion}::int
            and seen.unknown_meters = '[]'::jsonb
          returning plans.*
        ), moved as (
          update tenants set config_version = config_version + 1
            ${patch.default ? sql`, default_plan = ${key}::text` : sql``}
          from changed where tenants.id = changed.tenant_id
          returning config_version, default_plan
        ), published as (
          insert into plan_versions (tenant_id, plan, version, terms)
          select tenant_id, key, version, ${JSON.stringify(terms ?? null)}::text::jsonb from changed
          where ${String(terms !== undefined)}::text::boolean
          returning terms
        )
        select seen.unknown_meters::text as unknown_meters,
          (to_jsonb(changed) || jsonb_build_object('terms', coalesce(published.terms, before.terms)))::text as plan,
          (changed.key is not distinct from moved.default_plan)::text as is_default,
          moved.config_version::text as config_version
        from seen left join moved on true left join changed on true left join published on true
          left join plan_versions as before on before.tenant_id = seen.tenant_id and before.plan = ${key}::text
            and before.version = ${seenVersion}::int`,
    )
    if (!row) return { kind: 'not_found' }
    if (row.unknown_meters !== '[]')
      return { kind: 'unknown_meters', meters: JSON.parse(row.unknown_meters) as string[] }
    if (row.plan === null) return { kind: 'moved' }
    return {
      kind: 'changed',
      ...tenantPlan({ plan: row.plan, is_default: row.is_default }),
      configVersion: Number(row.config_version),
    }
  }

  async findPlan(tenantId: string, key: string, version?: number): Promise<TenantPlan | null> {
    const [row] = await query<{ plan: string; is_default: string }>(
      this.#db,
      sql`
        select ${planRow(sql`published.terms`, sql`published.version`)} as plan,
          (plans.key is not distinct from tenants.default_plan)::text as is_default
        from plans join tenants on tenants.id = plans.tenant_id
          join plan_versions as published on published.tenant_id = plans.tenant_id and published.plan = plans.key
            and published.version = coalesce(${version ?? null}::int, plans.version)
        where plans.tenant_id = ${tenantId}::uuid and plans.key = ${key}::text`,
    )
    return row ? tenantPlan(row) : null
  }

  async listPlanVersions(
    tenantId: string,
    key: string,
    { after, limit }: PageRequest,
  ): Promise<TenantPlan[] | null> {
    const found = await query<{ plan: string | null; is_default: string }>(
      this.#db,
      sql`
        select case when published.version is not null
            then ${planRow(sql`published.terms`, sql`published.version`)} end as plan,
          (plans.key is not distinct from tenants.default_plan)::text as is_default
        from plans join tenants on tenants.id = plans.tenant_id
          left join lateral (
            select version, terms from plan_versions as one
            where one.tenant_id = plans.tenant_id and one.plan = plans.key
              and (${after}::int is null or one.version < ${after}::int)
            order by one.version desc limit ${limit + 1}::int
          ) as published on true
        where plans.tenant_id = ${tenantId}::uuid and plans.key = ${key}::text
        order by published.version desc`,
    )
    if (found.length === 0) return null
    return found.flatMap(({ plan, is_default }) => (plan === null ? [] : [tenantPlan({ plan, is_default })]))
  }

  async listPlans(tenantId: string, { after, limit }: PageRequest): Promise<TenantPlan[]> {
    const found = await query<{ plan: string; is_default: string }>(
      this.#db,
      sql`
        select ${selected} from plans join tenants on tenants.id = plans.tenant_id
        where plans.tenant_id = ${tenantId}::uuid and plans.key > ${after ?? ''}::text
        order by plans.key limit ${limit + 1}::int`,
    )
    return found.map(tenantPlan)
  }

  async planOfCustomer(tenantId: string, customerId: string): Promise<TenantPlan | null> {
    return (await this.plansOfCustomers(tenantId, [customerId])).get(customerId) ?? null
  }

  async plansOfCustomers(tenantId: string, customerIds: string[]): Promise<Map<string, TenantPlan>> {
    const found = await query<{ customer: string; plan: string; is_default: string }>(
      this.#db,
      sql`
        select asked.customer, ${selected}
        from tenants cross join json_array_elements_text(${JSON.stringify(customerIds)}::json) as asked (customer)
        left join customers on customers.tenant_id = tenants.id and customers.customer_id = asked.customer
        join plans on plans.tenant_id = tenants.id and plans.key = coalesce(customers.plan, tenants.default_plan)
        where tenants.id = ${tenantId}::uuid`,
    )
    return new Map(found.map((row) => [row.customer, tenantPlan(row)]))
  }
}

type CreatedRow = {
  existing: string | null
  unknown_meters: string
  is_full: string
  is_default: string
  created: string | null
  config_version: string
}

type ChangedRow = {
  unknown_meters: string
  plan: string | null
  is_default: string
  config_version: string
}
