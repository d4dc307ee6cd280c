// Rows as JSON (`to_jsonb(row)::text`), which every driver hands over alike, and the domain's types made of them.

import type { ApiKey } from '../../access/api-key.ts'
import type { Customer } from '../../access/customer.ts'
import type { Tenant } from '../../access/tenant.ts'
import type { Coupon } from '../../billing/coupon.ts'
import type { Plan } from '../../billing/plan.ts'
import { filterTerms } from '../../metering/filter-schema.ts'
import type { Aggregation, Meter, RevisionState, TenantConfig, Unmetered } from '../../metering/meter.ts'
import type { Placement } from '../../metering/placement/placement.ts'

type Row = Record<string, unknown>
const parse = (json: string): Row => JSON.parse(json) as Row

const date = (value: unknown): Date => new Date(value as string)
const dateOrNull = (value: unknown): Date | null => (value === null ? null : date(value))

/** Before all others is -infinity. */
const instantMsOrNull = (value: unknown): number | null =>
  value === null ? null : value === '-infinity' ? Number.NEGATIVE_INFINITY : date(value).getTime()

const tenant = (row: Row): Tenant => ({
  id: row.id as string,
  name: row.name as string,
  timezone: row.timezone as string,
  currency: row.currency as string,
  defaultPlan: row.default_plan as string | null,
  unmetered: row.unmetered as Unmetered,
  eventLogDays: row.event_log_days as number | null,
  dedupeWindowHours: row.dedupe_window_hours as number | null,
  logSince: dateOrNull(row.log_since),
  createdAt: date(row.created_at),
})

const apiKey = (row: Row): ApiKey => ({
  id: row.id as string,
  tenantId: row.tenant_id as string,
  name: row.name as string,
  hint: row.hint as string,
  createdAt: date(row.created_at),
  revokedAt: dateOrNull(row.revoked_at),
})

/** What is read from a meter that was revised, and from what; `retired`: as configJson has it. */
function revision(row: Row): Meter['revision'] {
  const [number, state] = [row.revision as number, row.state as RevisionState]
  if (number === 0 && state === 'current') return null
  return {
    number,
    state,
    fromMs: instantMsOrNull(row.reads_from) ?? Number.NEGATIVE_INFINITY,
    toMs: instantMsOrNull(row.reads_to),
    isRetired: row.retired === true,
    meterCountsFromMs: instantMsOrNull(row.counts_from),
    switchedAt: dateOrNull(row.switched_at),
  }
}

const meter = (row: Row): Meter => ({
  id: row.id as string,
  key: row.key as string,
  name: row.name as string | null,
  resourceType: row.resource_type as string,
  aggregation: row.aggregation as Aggregation,
  value: row.value as string,
  groupBy: row.group_by as string[],
  missing: row.missing as Meter['missing'],
  // Postgres keeps the keys in another order than the API has them.
  filter: filterTerms(row.filter as Meter['filter']),
  countsFromMs: instantMsOrNull(row.reads_from ?? row.counts_from),
  revision: revision(row),
  createdAt: date(row.created_at),
  archivedAt: dateOrNull(row.archived_at),
})

const customer = (row: Row): Customer => ({
  customerId: row.customer_id as string,
  name: row.name as string | null,
  email: row.email as string | null,
  plan: row.plan as string | null,
  metadata: row.metadata as Record<string, string>,
  taxRates: row.tax_rates as Customer['taxRates'],
  createdAt: date(row.created_at),
  updatedAt: date(row.updated_at),
})

const plan = (row: Row): Plan => ({
  key: row.key as string,
  name: row.name as string | null,
  currency: row.currency as string,
  version: row.version as number,
  terms: row.terms as Plan['terms'],
  createdAt: date(row.created_at),
  updatedAt: date(row.updated_at),
})

export const couponFromRow = (row: Row): Coupon => ({
  key: row.key as string,
  name: row.name as string | null,
  percentOff: row.percent_off as string | null,
  amountOff: row.amount_off as string | null,
  currency: row.currency as string | null,
  periods: row.periods as number | null,
  createdAt: date(row.created_at),
  archivedAt: dateOrNull(row.archived_at),
})

/** `{tenant, placement, meters}`, as `configJson` selects them. */
export function configFrom(json: string): TenantConfig {
  const {
    tenant,
    placement,
    meters: rows,
  } = JSON.parse(json) as { tenant: Row; placement: Placement | null; meters: Row[] }
  const meters = rows.map(meter)
  const isCurrent = ({ revision }: Meter) => revision === null || revision.state === 'current'
  return {
    tenantId: tenant.id as string,
    timezone: tenant.timezone as string,
    currency: tenant.currency as string,
    unmetered: tenant.unmetered as Unmetered,
    dedupeWindowHours: tenant.dedupe_window_hours as number | null,
    version: tenant.config_version as number,
    placement,
    meters: meters.filter(isCurrent),
    revisions: meters.filter((one) => !isCurrent(one)),
  }
}

export const tenantFrom = (json: string): Tenant => tenant(parse(json))
export const apiKeyFrom = (json: string): ApiKey => apiKey(parse(json))
export const meterFrom = (json: string): Meter => meter(parse(json))
export const customerFrom = (json: string): Customer => customer(parse(json))
export const couponFrom = (json: string): Coupon => couponFromRow(parse(json))
export const planFrom = (json: string): Plan => plan(parse(json))
