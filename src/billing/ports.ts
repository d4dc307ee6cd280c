// What a tenant has set up, in Postgres: its meters (metering's port) and its plans. Every change moves the tenant's
// configuration to its next version, in the same statement.

import type { PageRequest } from '../kernel/page.ts'
import type { MeterStore } from '../metering/meter-store.ts'
import type { RevisionStore } from '../metering/revision-store.ts'
import type { Plan } from './plan.ts'
import type { Terms } from './terms.ts'

export type NewPlan = Pick<Plan, 'key' | 'name' | 'currency' | 'terms'>

/**
 * What to change: what is absent stays. `terms` are published as the next version, if the newest is still `seenVersion`.
 * `default: true` makes it the tenant's default plan.
 */
export type PlanPatch = {
  name?: string | null
  terms?: Terms
  seenVersion: number
  default?: true
}

export type TenantPlan = { plan: Plan; isDefault: boolean }

/** Keys of prices that name no meter of the tenant. */
type UnknownMeters = { kind: 'unknown_meters'; meters: string[] }

export type PlanCreated =
  | ({ kind: 'created' | 'exists'; configVersion: number } & TenantPlan)
  | UnknownMeters
  | { kind: 'too_many' }

export type PlanChanged =
  | ({ kind: 'changed'; configVersion: number } & TenantPlan)
  | UnknownMeters
  /** moved: the newest version is not `seenVersion` any more */
  | { kind: 'not_found' | 'moved' }

export const PLANS_PER_TENANT = 200

export interface PlanStore {
  createPlan(tenantId: string, plan: NewPlan, makeDefault: boolean): Promise<PlanCreated>
  changePlan(tenantId: string, key: string, patch: PlanPatch): Promise<PlanChanged>
  /** `version`: the newest if absent. */
  findPlan(tenantId: string, key: string, version?: number): Promise<TenantPlan | null>
  /** In the order of their keys' bytes, each with its newest version; one more than `limit` if there is one. `after` is a key. */
  listPlans(tenantId: string, page: PageRequest): Promise<TenantPlan[]>
  /** The newest first; `after` is a version's number. null: no such plan. */
  listPlanVersions(tenantId: string, key: string, page: PageRequest): Promise<TenantPlan[] | null>
  /** The plan that this customer is billed by: its own, or the tenant's default one. The customer need not be created. */
  planOfCustomer(tenantId: string, customerId: string): Promise<TenantPlan | null>
  /** The same of several: those that have one. */
  plansOfCustomers(tenantId: string, customerIds: string[]): Promise<Map<string, TenantPlan>>
}

export interface CatalogStore extends MeterStore, RevisionStore, PlanStore {}
