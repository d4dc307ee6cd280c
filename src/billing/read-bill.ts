// The bill of a customer's period, exact at this instant.

import type { CustomerStore } from '../access/ports.ts'
import { TollgateError } from '../kernel/errors.ts'
import type { TenantConfig } from '../metering/meter.ts'
import type { ReadServices } from '../metering/read-live.ts'
import { readUsage } from '../metering/read-usage.ts'
import { type Bill, computeBill } from './bill.ts'
import { type PeriodQuery, periodOf } from './period.ts'
import type { PlanStore } from './ports.ts'

export type BillServices = ReadServices & {
  clock: () => number
  catalog: Pick<PlanStore, 'planOfCustomer'>
  access: Pick<CustomerStore, 'findCustomer'>
}

/** Throws validation_failed for the period, and not_found for a customer of whom neither a record nor any usage is known. */
export async function readBill(
  services: BillServices,
  tenant: TenantConfig,
  input: { customerId: string } & PeriodQuery,
): Promise<Bill> {
  const { customerId } = input
  const nowMs = services.clock()
  const { startMs, endMs, key } = periodOf(input, tenant.timezone, nowMs)
  const [{ config, quantities }, plan] = await Promise.all([
    readUsage(services, tenant, {
      customerIds: [customerId],
      meter: null,
      boundariesMs: [startMs, endMs],
      groupBy: [],
    }),
    services.catalog.planOfCustomer(tenant.tenantId, customerId),
  ])
  if (quantities.length === 0) await mustBeKnown(services, tenant, customerId)
  return computeBill({
    customerId,
    period: { start: new Date(startMs), end: new Date(endMs), key },
    plan: plan?.plan ?? null,
    currency: config.currency,
    asOf: new Date(nowMs),
    meters: config.meters,
    usage: new Map(quantities.map((one) => [one.meter.key, one])),
  })
}

/** A bill of zero for a mistyped id would look like a customer who used nothing. */
async function mustBeKnown(services: BillServices, tenant: TenantConfig, customerId: string): Promise<void> {
  const live = await services.counters.readLive(tenant.tenantId, [customerId])
  const { customer, used } = await services.access.findCustomer(tenant.tenantId, customerId)
  if (customer === null && !used && live.counters.length === 0) {
    throw new TollgateError(
      'not_found',
      `Nothing is known of a customer ${JSON.stringify(customerId)}: no record and no usage.`,
    )
  }
}
