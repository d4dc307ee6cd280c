// Finds a customer: one that was created, or one that is known by its usage alone.

import { TollgateError } from '../kernel/errors.ts'
import type { TenantConfig } from '../metering/meter.ts'
import type { CounterStore } from '../metering/ports.ts'
import { type Customer, usedOnly } from './customer.ts'
import type { AccessStore } from './ports.ts'

export type FindServices = {
  access: Pick<AccessStore, 'findCustomer'>
  counters: Pick<CounterStore, 'readLive'>
}

export const noCustomer = (customerId: string) =>
  new TollgateError('not_found', `There is no customer "${customerId}", and no usage of one.`)

/** Throws not_found. */
export async function findCustomer(
  services: FindServices,
  { tenant }: { tenant: TenantConfig },
  { customerId }: { customerId: string },
): Promise<Customer> {
  const { tenantId } = tenant
  const stored = await services.access.findCustomer(tenantId, customerId)
  if (stored.customer !== null) return stored.customer
  if (stored.used || (await hasLiveUsage(services, tenantId, customerId))) return usedOnly(customerId)
  // Between the two reads its usage may have moved from the one store into the other.
  const again = await services.access.findCustomer(tenantId, customerId)
  if (again.customer !== null) return again.customer
  if (again.used) return usedOnly(customerId)
  throw noCustomer(customerId)
}

async function hasLiveUsage(
  { counters }: FindServices,
  tenantId: string,
  customerId: string,
): Promise<boolean> {
  try {
    const live = await counters.readLive(tenantId, [customerId])
    return live.counters.length > 0
  } catch (error) {
    if (error instanceof TollgateError && error.code === 'too_many_counters') return true
    throw error
  }
}
