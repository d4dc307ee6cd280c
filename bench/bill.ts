// Reading one customer's bill, with few and with many counters in the stores. A customer has ten counters either way.

import { ConfigCache } from '../src/access/config-cache.ts'
import { createTenant } from '../src/access/create-tenant.ts'
import { readBill } from '../src/billing/read-bill.ts'
import { onlyPrices } from '../src/billing/terms.ts'
import { decimal, text } from '../src/kernel/decimal.ts'
import { newId } from '../src/kernel/ids.ts'
import { HOUR_MS } from '../src/kernel/time.ts'
import type { TenantConfig } from '../src/metering/meter.ts'
import { PostgresAccountStore } from '../src/stores/postgres/account-store.ts'
import { postgresAccess, postgresCatalog } from '../src/stores/postgres/stores.ts'
import { counterEvent, fill, noFence, settleAll } from './fill.ts'
import { median, percentile } from './measure.ts'
import type { Options } from './options.ts'
import { atMost, latency, type Row, type Section, short, whole } from './report.ts'
import type { Servers } from './servers.ts'
import { METER, METER_ID, QUANTITY, RESOURCE_TYPE, tenantConfig } from './workload.ts'
import { openWorld, type World } from './world.ts'

const HOURS = 10
const FEW = 1_000
const MANY = 1_000_000
/** A little less than one tenant's share of the backlog: the tallies of its meters have a place in it, too. */
const LIVE = 0.24
const FLAT_WITHIN = 1.3

type Setting = { counters: number; live: number }
type Reads = number[]

export async function benchBill(servers: Servers, { quick }: Options): Promise<Section[]> {
  const world = openWorld(servers, noFence)
  const many = quick ? MANY / 10 : MANY
  const reads = quick ? 200 : 1_000
  try {
    const rows: Row[] = []
    for (const live of [0, LIVE]) {
      const measure = (counters: number) =>
        readBills(servers, world, { counters, live: counters * live }, reads)
      // Few before and after many: what else the machine did in the meantime shows in neither.
      const before = await measure(FEW)
      const large = await measure(many)
      const small = [...before, ...(await measure(FEW))]
      rows.push(row(`${whole(FEW)} counters${where(FEW, live)}`, small))
      rows.push(row(`${whole(many)} counters${where(many, live)}`, large, small))
    }
    return [
      {
        title: `Reading one customer’s bill, ${HOURS} counters of it, one read at a time`,
        rows,
        notes: ['“against naive” is here against the same with fewer counters in the stores'],
      },
    ]
  } finally {
    await world.close()
  }
}

const where = (counters: number, live: number): string =>
  live === 0 ? ', all in Postgres' : `, ${whole(counters * live)} of them live in Redis`

function row(what: string, reads: Reads, fewer?: Reads): Row {
  const ratio = fewer && median(reads) / median(fewer)
  return {
    what,
    figure: '',
    latency: latency(median(reads), percentile(reads, 0.99)),
    ...(ratio && { ratio: `${short(ratio)}× the time`, targets: [atMost(FLAT_WITHIN, ratio, '×')] }),
  }
}

async function readBills(
  servers: Servers,
  world: World,
  { counters, live }: Setting,
  reads: number,
): Promise<Reads> {
  await servers.clear()
  const access = postgresAccess(world.db)
  const services = {
    ...world,
    access,
    catalog: postgresCatalog(world.db),
    accounts: new PostgresAccountStore(world.db),
    configs: new ConfigCache(access, world.clock),
    logKept: true,
    placeNew: async () => 0,
  }
  const { tenant } = await createTenant(
    services,
    { newId },
    { name: 'Bench', timezone: 'UTC', currency: 'USD', unmetered: 'refuse' },
  )
  const config = tenantConfig(tenant.id)
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
  await services.catalog.changePlan(tenant.id, 'default', {
    terms: onlyPrices([{ meter: METER, price: { model: 'per_unit', unit_amount: '0.01' } }]),
    seenVersion: 1,
  })
  const customers = counters / HOURS
  const endMs = Math.floor(Date.now() / HOUR_MS) * HOUR_MS
  const startMs = endMs - HOURS * HOUR_MS
  const event = (n: number) => counterEvent(n, customers, startMs)
  await fill(world, config, event, { from: 0, to: counters - live, settle: true })
  // As autovacuum does where it is on.
  await world.pool.query('vacuum analyze usage')
  await world.pool.query('analyze segments')
  await fill(world, config, event, { from: counters - live, to: counters, settle: false })

  const period = { from: new Date(startMs).toISOString(), to: new Date(endMs).toISOString() }
  const read = () => readOne(services, config, `customer_${Math.floor(Math.random() * customers)}`, period)
  for (let i = 0; i < reads / 4; i++) await read()
  const times: Reads = []
  for (let i = 0; i < reads; i++) {
    const startedAt = performance.now()
    await read()
    times.push(performance.now() - startedAt)
  }
  if (live > 0) await settleAll(world)
  return times
}

async function readOne(
  services: Parameters<typeof readBill>[0],
  config: TenantConfig,
  customerId: string,
  period: { from: string; to: string },
): Promise<void> {
  const bill = await readBill(services, config, { customerId, ...period })
  const got = bill.lines[0]!.quantity
  const wanted = text(decimal(QUANTITY).times(decimal(String(HOURS))))
  if (got !== wanted) throw new Error(`The bill of ${customerId} has ${got}, not ${wanted}`)
}
