// What proposed changes of counters would do to money: by customer, which invoices and bills would come to something else, and by
// how much: each with usage as it is, and as it would be.

import { HOUR_MS } from '../../kernel/time.ts'
import type { CounterChange, CustomerEffect, MoneyEffect } from '../../log/effect.ts'
import type { TenantConfig } from '../../metering/meter.ts'
import { readMeters } from '../../metering/revision.ts'
import type { ReachedSpan } from '../account-ports.ts'
import { type BillsServices, changedBills } from './changed-bills.ts'
import { overlaidUsage } from './overlaid-usage.ts'
import { type Needed, type UsageServices, usageFor } from './usage-reader.ts'

export type EffectServices = UsageServices & BillsServices

/** Customers whose bills are looked into at most, and how many at once: each time a handful of calls. */
export const EFFECT_CUSTOMERS = 500
export const CUSTOMERS_AT_ONCE = 100

export async function effectOnBills(
  services: EffectServices,
  tenant: TenantConfig,
  changes: CounterChange[],
): Promise<MoneyEffect> {
  const byCustomer = Map.groupBy(changes, ({ customerId }) => customerId)
  const names = [...byCustomer.keys()].sort()
  const customers: CustomerEffect[] = []
  for (let i = 0; i < Math.min(names.length, EFFECT_CUSTOMERS); i += CUSTOMERS_AT_ONCE) {
    const some = names.slice(i, Math.min(i + CUSTOMERS_AT_ONCE, EFFECT_CUSTOMERS))
    const theirs = some.flatMap((name) => byCustomer.get(name)!)
    const { asIs, changed } = overlaidUsage(services, theirs)
    const proposed = {
      customerIds: some,
      reached: reachedBy(tenant, theirs),
      before: (needed: Needed[]) => usageFor(asIs, tenant, needed),
      after: (needed: Needed[]) => usageFor(changed, tenant, needed),
    }
    customers.push(...(await changedBills(services, tenant, proposed)))
  }
  return { customers, more: Math.max(0, names.length - EFFECT_CUSTOMERS) }
}

/** By customer and meter. A level that changes is what all that comes after begins from. */
function reachedBy(tenant: TenantConfig, changes: CounterChange[]): ReachedSpan[] {
  const byId = new Map(readMeters(tenant).map((meter) => [meter.id, meter]))
  const found = new Map<string, ReachedSpan>()
  for (const { customerId, meterId, hourMs } of changes) {
    const meter = byId.get(meterId)
    if (meter === undefined) continue
    const name = JSON.stringify([customerId, meter.key])
    const known = found.get(name) ?? { customerId, meter: meter.key, fromMs: hourMs, toMs: 0 }
    const toMs =
      meter.aggregation === 'weighted_sum' || known.toMs === null
        ? null
        : Math.max(known.toMs, hourMs + HOUR_MS)
    found.set(name, { ...known, fromMs: Math.min(known.fromMs, hourMs), toMs })
  }
  return [...found.values()]
}
