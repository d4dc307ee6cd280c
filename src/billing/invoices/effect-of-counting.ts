// What a meter that is not made, or a revision of one, would do to totals and to money: usage as it is, and as it would be with
// what the log was counted to.

import { text } from '../../kernel/decimal.ts'
import { nextWindowStartMs } from '../../kernel/time.ts'
import type { Counted } from '../../log/dry-tally.ts'
import type { CustomerEffect, MoneyEffect } from '../../log/effect.ts'
import type { AsItWouldBe } from '../../metering/as-revised.ts'
import type { Counter } from '../../metering/counter.ts'
import type { TenantConfig } from '../../metering/meter.ts'
import { readUsage } from '../../metering/read-usage.ts'
import { changedBills } from './changed-bills.ts'
import { CUSTOMERS_AT_ONCE, type EffectServices } from './effect-on-bills.ts'
import { countedUsage, readOnce } from './overlaid-usage.ts'
import { type Needed, usageFor } from './usage-reader.ts'

/** Of one customer in [fromMs, toMs): its totals, with history, as usage shows them. `counters`: those of its that are counted. */
export type TotalEffect = { customerId: string; before: string; after: string; counters: number }

export type CountingEffect = {
  fromMs: number
  toMs: number
  /** in the order of the customers, those whose totals change */
  totals: TotalEffect[]
  money: MoneyEffect
  /** The meter is being filled: what it has now is not all. */
  incomplete: boolean
}

/** Counters that one statement is sent at most, but for those of one customer. */
const COUNTERS_AT_ONCE = 10_000

export async function effectOfCounting(
  services: EffectServices,
  tenant: TenantConfig,
  { would, counted }: { would: AsItWouldBe; counted: Counted },
): Promise<CountingEffect> {
  const { meter } = would
  const nowMs = services.clock()
  const fromMs = Math.max(counted.hours?.fromMs ?? nowMs, meter.countsFromMs ?? Number.NEGATIVE_INFINITY)
  const lastMs = Math.max(nowMs, fromMs, (counted.hours?.toMs ?? 0) - 1)
  const toMs = nextWindowStartMs(tenant.timezone, 'hour', lastMs)
  const totals: TotalEffect[] = []
  const customers: CustomerEffect[] = []
  let incomplete = false
  for (const some of batches(counted.counters)) {
    const of = { would, some, boundariesMs: [fromMs, toMs] }
    const { asIs, changed } = servicesFor(services, of)
    const change = await totalsOf(asIs, changed, tenant, of)
    totals.push(...change.totals)
    incomplete ||= change.incomplete
    // What is not made yet is priced by no plan.
    if (!tenant.meters.some(({ key }) => key === meter.key)) continue
    const proposed = {
      customerIds: [...some.keys()],
      reached: [...some.keys()].map((customerId) => ({ customerId, meter: meter.key, fromMs, toMs: null })),
      before: (needed: Needed[]) => usageFor(asIs, tenant, needed),
      after: (needed: Needed[]) => usageFor(changed, would.config, needed),
    }
    customers.push(...(await changedBills(services, tenant, proposed)))
  }
  const more = counted.customers - counted.counters.size
  return { fromMs, toMs, totals, money: { customers, more }, incomplete }
}

type Some = Map<string, Counter[]>
type Of = { would: AsItWouldBe; some: Some; boundariesMs: number[] }

function servicesFor(services: EffectServices, { would, some }: Of) {
  const asIs = readOnce(services)
  return { asIs, changed: countedUsage(asIs, would.config, [...some.values()].flat()) }
}

async function totalsOf(
  asIs: EffectServices,
  changed: EffectServices,
  tenant: TenantConfig,
  { would, some, boundariesMs }: Of,
): Promise<{ totals: TotalEffect[]; incomplete: boolean }> {
  const { key } = would.meter
  const query = { customerIds: [...some.keys()], meter: key, boundariesMs, groupBy: [], history: true }
  const isThere = tenant.meters.some((one) => one.key === key)
  const before = isThere ? await readUsage(asIs, tenant, query) : null
  const after = await readUsage(changed, would.config, query)
  const byCustomer = ({ quantities }: typeof after) =>
    new Map(quantities.map(({ customerId, quantity }) => [customerId, text(quantity)]))
  const was = before === null ? new Map<string, string>() : byCustomer(before)
  const is = byCustomer(after)
  const totals = [...some].map(([customerId, counters]) => ({
    customerId,
    before: was.get(customerId) ?? '0',
    after: is.get(customerId) ?? '0',
    counters: counters.length,
  }))
  return {
    totals: totals.filter((one) => one.before !== one.after),
    incomplete: before?.incomplete.has(key) ?? false,
  }
}

/** So that each is read by statements of a bounded length. */
function* batches(counters: Some): Generator<Some> {
  let [some, size]: [Some, number] = [new Map(), 0]
  for (const [customerId, theirs] of counters) {
    if (some.size > 0 && (some.size === CUSTOMERS_AT_ONCE || size + theirs.length > COUNTERS_AT_ONCE)) {
      yield some
      ;[some, size] = [new Map(), 0]
    }
    some.set(customerId, theirs)
    size += theirs.length
  }
  if (some.size > 0) yield some
}
