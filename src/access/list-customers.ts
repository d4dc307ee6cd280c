// Lists customers: those that were created, and those that only their usage knows.

import { mergeUtf8, type PageRequest } from '../kernel/page.ts'
import type { TenantConfig } from '../metering/meter.ts'
import type { CounterStore, UsageStore } from '../metering/ports.ts'
import { type Customer, usedOnly } from './customer.ts'
import type { AccessStore } from './ports.ts'

type Services = {
  access: Pick<AccessStore, 'listCustomers'>
  counters: Pick<CounterStore, 'liveCustomers'>
  usage: Pick<UsageStore, 'settledCustomers'>
}

/** In the byte order of their ids; one more than `limit` if there is one. */
export async function listCustomers(
  services: Services,
  { tenant }: { tenant: TenantConfig },
  page: PageRequest,
): Promise<Customer[]> {
  const { tenantId } = tenant
  const after = page.after ?? ''
  const limit = page.limit + 1
  // Redis first, as a bill does: usage that is settled between the reads is then in both, not in neither.
  const live = await services.counters.liveCustomers(tenantId, after, limit)
  const [settled, created] = await Promise.all([
    services.usage.settledCustomers(tenantId, after, limit),
    services.access.listCustomers(tenantId, page),
  ])
  const createdById = new Map(created.map((customer) => [customer.customerId, customer]))
  return mergeUtf8([live, settled, [...createdById.keys()]], limit).map(
    (id) => createdById.get(id) ?? usedOnly(id),
  )
}
