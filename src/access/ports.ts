// What access needs of Postgres. A method is one whole atomic operation; nothing of a client or a connection shows.
// Every method but those of tenants and keys themselves names the tenant, and sees nothing of another.

import type { PageRequest } from '../kernel/page.ts'
import type { TenantConfig, Unmetered } from '../metering/meter.ts'
import type { ApiKey } from './api-key.ts'
import type { Customer, CustomerChange } from './customer.ts'
import type { Tenant } from './tenant.ts'

export type NewTenant = {
  id: string
  name: string
  timezone: string
  currency: string
  unmetered: Unmetered
  /** where its counters are to be; absent: where a hash of its id says */
  partition?: number
  /** absent: null */
  eventLogDays?: number | null
  dedupeWindowHours?: number | null
}
/** What is absent stays. */
export type TenantPatch = Partial<
  Pick<Tenant, 'name' | 'unmetered' | 'eventLogDays' | 'dedupeWindowHours'>
> & {
  defaultPlan?: string
}

export type NewKey = { id: string; name: string; hash: string; hint: string }
export type NewCustomer = Omit<Customer, 'createdAt' | 'updatedAt'>

/** Keys of one tenant that are not revoked. */
export const KEYS_PER_TENANT = 100

/** Lists give one item more than `limit` if there is one: it says that there is a next page. */
export interface TenantStore {
  /** The tenant, its first key and its default plan without prices, all or none. The same ones again are those that there are. */
  createTenant(tenant: NewTenant, key: NewKey, defaultPlan: string): Promise<{ tenant: Tenant; key: ApiKey }>
  findTenant(id: string): Promise<Tenant | null>
  /** Moves its configuration to the next version. */
  changeTenant(
    id: string,
    patch: TenantPatch,
  ): Promise<
    { kind: 'changed'; tenant: Tenant; configVersion: number } | { kind: 'not_found' } | { kind: 'no_plan' }
  >
  /** Oldest first; `after` is an id. */
  listTenants(page: PageRequest): Promise<Tenant[]>
}

export interface KeyStore {
  /** The same key again (id and hash) is the one that there is. */
  createKey(
    tenantId: string,
    key: NewKey,
  ): Promise<{ kind: 'created'; key: ApiKey } | { kind: 'no_tenant' | 'too_many' }>
  /** Revoked ones too, oldest first; `after` is an id. null: no such tenant. */
  listKeys(tenantId: string, page: PageRequest): Promise<ApiKey[] | null>
  /** The key's hash; null: no such key. Revoking it again changes nothing. */
  revokeKey(id: string): Promise<{ hash: string } | null>
  /** A key that is not revoked, with its tenant's configuration, by one statement. */
  findKey(hash: string): Promise<{ keyId: string; config: TenantConfig } | null>
  loadConfig(tenantId: string): Promise<TenantConfig>
  /** Makes the configuration's version at least this one. */
  raiseConfigVersion(tenantId: string, atLeast: number): Promise<void>
}

export interface CustomerStore {
  createCustomer(
    tenantId: string,
    customer: NewCustomer,
  ): Promise<{ kind: 'created' | 'exists'; customer: Customer } | { kind: 'no_plan' }>
  /** `create`: makes it first, if it is not there. */
  changeCustomer(
    tenantId: string,
    customerId: string,
    change: CustomerChange,
    create: boolean,
  ): Promise<
    { kind: 'changed'; customer: Customer } | { kind: 'not_found' | 'no_plan' | 'too_much_metadata' }
  >
  /** `used`: whether settled usage knows it. */
  findCustomer(tenantId: string, customerId: string): Promise<{ customer: Customer | null; used: boolean }>
  /** Created ones, in byte order; `after` is a customer's id. */
  listCustomers(tenantId: string, page: PageRequest): Promise<Customer[]>
}

export interface AccessStore extends TenantStore, KeyStore, CustomerStore {}
