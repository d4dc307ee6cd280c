// Customers that usage knows, whether they were created or not.

import { mergeUtf8 } from '../kernel/page.ts'
import type { CounterStore, UsageStore } from './ports.ts'

/** In UTF-8 order after `after`, `limit` at most. Redis first: what is settled between the two reads is then in Postgres's answer. */
export async function listUsedCustomers(
  services: { counters: CounterStore; usage: UsageStore },
  tenantId: string,
  after: string,
  limit: number,
): Promise<string[]> {
  const live = await services.counters.liveCustomers(tenantId, after, limit)
  const settled = await services.usage.settledCustomers(tenantId, after, limit)
  return mergeUtf8([live, settled], limit)
}
