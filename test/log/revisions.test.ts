// Revisions of meters: until one has all, everything is read as before; from then on, hours from its instant on are what a meter
// that always counted so has, and earlier ones what they were. Whatever is cut off, run twice, or recorded meanwhile.

import { sql } from 'drizzle-orm'
import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { text } from '../../src/kernel/decimal.ts'
import { newId } from '../../src/kernel/ids.ts'
import { rfc3339 } from '../../src/kernel/time.ts'
import { type FillServices, fillMeters } from '../../src/log/fill-meters.ts'
import { flush } from '../../src/metering/flush.ts'
import { type Aggregation, aggregations, type Meter } from '../../src/metering/meter.ts'
import { readHours } from '../../src/metering/read-hours.ts'
import { readSpans } from '../../src/metering/read-spans.ts'
import { readUsage } from '../../src/metering/read-usage.ts'
import { reconcile } from '../../src/metering/reconcile.ts'
import { cancelRevision, replayOf, reviseMeter, revisionOf } from '../../src/metering/revise-meter.ts'
import { revisionInputSchema } from '../../src/metering/revision-input.ts'
import { rows } from '../../src/stores/postgres/db.ts'
import type { Sent } from '../support/metering.ts'
import { type PostgresBackend, postgresBackends } from '../support/postgres.ts'
import { type RedisBackend, redisBackends } from '../support/redis.ts'
import { runs } from '../support/two-databases.ts'
import { intercept } from '../support/world.ts'
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
const END_MS = FIRST_HOUR_MS + (HOURS + 1) * HOUR_MS
const settleAll = () => flush(world, { leaseMs: 0 })

type Revision = Record<string, unknown> & { from: string }
const revise = async (tenantId: string, key: string, revision: Revision) => {
  const tenant = await world.configs.load(tenantId)
  const asked = revisionOf(tenant, { key, input: revisionInputSchema.parse(revision) })
  return reviseMeter(world, { tenant, newId }, asked)
}
const replay = async (tenantId: string, key: string, from: string) => {
  const tenant = await world.configs.load(tenantId)
  return reviseMeter(world, { tenant, newId }, replayOf(tenant, { key, input: { from } }))
}
const stateOf = async (tenant: string, key: string) =>
  (await world.catalog.listRevisions(tenant, key)).meters.map(({ revision }) => revision?.state ?? 'current')

/** Hour by hour and group by group, as one window, and as a span: by each way of reading. */
async function shown(tenantId: string, key: string, meter: Meter) {
  const config = await world.configs.load(tenantId)
  const hours = Array.from({ length: HOURS + 2 }, (_, i) => FIRST_HOUR_MS + i * HOUR_MS)
  const read = async (boundariesMs: number[], groupBy: string[]) => {
    const query = { customerIds: CUSTOMERS, meter: key, boundariesMs, groupBy }
    const { quantities, incomplete } = await readUsage(world, config, query)
    const rows = quantities.map(({ customerId, window, group, quantity }) => [
      `${customerId} ${window} ${JSON.stringify(group)}`,
      text(quantity),
    ])
    return { rows: Object.fromEntries(rows), incomplete: incomplete.size > 0 }
  }
  const whole = [FIRST_HOUR_MS, END_MS]
  const byHour = await read(hours, meter.groupBy)
  const span = { customerId: 'alice', meter: key, startMs: FIRST_HOUR_MS, endMs: END_MS, parts: [] }
  const [inSpan] = await readSpans(world, config, [span])
  const ofSpan = await readHours(world, config, { span, part: null }, { after: null, limit: 50 })
  return {
    incomplete: byHour.incomplete,
    byHour: byHour.rows,
    whole: (await read(whole, [])).rows,
    span: text(inSpan!.rest.quantity),
    hours: ofSpan.hours.map(({ bucketMs, quantity }) => [rfc3339(bucketMs), text(quantity)]),
  }
}

type Definition = { value: string; group_by: string[]; filter: unknown[] }
const first = (aggregation: Aggregation): Definition => ({
  value: aggregation === 'count' ? 'quantity' : aggregation === 'unique_count' ? 'user' : 'v',
  group_by: aggregation === 'max' ? ['user'] : [],
  filter: [],
})
/** What it is revised to: another filter, other groups, or another value, which some events lack. */
const second = (aggregation: Aggregation): Definition => {
  const { value, group_by } = first(aggregation)
  if (aggregation === 'weighted_sum') return { value, group_by, filter: [] }
  if (aggregation === 'sum' || aggregation === 'max') return { value: 'w', group_by: ['user'], filter: [] }
  if (aggregation === 'min') return { value, group_by: ['user', 'w'], filter: [] }
  return { value, group_by, filter: [{ property: 'user', op: 'ne', value: 'u1' }] }
}

type Op =
  | { op: 'send'; events: { customer: number; hour: number; v: number; user: number; w: boolean }[] }
  | { op: 'revise' }
  | { op: 'settle' }
  | { op: 'fill'; steps: number; at: number; dies: 'before' | 'after' | 'never' }
  | { op: 'twoFill' }
  | { op: 'oldConfig' }

const event = fc.record({
  customer: fc.nat(1),
  hour: fc.nat(HOURS - 1),
  v: fc.integer({ min: 0, max: 5 }),
  user: fc.nat(2),
  w: fc.boolean(),
})
const op: fc.Arbitrary<Op> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      op: fc.constant('send' as const),
      events: fc.array(event, { minLength: 1, maxLength: 6 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('revise' as const) }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constant('settle' as const) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      op: fc.constant('fill' as const),
      steps: fc.integer({ min: 1, max: 4 }),
      at: fc.integer({ min: 1, max: 9 }),
      dies: fc.constantFrom('before' as const, 'after' as const, 'never' as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('twoFill' as const) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('oldConfig' as const) }) },
)

let ids = 0
const sentOf = ({
  customer,
  hour,
  v,
  user,
  w,
}: {
  customer: number
  hour: number
  v: number
  user: number
  w: boolean
}): Sent => ({
  id: `e${ids++}`,
  customer_id: CUSTOMERS[customer]!,
  timestamp: rfc3339(Math.min(FIRST_HOUR_MS + hour * HOUR_MS + 600_000, Date.now())),
  properties: { v, user: `u${user}`, ...(w && { w: v + 1 }) },
})

/** Dies at its nth call to Postgres: before it was made, or after, without its answer. */
function dyingAt(at: number, dies: 'before' | 'after' | 'never'): FillServices {
  let calls = 0
  const around = async (_: string, call: () => Promise<unknown>) => {
    calls++
    if (dies === 'never' || calls < at) return call()
    if (dies === 'after' && calls === at) await call()
    throw new Error('dead')
  }
  return { ...world, replays: intercept(world.replays, around) }
}

async function run({ aggregation, hour, ops }: { aggregation: Aggregation; hour: number; ops: Op[] }) {
  await redis.client.flushdb()
  world = replayWorld(redis, postgres)
  const [revised, always] = [await newTenant(world), await newTenant(world)]
  const input = (key: string, of: Definition) =>
    meterInput({ key, aggregation, missing: of.value === 'w' ? 'skip' : 'refuse', ...(of as object) })
  await addMeter(world, revised, input('m', first(aggregation)))
  const old = await world.configs.load(revised)
  const before = await addMeter(world, always, input('before', first(aggregation)))
  const after = await addMeter(world, always, input('after', second(aggregation)))
  const changes = aggregation !== 'weighted_sum'
  let asked = false

  const agree = async () => {
    const isSwitched = (await stateOf(revised, 'm')).includes('replaced')
    const is = await shown(revised, 'm', isSwitched ? after : before)
    if (is.incomplete) {
      expect(isSwitched).toBe(true)
      return
    }
    if (!isSwitched) {
      expect(is).toEqual(await shown(always, 'before', before))
      return
    }
    const [earlier, later] = [await shown(always, 'before', before), await shown(always, 'after', after)]
    const isEarlier = (window: number) => window < hour
    const kept = (of: Record<string, string>, keep: (window: number) => boolean) =>
      Object.entries(of).filter(([name]) => keep(Number(name.split(' ')[1])))
    // Where the earlier one kept fewer groups apart, they are absent.
    const grouped = (name: string) => {
      const group = JSON.parse(name.split(' ')[2]!)
      const all = Object.fromEntries(after.groupBy.map((property) => [property, group[property] ?? null]))
      return `${name.split(' ').slice(0, 2).join(' ')} ${JSON.stringify(all)}`
    }
    const expected = [
      ...kept(earlier.byHour, isEarlier).map(([name, value]) => [grouped(name), value]),
      ...kept(later.byHour, (window) => !isEarlier(window)),
    ]
    expect(is.byHour).toEqual(Object.fromEntries(expected))
    expect(is.hours).toEqual([
      ...earlier.hours.filter(([start]) => start! < at(hour)),
      ...later.hours.filter(([start]) => start! >= at(hour)),
    ])
    expect(is.span).toBe(Object.entries(is.whole).find(([name]) => name.startsWith('alice'))?.[1] ?? '0')
    const sumOf = (customer: string) =>
      expected
        .filter(([name]) => name!.startsWith(customer))
        .reduce((sum, [, value]) => sum + Number(value), 0)
    if (['sum', 'count'].includes(aggregation))
      for (const [name, value] of Object.entries(is.whole))
        expect(Number(value)).toBe(sumOf(name.split(' ')[0]!))
    if (aggregation === 'weighted_sum') expect(is).toEqual(earlier)
  }
  for (const one of ops) {
    if (one.op === 'send') {
      const events = one.events.map(sentOf)
      for (const tenant of [revised, always]) await sendTo(world, tenant, events)
    }
    if (one.op === 'revise' && !asked) {
      asked = true
      if (changes)
        await revise(revised, 'm', {
          from: at(hour),
          missing: second(aggregation).value === 'w' ? 'skip' : 'refuse',
          ...second(aggregation),
        })
      else await replay(revised, 'm', at(hour))
    }
    if (one.op === 'settle') await settleAll()
    if (one.op === 'fill') await fillMeters(dyingAt(one.at, one.dies), { steps: one.steps }).catch(() => {})
    if (one.op === 'twoFill') await Promise.all([fillMeters(world), fillMeters(world)])
    if (one.op === 'oldConfig') {
      // A counter store that knows of no newer configuration, and a server that has an older one.
      const events = [sentOf({ customer: 0, hour: 3, v: 2, user: 0, w: true })]
      await settleAll()
      await redis.client.flushdb()
      world.configs.forget(revised)
      world.configs.put(old, Date.now())
      for (const tenant of [revised, always]) await sendTo(world, tenant, events)
      world.configs.forget(revised)
    }
    await agree()
  }
  if (!asked) return
  await settleAll()
  await fillAll(world)
  expect(await stateOf(revised, 'm')).toEqual(['replaced', 'current'])
  await agree()
  expect((await shown(revised, 'm', after)).incomplete).toBe(false)
}

describe('a revision', () => {
  it('is read as if it had always been, from its instant on, once it has all; before that nothing changes', async () => {
    const schedule = fc.record({
      aggregation: fc.constantFrom(...aggregations),
      hour: fc.nat(HOURS - 1),
      ops: fc.array(op, { minLength: 6, maxLength: 16 }).map((ops) => {
        const middle = Math.floor(ops.length / 2)
        return [...ops.slice(0, middle), { op: 'revise' as const }, ...ops.slice(middle)]
      }),
    })
    await fc.assert(fc.asyncProperty(schedule, run), {
      numRuns: runs(Number(process.env.REPLAY_RUNS ?? 8)),
      endOnFailure: true,
    })
  }, 600_000)

  it('refuses no event before it counts, and what it replaced refuses none of its hours', async () => {
    const tenant = await newTenant(world)
    const plain = await addMeter(world, tenant, meterInput({ key: 'm', aggregation: 'sum', value: 'v' }))
    await revise(tenant, 'm', { from: at(1), value: 'w' })
    await sendTo(world, tenant, [{ timestamp: at(2), properties: { v: 1 } }])
    await settleAll()
    expect(await fillAll(world)).toEqual(['m'])
    await sendTo(world, tenant, [
      { timestamp: at(2), properties: { w: 2 } },
      { timestamp: at(0), properties: { v: 3 } },
    ])
    await expect(sendTo(world, tenant, [{ timestamp: at(2), properties: { v: 1 } }])).rejects.toMatchObject({
      code: 'validation_failed',
    })
    await expect(sendTo(world, tenant, [{ timestamp: at(0), properties: { w: 1 } }])).rejects.toMatchObject({
      code: 'validation_failed',
    })
    expect((await shown(tenant, 'm', plain)).hours).toEqual([
      [at(0), '3'],
      [at(2), '2'],
    ])
  })

  it('is cancelled as long as it is filled, and then nothing is read from it', async () => {
    const tenant = await newTenant(world)
    const plain = await addMeter(world, tenant, meterInput({ key: 'm' }))
    await sendTo(world, tenant, [{}])
    await settleAll()
    await revise(tenant, 'm', { from: 'beginning', group_by: ['user'] })
    await sendTo(world, tenant, [{}])
    const context = { tenant: await world.configs.load(tenant) }
    await cancelRevision(world, context, { key: 'm', number: 1 })
    await cancelRevision(world, context, { key: 'm', number: 1 })
    await settleAll()
    expect(await fillAll(world)).toEqual([])
    expect((await shown(tenant, 'm', plain)).whole).toEqual({ 'alice 0 {}': '2' })
    await revise(tenant, 'm', { from: 'beginning', group_by: ['user'] })
    await fillAll(world)
    expect(await stateOf(tenant, 'm')).toEqual(['replaced', 'cancelled', 'current'])
    await expect(cancelRevision(world, context, { key: 'm', number: 2 })).rejects.toMatchObject({
      code: 'state_conflict',
    })
    expect((await shown(tenant, 'm', plain)).whole).toEqual({ 'alice 0 {}': '2' })
  })

  it('after another, of earlier or later hours: each hour is read from the last one that is for it', async () => {
    const tenant = await newTenant(world)
    const plain = await addMeter(world, tenant, meterInput({ key: 'm', aggregation: 'sum', value: 'a' }))
    const events = [0, 1, 2, 3].map((hour) => ({
      timestamp: rfc3339(Math.min(FIRST_HOUR_MS + hour * HOUR_MS, Date.now())),
      properties: { a: 1, b: 10, c: 100, d: 1000 },
    }))
    await sendTo(world, tenant, events)
    await settleAll()
    const values = async () => (await shown(tenant, 'm', plain)).hours.map(([, value]) => value)
    const then = async (value: string, hour: number) => {
      await revise(tenant, 'm', { from: at(hour), value })
      await fillAll(world)
      return values()
    }
    expect(await then('b', 2)).toEqual(['1', '1', '10', '10'])
    expect(await then('c', 3)).toEqual(['1', '1', '10', '100'])
    expect(await then('d', 1)).toEqual(['1', '1000', '1000', '1000'])
    expect(await then('a', 2)).toEqual(['1', '1000', '1', '1'])
    await sendTo(world, tenant, events)
    expect(await values()).toEqual(['2', '2000', '2', '2'])
    const { meters } = await reconcile(world, await world.configs.load(tenant))
    expect(meters.map(({ reason }) => reason)).toEqual(meters.map(() => null))
  })

  it('has issued invoices that bill hours of it looked at again, once it is read', async () => {
    const tenant = await newTenant(world)
    await addMeter(world, tenant, meterInput({ key: 'm' }))
    await sendTo(world, tenant, [{ timestamp: at(1) }])
    await settleAll()
    const invoice = (customer: string, hour: number, status: string, meter: string) =>
      rows(
        postgres.db,
        sql`with account as (
            insert into accounts (tenant_id, customer_id, version) values (${tenant}::uuid, ${customer}, 1) returning 1
          )
          insert into invoices (tenant_id, id, customer_id, subscription_id, sequence, status, period_start, period_end, currency,
            usage_final, created_at, state)
          values (${tenant}::uuid, ${newId()}::uuid, ${customer}, ${newId()}::uuid, 1, ${status}, ${at(hour)}::timestamptz,
            ${at(hour + 2)}::timestamptz, 'USD', true, now(),
            ${JSON.stringify({ lines: [{ kind: 'usage', meter }] })}::jsonb)`,
      )
    await invoice('early', 0, 'open', 'm')
    await invoice('billed', 1, 'paid', 'm')
    await invoice('draft', 1, 'draft', 'm')
    await invoice('other', 1, 'open', 'other')
    const recounts = () =>
      rows<{ customer_id: string; from_at: string; to_at: string }>(
        postgres.db,
        sql`select customer_id, to_json(from_at at time zone 'UTC') #>> '{}' as from_at, to_json(to_at at time zone 'UTC') #>> '{}' as to_at
          from recounts where tenant_id = ${tenant}::uuid`,
      )
    await revise(tenant, 'm', { from: at(2), group_by: ['user'] })
    expect(await recounts()).toEqual([])
    await fillAll(world)
    const local = (hour: number) => at(hour).slice(0, 19)
    expect(await recounts()).toEqual([{ customer_id: 'billed', from_at: local(2), to_at: local(3) }])
  })

  it('counts anew what was lost, or came before the meter', async () => {
    const tenant = await newTenant(world)
    await addMeter(world, tenant, meterInput({ key: 'other' }))
    await sendTo(world, tenant, [{ timestamp: at(0) }, { timestamp: at(1) }])
    const late = await addMeter(world, tenant, meterInput({ key: 'm' }))
    await sendTo(world, tenant, [{ timestamp: at(1) }])
    await settleAll()
    expect((await shown(tenant, 'm', late)).hours).toEqual([[at(1), '1']])
    await replay(tenant, 'm', at(1))
    await fillAll(world)
    expect((await shown(tenant, 'm', late)).hours).toEqual([[at(1), '2']])
    await replay(tenant, 'm', 'beginning')
    await fillAll(world)
    expect((await shown(tenant, 'm', late)).hours).toEqual([
      [at(0), '1'],
      [at(1), '2'],
    ])
  })
})
