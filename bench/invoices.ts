// Closing a period: invoices of many subscriptions, in batches and one by one.

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { ConfigCache } from '../src/access/config-cache.ts'
import { createTenant } from '../src/access/create-tenant.ts'
import { closeDue } from '../src/billing/invoices/close-due.ts'
import { defaultBillingSettings } from '../src/billing/settings.ts'
import { createSubscription } from '../src/billing/subscriptions/create-subscription.ts'
import { subscriptionInputSchema } from '../src/billing/subscriptions/subscription-input.ts'
import { onlyPrices } from '../src/billing/terms.ts'
import { newId } from '../src/kernel/ids.ts'
import { monthMs } from '../src/kernel/time.ts'
import type { TenantConfig } from '../src/metering/meter.ts'
import { PostgresAccountStore } from '../src/stores/postgres/account-store.ts'
import { PostgresCouponStore } from '../src/stores/postgres/coupon-store.ts'
import { postgresAccess, postgresCatalog } from '../src/stores/postgres/stores.ts'
import { counterEvent, fill, noFence } from './fill.ts'
import type { Options } from './options.ts'
import { faster, inSeconds, type Row, type Section, short, whole } from './report.ts'
import type { Servers } from './servers.ts'
import { METER, METER_ID, RESOURCE_TYPE } from './workload.ts'
import { openWorld, type World } from './world.ts'

const SUBSCRIPTIONS = 10_000
const ONE_BY_ONE = 500
const FEWER_ROUND_TRIPS = 10
/** How much the heap may grow while the number of closed subscriptions grows tenfold. */
const HEAP_GROWTH = 1.25
const MADE_AT_ONCE = 8
const DAY_MS = 86_400_000

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

export async function benchInvoices(servers: Servers, { quick }: Options): Promise<Section[]> {
  await servers.clear()
  const world = openWorld(servers, noFence)
  try {
    const count = quick ? SUBSCRIPTIONS / 10 : SUBSCRIPTIONS
    const services = closingServices(world)
    const tenant = await makeTenant(services)
    const single = await closed(services, world, tenant, { count: ONE_BY_ONE, perBatch: 1 })
    const many = await closed(services, world, tenant, { count, perBatch: 100 })
    return [{ title: 'Closing a month: usage, a fee, an invoice each', rows: [row(count, many, single)] }]
  } finally {
    await world.close()
  }
}

type Services = ReturnType<typeof closingServices>

export function closingServices(world: World) {
  const access = postgresAccess(world.db)
  return {
    ...world,
    access,
    catalog: postgresCatalog(world.db),
    accounts: new PostgresAccountStore(world.db),
    coupons: new PostgresCouponStore(world.db),
    configs: new ConfigCache(access, Date.now),
    billing: defaultBillingSettings,
    logKept: true,
    placeNew: async () => 0,
  }
}

export async function makeTenant(services: Services): Promise<TenantConfig> {
  const { tenant } = await createTenant(
    services,
    { newId },
    { name: 'Bench', timezone: 'UTC', currency: 'USD', unmetered: 'refuse' },
  )
  await services.catalog.createMeter(tenant.id, {
    id: METER_ID,
    key: METER,
    name: null,
    resourceType: RESOURCE_TYPE,
    aggregation: 'sum',
    value: 'quantity',
    groupBy: [],
    missing: 'refuse',
    filter: [],
    countsFromMs: null,
  })
  const prices = [{ meter: METER, price: { model: 'per_unit' as const, unit_amount: '0.01' } }]
  const fees = [{ key: 'base', name: null, amount: '5', due: 'arrears' as const }]
  await services.catalog.createPlan(
    tenant.id,
    { key: 'month', name: null, currency: 'USD', terms: { ...onlyPrices(prices), fees } },
    false,
  )
  return services.access.loadConfig(tenant.id)
}

type Closed = { seconds: number; roundTrips: number; invoices: number; heapMb: number[] }

/** Subscriptions since the beginning of last month, each with usage. */
export async function toClose(
  services: Services,
  world: World,
  tenant: TenantConfig,
  { count, prefix }: { count: number; prefix: string },
): Promise<void> {
  const { startMs, endMs } = lastMonth()
  const event = (n: number) => {
    // On its last day: no event may be older than 35 days.
    const sent = counterEvent(n, count, endMs - DAY_MS)
    return { ...sent, id: prefix + sent.id, customer_id: prefix + sent.customer_id }
  }
  await fill(world, tenant, event, { from: 0, to: count, settle: true })
  await subscribe(services, tenant, { count, prefix, startMs })
  await world.pool.query('vacuum analyze usage')
  for (const table of ['subscriptions', 'invoices', 'accounts'])
    await world.pool.query(`vacuum analyze ${table}`)
}

async function closed(
  services: Services,
  world: World,
  tenant: TenantConfig,
  { count, perBatch }: { count: number; perBatch: number },
): Promise<Closed> {
  await toClose(services, world, tenant, { count, prefix: `by_${perBatch}_` })
  const billing = { ...services.billing, accountsPerBatch: perBatch, batchesPerRun: 10 }
  const before = world.roundTrips.redis + world.roundTrips.postgres
  const heapMb: number[] = []
  let invoices = 0
  let seconds = 0
  for (let more = true; more; ) {
    const startedAt = performance.now()
    const report = await closeDue({ ...services, billing })
    seconds += (performance.now() - startedAt) / 1000
    if (report.failed.length > 0) throw new Error(`Not closed: ${report.failed[0]!.reason}`)
    invoices += report.issued
    more = report.more
    collectGarbage()
    heapMb.push(process.memoryUsage().heapUsed / 1e6)
  }
  if (invoices !== count) throw new Error(`Of ${count} subscriptions ${invoices} were invoiced`)
  return {
    seconds,
    roundTrips: world.roundTrips.redis + world.roundTrips.postgres - before,
    invoices,
    heapMb,
  }
}

function lastMonth(): { startMs: number; endMs: number } {
  const now = new Date()
  const month = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - 1, 1)).toISOString().slice(0, 7)
  return monthMs('UTC', month)!
}

async function subscribe(
  services: Services,
  tenant: TenantConfig,
  { count, prefix, startMs }: { count: number; prefix: string; startMs: number },
): Promise<void> {
  let next = 0
  const lane = async () => {
    while (next < count) {
      const input = subscriptionInputSchema.parse({
        customer_id: `${prefix}customer_${next++}`,
        plan: 'month',
        start: new Date(startMs).toISOString(),
      })
      await createSubscription(services, { tenant, newId }, input)
    }
  }
  await Promise.all(Array.from({ length: MADE_AT_ONCE }, lane))
}

function row(count: number, many: Closed, single: Closed): Row {
  const each = (one: Closed) => one.roundTrips / one.invoices
  const fewer = each(single) / each(many)
  const growth = Math.max(...many.heapMb) / many.heapMb[0]!
  return {
    what: `${whole(count)} subscriptions`,
    ratio: faster(single.seconds / single.invoices / (many.seconds / many.invoices)),
    figure: `${inSeconds(many.seconds)}, ${whole(many.roundTrips)} round trips, heap ${short(Math.min(...many.heapMb))} to ${short(Math.max(...many.heapMb))} MB`,
    naive: `one by one: ${inSeconds((single.seconds / single.invoices) * count)}, ${whole(each(single) * count)} round trips (from ${whole(single.invoices)})`,
    targets: [
      {
        wanted: `≥ ${FEWER_ROUND_TRIPS}× fewer round trips`,
        got: `${short(fewer)}×`,
        reached: fewer >= FEWER_ROUND_TRIPS,
      },
      {
        wanted: `heap ≤ ${HEAP_GROWTH}× of its beginning`,
        got: `${short(growth)}×`,
        reached: growth <= HEAP_GROWTH,
      },
    ],
  }
}
