// The bill of a customer's period, exact at this instant: its usage, priced by its subscriptions, or by its plan where it has none.

import type { CustomerStore } from '../access/ports.ts'
import { TollgateError } from '../kernel/errors.ts'
import type { TenantConfig } from '../metering/meter.ts'
import { readUsage } from '../metering/read-usage.ts'
import { type Account, termsOfPhase } from './account.ts'
import type { AccountStore } from './account-ports.ts'
import { type Bill, type BillFacts, computeBill } from './bill.ts'
import { chargesOf, matchesOf, needsParts } from './charge.ts'
import { type UsageServices, usageFor } from './invoices/usage-reader.ts'
import { type Period, type PeriodQuery, periodOf } from './period.ts'
import type { PlanStore, TenantPlan } from './ports.ts'
import { phaseAt, statusOf } from './subscriptions/subscription.ts'

export type BillServices = UsageServices & {
  clock: () => number
  catalog: Pick<PlanStore, 'planOfCustomer'>
  accounts: Pick<AccountStore, 'loadAccounts'>
  access: Pick<CustomerStore, 'findCustomer'>
}

/** Throws validation_failed for the period, and not_found for a customer of whom nothing is known: no record, usage or account. */
export async function readBill(
  services: BillServices,
  tenant: TenantConfig,
  input: { customerId: string } & PeriodQuery,
): Promise<Bill> {
  const { customerId } = input
  const nowMs = services.clock()
  const period = periodOf(input, tenant.timezone, nowMs)
  const { startMs, endMs, key } = period
  const pricedAtMs = Math.min(nowMs, endMs - 1)
  const [{ config, quantities, incomplete }, plan, [account]] = await Promise.all([
    readUsage(services, tenant, {
      customerIds: [customerId],
      meter: null,
      boundariesMs: [startMs, endMs],
      groupBy: [],
    }),
    services.catalog.planOfCustomer(tenant.tenantId, customerId),
    services.accounts.loadAccounts(tenant.tenantId, [customerId], { endedAfterMs: pricedAtMs }),
  ])
  const pricedBy = pricesFor(account!, plan, config, pricedAtMs)
  // An account that was ever written had a subscription, and so invoices, or credit.
  if (quantities.length === 0 && account!.version === 0) await mustBeKnown(services, tenant, customerId)
  return computeBill({
    customerId,
    period: { start: new Date(startMs), end: new Date(endMs), key },
    plan: pricedBy,
    asOf: new Date(nowMs),
    meters: config.meters,
    usage: new Map(quantities.map((one) => [one.meter.key, one])),
    ...(await partsFor(services, config, customerId, period, pricedBy, incomplete)),
  })
}

/** The prices of the subscriptions that run at an instant; of the plan, where none does. */
function pricesFor(
  account: Account,
  plan: TenantPlan | null,
  { currency }: TenantConfig,
  atMs: number,
): BillFacts['plan'] {
  const running = account.subscriptions
    .filter((subscription) => ['active', 'trialing'].includes(statusOf(subscription, atMs)))
    .map((subscription) => phaseAt(subscription, atMs))
  if (running.length > 0) {
    return {
      key: running[0]!.plan,
      prices: running.flatMap((phase) => chargesOf(termsOfPhase(account, phase), phase.overrides)),
      currency: account.currency!,
    }
  }
  return plan === null
    ? { key: null, prices: [], currency }
    : { key: plan.plan.key, prices: plan.plan.terms.prices, currency: plan.plan.currency }
}

async function partsFor(
  services: BillServices,
  tenant: TenantConfig,
  customerId: string,
  { startMs, endMs }: Period,
  { prices }: BillFacts['plan'],
  known: ReadonlySet<string>,
): Promise<Pick<BillFacts, 'parts' | 'incomplete'>> {
  const needed = prices.filter(needsParts).map((price) => ({
    meter: price.meter,
    fromMs: startMs,
    toMs: endMs,
    matches: matchesOf(price),
  }))
  if (needed.length === 0) return { parts: new Map(), incomplete: known }
  const usage = await usageFor(services, tenant, [{ customerId, spans: needed }])
  return {
    parts: new Map(needed.map((span) => [span.meter, usage.of(customerId)(span)])),
    incomplete: new Set([...known, ...usage.incomplete]),
  }
}

/** A bill of zero for a mistyped id would look like a customer who used nothing. */
async function mustBeKnown(services: BillServices, tenant: TenantConfig, customerId: string): Promise<void> {
  const live = await services.counters.readLive(tenant.tenantId, [customerId])
  const { customer, used } = await services.access.findCustomer(tenant.tenantId, customerId)
  if (customer === null && !used && live.counters.length === 0) {
    throw new TollgateError(
      'not_found',
      `Nothing is known of a customer ${JSON.stringify(customerId)}: there is no record, no usage, no subscription and no credit of one.`,
    )
  }
}
