// A real month: customers with 15 counters in each hour of it, written in the order in which hours settle, beside customers with 15
// rows in all; levels with a long history; many distinct values. What is read is the usage of a bill, as bills and closing read it.

import { sql } from 'drizzle-orm'
import { digest128 } from '../src/kernel/digest.ts'
import { HOUR_MS } from '../src/kernel/time.ts'
import type { Counter, Merge } from '../src/metering/counter.ts'
import type { UsageSpan } from '../src/metering/ports.ts'
import { daysIn } from '../src/metering/span-days.ts'
import { rows } from '../src/stores/postgres/db.ts'
import { spansStatement } from '../src/stores/postgres/usage-spans.ts'
import { inTurn, median, medianRatio, percentile, seconds } from './measure.ts'
import type { Options } from './options.ts'
import { atMost, inSeconds, latency, type Row, type Section, short, whole } from './report.ts'
import type { Servers } from './servers.ts'
import { openWorld, type World } from './world.ts'

const COUNTERS = 15
const MONTH = { startMs: Date.UTC(2026, 9, 1), endMs: Date.UTC(2026, 10, 1) }
const HOURS = (MONTH.endMs - MONTH.startMs) / HOUR_MS
const YEARS = 5
/** As closing reads them. */
const CUSTOMERS_AT_ONCE = 25

export async function benchMonth(servers: Servers, { quick }: Options): Promise<Section[]> {
  await servers.clear()
  const world = openWorld(servers)
  const tenantId = crypto.randomUUID()
  try {
    await world.pool.query(
      `insert into tenants (id, name, timezone, currency) values ($1, 'Bench', 'UTC', 'USD')`,
      [tenantId],
    )
    const customers = quick ? 30 : 100
    const heavy = (n: number) => `heavy_${n % customers}`
    const small = (n: number) => `small_${n % customers}`
    for (let hour = 0; hour < HOURS; hour++)
      await settle(
        world,
        Array.from({ length: customers * COUNTERS }, (_, i) =>
          counter(tenantId, heavy(i), meter(customers, i), hour),
        ),
      )
    for (let n = 0; n < customers; n++)
      await settle(
        world,
        Array.from({ length: COUNTERS }, (_, i) =>
          counter(tenantId, small(n), `meter_${i}`, (n * 7) % HOURS),
        ),
      )
    await world.pool.query('vacuum analyze usage, usage_days, usage_values')
    const size = await bytes(world)
    const reads = quick ? 20 : 100
    const bill = (customer: string) => () => ms(() => read(world, tenantId, spansOf([customer])))
    const many = (of: (n: number) => string) => () =>
      ms(() => read(world, tenantId, spansOf(Array.from({ length: CUSTOMERS_AT_ONCE }, (_, n) => of(n)))))
    const bills = await inTurn({ heavy: bill(heavy(3)), small: bill(small(3)) }, reads)
    const closing = await inTurn({ heavy: many(heavy), small: many(small) }, reads / 2)
    const compared = (
      what: string,
      { heavy, small }: Record<'heavy' | 'small', number[]>,
      most: number,
    ): Row => {
      const times = medianRatio(heavy, small)
      return {
        what,
        ratio: `${short(times)}× the time`,
        figure: `${short(median(heavy))} ms`,
        naive: `${short(median(small))} ms`,
        latency: latency(median(heavy), percentile(heavy, 0.99)),
        targets: [atMost(most, times, '× the time')],
      }
    }
    const pages = await pagesOf(world, tenantId, heavy(3))
    const month = [
      compared(`the usage of a bill; beside: of one with ${COUNTERS} rows`, bills, 1.5),
      compared(`of ${CUSTOMERS_AT_ONCE} customers at once, as closing reads it`, closing, 3),
      {
        what: 'pages that Postgres touches for a bill',
        figure: whole(pages),
        targets: [atMost(150, pages, ' pages')],
      },
      {
        what: 'bytes a customer and month: days, and hours beside them',
        figure: `${whole(size.days / customers)} and ${whole(size.hours / customers)}`,
        targets: [atMost(160_000, Math.round(size.days / customers), ' bytes')],
      },
    ]
    return [
      {
        title: `A month of ${COUNTERS} counters in each of ${HOURS} hours, ${whole(customers)} customers`,
        rows: month,
      },
      {
        title: 'Levels, and distinct values',
        rows: [await levels(world, tenantId, reads), await distinct(world, tenantId, quick)],
      },
      { title: 'Settling: with days, and without', rows: [await settling(world, tenantId, quick)] },
    ]
  } finally {
    await world.pool.query('delete from tenants where id = $1', [tenantId])
    await world.close()
  }
}

/** Every customer has every meter: counter i of an hour is customer i mod n's. */
const meter = (customers: number, i: number): string => `meter_${Math.floor(i / customers)}`

const counter = (
  tenantId: string,
  customerId: string,
  named: string,
  hour: number,
  merge: Merge = 'add',
): Counter => ({
  ...{ tenantId, customerId, meter: named, merge, groups: '[]', distinctValue: '', a: '0.1', b: '1' },
  bucketMs: MONTH.startMs + hour * HOUR_MS,
})

async function settle(world: World, counters: Counter[]): Promise<void> {
  const segment = { id: crypto.randomUUID(), partition: 0, bornMs: 0, quarantined: null, offer: '' }
  const order = ({ customerId, meter }: Counter) => `${customerId} ${meter}`
  await world.usage.settle(
    segment,
    counters.toSorted((a, b) => (order(a) < order(b) ? -1 : 1)),
  )
}

const spanOf = (customerId: string, named: string, { startMs, endMs } = MONTH, level = false): UsageSpan => ({
  ...{ customerId, meter: named, startMs, endMs, level, distinct: named === 'users', parts: [] },
  days: daysIn('UTC', startMs, endMs),
})

const spansOf = (customers: string[]): UsageSpan[] =>
  customers.flatMap((customer) => Array.from({ length: COUNTERS }, (_, i) => spanOf(customer, `meter_${i}`)))

async function read(world: World, tenantId: string, spans: UsageSpan[]): Promise<void> {
  const found = await world.usage.spanTotals(tenantId, spans, [])
  if (found.length !== spans.length) throw new Error(`${found.length} of ${spans.length} spans have usage`)
}

const ms = async (work: () => Promise<unknown>): Promise<number> => (await seconds(work)) * 1000

async function pagesOf(world: World, tenantId: string, customer: string): Promise<number> {
  const plan = await rows<{ 'QUERY PLAN': string }>(
    world.db,
    sql`explain (analyze, buffers, timing off) ${spansStatement(tenantId, spansOf([customer]), [])}`,
  )
  const touched = /Buffers: shared hit=(\d+)(?: read=(\d+))?/.exec(
    plan.map((line) => line['QUERY PLAN']).join('\n'),
  )!
  return Number(touched[1]) + Number(touched[2] ?? 0)
}

async function bytes({ pool }: World): Promise<{ days: number; hours: number }> {
  const { rows: found } = await pool.query(
    `select pg_total_relation_size('usage_days')::bigint + pg_total_relation_size('usage_values') as days, pg_total_relation_size('usage')::bigint as hours`,
  )
  return { days: Number(found[0].days), hours: Number(found[0].hours) }
}

/** The level of the last month, after hourly changes all that time. */
async function levels(world: World, tenantId: string, reads: number): Promise<Row> {
  const hours = YEARS * 365 * 24
  for (const [customer, count] of [
    ['long', hours],
    ['short', HOURS],
  ] as const)
    for (let from = HOURS - count; from < HOURS; from += 5_000)
      await settle(
        world,
        Array.from({ length: Math.min(5_000, HOURS - from) }, (_, i) =>
          counter(tenantId, customer, 'level', from + i),
        ),
      )
  await world.pool.query('vacuum analyze usage, usage_days, usage_values')
  const span = (customer: string) => () =>
    ms(() => world.usage.spanTotals(tenantId, [spanOf(customer, 'level', MONTH, true)], []))
  const found = await inTurn({ long: span('long'), short: span('short') }, reads)
  const times = medianRatio(found.long, found.short)
  return {
    what: `a level of ${YEARS} years of hourly changes; beside: of a month`,
    ratio: `${short(times)}× the time`,
    figure: `${short(median(found.long))} ms`,
    naive: `${short(median(found.short))} ms`,
    targets: [atMost(1.2, times, '× the time')],
  }
}

async function distinct(world: World, tenantId: string, quick: boolean): Promise<Row> {
  const values = quick ? 100_000 : 1_000_000
  for (let from = 0; from < values; from += 5_000)
    await settle(
      world,
      Array.from({ length: 5_000 }, (_, i) => ({
        ...counter(tenantId, 'many', 'users', Math.floor(((from + i) / values) * HOURS), 'once'),
        distinctValue: digest128(String(from + i)),
      })),
    )
  await world.pool.query('vacuum analyze usage, usage_days, usage_values')
  const times: number[] = []
  for (let i = 0; i < 7; i++) times.push(await ms(() => read(world, tenantId, [spanOf('many', 'users')])))
  return {
    what: `${whole(values)} distinct values of one customer in a month`,
    figure: `${short(median(times))} ms`,
    targets: [atMost(300, median(times), ' ms')],
  }
}

/** As the benchmark of settling does: 200 customers, one hour after another. */
async function settling(world: World, tenantId: string, quick: boolean): Promise<Row> {
  const [customers, hours] = [200, 50]
  let round = 0
  const settled = async () => {
    const counters = Array.from({ length: customers * hours }, (_, i) =>
      counter(tenantId, `round_${round}_${i % customers}`, 'meter_0', Math.floor(i / customers)),
    )
    round++
    return await seconds(() => settle(world, counters))
  }
  const without = async () => {
    await world.pool.query('alter table usage disable trigger user')
    return await settled().finally(() => world.pool.query('alter table usage enable trigger user'))
  }
  const found = await inTurn({ with: settled, without }, quick ? 3 : 15)
  const times = medianRatio(found.with, found.without)
  return {
    what: `${whole(customers * hours)} counters, ${hours} hours of ${customers} customers`,
    ratio: `${short(times)}× the time`,
    figure: inSeconds(median(found.with)),
    naive: inSeconds(median(found.without)),
    targets: [atMost(1.6, times, '× the time')],
  }
}
