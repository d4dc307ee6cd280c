// A dry run changes nothing, and what it says is what then becomes of totals and bills: of every aggregation, with groups, filters,
// corrections and history, whatever of it is settled.

import { sql } from 'drizzle-orm'
import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createPlan } from '../../src/billing/create-plan.ts'
import { effectOfCounting } from '../../src/billing/invoices/effect-of-counting.ts'
import { planInputSchema } from '../../src/billing/plan.ts'
import { readBill } from '../../src/billing/read-bill.ts'
import { defaultBillingSettings } from '../../src/billing/settings.ts'
import { text } from '../../src/kernel/decimal.ts'
import { newId } from '../../src/kernel/ids.ts'
import { rfc3339 } from '../../src/kernel/time.ts'
import { countUnmade } from '../../src/log/dry-count.ts'
import { fillMeters } from '../../src/log/fill-meters.ts'
import { type AsItWouldBe, withMeter, withRevision } from '../../src/metering/as-revised.ts'
import { createMeter, tryMeter } from '../../src/metering/create-meter.ts'
import { type Aggregation, aggregations } from '../../src/metering/meter.ts'
import { readUsage } from '../../src/metering/read-usage.ts'
import { reviseMeter, revisionOf, tryRevision } from '../../src/metering/revise-meter.ts'
import { revisionInputSchema } from '../../src/metering/revision-input.ts'
import { PostgresAccountStore } from '../../src/stores/postgres/account-store.ts'
import { rows } from '../../src/stores/postgres/db.ts'
import type { Sent } from '../support/metering.ts'
import { type PostgresBackend, postgresBackends } from '../support/postgres.ts'
import { type RedisBackend, redisBackends } from '../support/redis.ts'
import { runs } from '../support/two-databases.ts'
import { correctOne, settleAll } from './correcting.ts'
import {
  addMeter,
  CUSTOMERS,
  FIRST_HOUR_MS,
  fillAll,
  HOURS,
  meterInput,
  newTenant,
  type ReplayWorld,
  replayWorld,
  sendTo,
} from './replaying.ts'

let redis: RedisBackend
let postgres: PostgresBackend
let world: ReplayWorld

beforeAll(async () => {
  ;[redis, postgres] = await Promise.all([redisBackends[0]!.open(), postgresBackends[0]!.open()])
})
afterAll(() => Promise.all([redis.close(), postgres.close()]))
beforeEach(async () => {
  await redis.client.flushdb()
  world = replayWorld(redis, postgres)
})

const HOUR_MS = 3_600_000
const at = (hour: number) => rfc3339(FIRST_HOUR_MS + hour * HOUR_MS)
const services = () => ({
  ...world,
  accounts: new PostgresAccountStore(postgres.db),
  billing: defaultBillingSettings,
})

async function settleAndFill(): Promise<void> {
  await settleAll(world)
  await fillAll(world)
}

const meteredBy = (aggregation: Aggregation) =>
  aggregation === 'count' ? 'quantity' : aggregation === 'unique_count' ? 'user' : 'v'

/** Another value, groups, or a filter: as much of it as the aggregation can be revised to. */
const revised = (aggregation: Aggregation) => ({
  ...(aggregation === 'count' || aggregation === 'unique_count' ? {} : { value: 'w' }),
  group_by: ['user'],
  ...(aggregation !== 'sum' && { filter: [{ property: 'user', op: 'ne', value: 'u1' }] }),
})

const event = fc.record({
  customer: fc.nat(1),
  hour: fc.nat(HOURS - 1),
  v: fc.integer({ min: 0, max: 5 }),
  user: fc.nat(2),
  w: fc.boolean(),
  history: fc.boolean(),
})
type Drawn = typeof event extends fc.Arbitrary<infer T> ? T : never
const part = fc.record({
  events: fc.array(event, { minLength: 1, maxLength: 6 }),
  settle: fc.boolean(),
})
const correction = fc.record({
  of: fc.nat(30),
  to: fc.constantFrom('gone', 'other customer', 'other value', 'earlier'),
})

let ids = 0
const sentOf = ({ customer, hour, v, user, w }: Drawn): Sent => ({
  id: `e${ids++}`,
  customer_id: CUSTOMERS[customer]!,
  timestamp: rfc3339(Math.min(FIRST_HOUR_MS + hour * HOUR_MS + 600_000, Date.now())),
  properties: { v, user: `u${user}`, ...(w && { w: v + 1 }) },
})

const changeTo = (to: string) =>
  ({
    gone: null,
    'other customer': { customerId: 'bob' },
    'other value': { properties: { v: 9, w: 7, user: 'u2' } },
    earlier: { timestampMs: FIRST_HOUR_MS + 1 },
  })[to] ?? null

/** What all that there is comes to, row by row, to see that nothing has changed. */
const everything = async (tenantId: string) =>
  rows(
    postgres.db,
    sql`select (select count(*) from meters where tenant_id = ${tenantId}::uuid)::text as meters,
      (select config_version from tenants where id = ${tenantId}::uuid)::text as version,
      (select json_agg(u order by u::text) from usage as u where tenant_id = ${tenantId}::uuid)::text as usage`,
  )

/** By customer. */
async function shown(tenantId: string, key: string, boundariesMs: number[]) {
  const tenant = await world.configs.load(tenantId)
  const query = { customerIds: CUSTOMERS, meter: key, boundariesMs, groupBy: [], history: true }
  const { quantities } = await readUsage(world, tenant, query)
  const totals = new Map(quantities.map(({ customerId, quantity }) => [customerId, text(quantity)]))
  const bills = await Promise.all(
    CUSTOMERS.map(async (customerId) => {
      const bill = await readBill(services(), tenant, { customerId }).catch(() => null)
      return [customerId, bill?.total ?? '0.00'] as const
    }),
  )
  return { totals, bills: new Map(bills) }
}

async function dryRun(tenantId: string, would: AsItWouldBe) {
  const tenant = await world.configs.load(tenantId)
  const unchanged = await everything(tenantId)
  const counted = await countUnmade(world, { ...would, customers: 500 })
  const effect = await effectOfCounting(services(), tenant, { would, counted })
  expect(await everything(tenantId)).toEqual(unchanged)
  return { counted, effect }
}

async function sentTo(tenantId: string, parts: { events: Drawn[]; settle: boolean }[]): Promise<Sent[]> {
  const sent: Sent[] = []
  for (const { events, settle } of parts) {
    for (const one of events) {
      const made = sentOf(one)
      sent.push(made)
      await sendTo(world, tenantId, [made], one.history)
    }
    if (settle) await settleAll(world)
  }
  return sent
}

async function asSaid(
  tenantId: string,
  key: string,
  { effect }: Awaited<ReturnType<typeof dryRun>>,
  before: Awaited<ReturnType<typeof shown>>,
) {
  const after = await shown(tenantId, key, [effect.fromMs, effect.toMs])
  for (const customer of CUSTOMERS) {
    const total = effect.totals.find(({ customerId }) => customerId === customer)
    const was = before.totals.get(customer) ?? '0'
    const is = after.totals.get(customer) ?? '0'
    expect([total?.before ?? was, total?.after ?? was]).toEqual([was, is])
    const bills = effect.money.customers.find(({ customerId }) => customerId === customer)?.bills ?? []
    const bill = before.bills.get(customer)!
    expect([bills[0]?.amountBefore ?? bill, bills[0]?.amountAfter ?? bill]).toEqual([
      bill,
      after.bills.get(customer),
    ])
  }
}

describe('a dry run', () => {
  it.each(aggregations)('of a revision of a %s says what it then is', async (aggregation) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(part, { minLength: 1, maxLength: 4 }),
        fc.array(correction, { maxLength: 3 }),
        fc.integer({ min: -1, max: HOURS - 1 }),
        async (parts, corrections, hour) => {
          await redis.client.flushdb()
          const tenantId = await newTenant(world)
          await addMeter(
            world,
            tenantId,
            meterInput({ key: 'm', aggregation, value: meteredBy(aggregation) }),
          )
          const tenant = await world.configs.load(tenantId)
          const prices = [{ meter: 'm', price: { model: 'per_unit', unit_amount: '1.5' } }]
          await createPlan(
            services(),
            { tenant },
            planInputSchema.parse({ key: 'pro', currency: 'USD', default: true, prices }),
          )
          const sent = await sentTo(tenantId, parts)
          for (const { of, to } of corrections)
            await correctOne(world, tenantId, sent[of % sent.length]!.id!, changeTo(to)).catch(() => {})
          // A level can have another value or filter from the beginning only.
          const from = hour < 0 || aggregation === 'weighted_sum' ? 'beginning' : at(hour)
          const input = revisionInputSchema.parse({ from, ...revised(aggregation) })
          const asked = revisionOf(tenant, { key: 'm', input })
          const { meter, wanted } = await tryRevision(world, tenantId, asked)
          const told = await dryRun(tenantId, withRevision(await world.configs.load(tenantId), meter, wanted))
          const before = await shown(tenantId, 'm', [told.effect.fromMs, told.effect.toMs])
          await reviseMeter(world, { tenant, newId }, asked)
          await settleAndFill()
          expect((await world.catalog.listRevisions(tenantId, 'm')).meters.at(-1)!.revision!.state).toBe(
            'current',
          )
          world.configs.forget(tenantId)
          await asSaid(tenantId, 'm', told, before)
        },
      ),
      { numRuns: runs(5) },
    )
  })

  it.each(aggregations)('of a new %s that reaches back says what it then has', async (aggregation) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(part, { minLength: 1, maxLength: 4 }),
        fc.array(correction, { maxLength: 3 }),
        fc.integer({ min: -1, max: HOURS - 1 }),
        async (parts, corrections, hour) => {
          await redis.client.flushdb()
          const tenantId = await newTenant(world)
          await addMeter(world, tenantId, meterInput({ key: 'first' }))
          const sent = await sentTo(tenantId, parts)
          for (const { of, to } of corrections)
            await correctOne(world, tenantId, sent[of % sent.length]!.id!, changeTo(to)).catch(() => {})
          const input = meterInput({
            ...{ key: 'm', aggregation, value: meteredBy(aggregation), group_by: ['user', 'w'] },
            counts_from: hour < 0 ? 'beginning' : at(hour),
            filter: [{ property: 'user', op: 'ne', value: 'u0' }],
          })
          const tenant = await world.configs.load(tenantId)
          const made = await tryMeter(world, tenant, input)
          const told = await dryRun(tenantId, withMeter(tenant, made!))
          expect(told.effect.money.customers).toEqual([])
          await createMeter(world, { tenant, newId }, input)
          await settleAll(world)
          let events = 0
          for (let more = true; more; ) {
            const report = await fillMeters(world)
            events += report.events
            more = report.more
          }
          expect(told.counted.events).toBe(events)
          world.configs.forget(tenantId)
          const after = await shown(tenantId, 'm', [told.effect.fromMs, told.effect.toMs])
          const totals = told.effect.totals.map(({ customerId, after: is }) => [customerId, is])
          expect(totals).toEqual([...after.totals].filter(([, is]) => is !== '0'))
        },
      ),
      { numRuns: runs(4) },
    )
  })
})
