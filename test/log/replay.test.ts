// Law 2: replaying gives the counters that live counting gave, for every aggregation, cut off anywhere, run twice or by two at once.

import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { fillJob } from '../../src/jobs/fill-job.ts'
import { rfc3339 } from '../../src/kernel/time.ts'
import { type FillServices, fillMeters } from '../../src/log/fill-meters.ts'
import { archiveMeter } from '../../src/metering/archive-meter.ts'
import { flush } from '../../src/metering/flush.ts'
import { aggregations } from '../../src/metering/meter.ts'
import { reconcile } from '../../src/metering/reconcile.ts'
import { cases } from '../support/effort.ts'
import type { Sent } from '../support/metering.ts'
import { type PostgresBackend, postgresBackends } from '../support/postgres.ts'
import { type RedisBackend, redisBackends } from '../support/redis.ts'
import { partitions } from '../support/two-databases.ts'
import { intercept } from '../support/world.ts'
import {
  addMeter,
  CUSTOMERS,
  FIRST_HOUR_MS,
  figures,
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
const settleAll = () => flush(world, { leaseMs: 0 })

const fromOf = (hour: number | null) =>
  hour === null ? 'beginning' : rfc3339(FIRST_HOUR_MS + hour * HOUR_MS)

const lateMeter = (aggregation: (typeof aggregations)[number], hour: number | null) =>
  meterInput({
    key: aggregation,
    aggregation,
    value: aggregation === 'count' ? 'quantity' : aggregation === 'unique_count' ? 'user' : 'v',
    group_by: aggregation === 'max' ? ['user'] : [],
    filter: aggregation === 'sum' ? [{ property: 'user', op: 'ne', value: 'u1' }] : [],
    counts_from: fromOf(hour),
  })

type Op =
  | { op: 'send'; events: { customer: number; hour: number; minute: number; v: number; user: number }[] }
  | { op: 'meter'; aggregation: (typeof aggregations)[number]; hour: number | null }
  | { op: 'settle' }
  | { op: 'fill'; steps: number; at: number; dies: 'before' | 'after' | 'never' }
  | { op: 'twoFill' }

const event = fc.record({
  customer: fc.nat(1),
  hour: fc.nat(HOURS - 1),
  minute: fc.nat(59),
  v: fc.integer({ min: 0, max: 5 }),
  user: fc.nat(2),
})
const op = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      op: fc.constant('send' as const),
      events: fc.array(event, { minLength: 1, maxLength: 6 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      op: fc.constant('meter' as const),
      aggregation: fc.constantFrom(...aggregations),
      hour: fc.option(fc.nat(HOURS - 1)),
    }),
  },
  { weight: 3, arbitrary: fc.record({ op: fc.constant('settle' as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      op: fc.constant('fill' as const),
      steps: fc.integer({ min: 1, max: 4 }),
      at: fc.integer({ min: 1, max: 9 }),
      dies: fc.constantFrom('before' as const, 'after' as const, 'never' as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('twoFill' as const) }) },
)

let ids = 0
const sentOf = ({
  customer,
  hour,
  minute,
  v,
  user,
}: {
  customer: number
  hour: number
  minute: number
  v: number
  user: number
}): Sent => ({
  id: `e${ids++}`,
  customer_id: CUSTOMERS[customer]!,
  // Of the hour that runs, what has passed of it.
  timestamp: rfc3339(Math.min(FIRST_HOUR_MS + hour * HOUR_MS + minute * 60_000, Date.now())),
  properties: { v, user: `u${user}` },
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

async function run(ops: Op[]): Promise<void> {
  await redis.client.flushdb()
  world = replayWorld(redis, postgres)
  const [late, always] = [await newTenant(world), await newTenant(world)]
  const added = new Map<string, number | null>()
  for (const { op, ...one } of ops)
    if (op === 'meter' && 'aggregation' in one && !added.has(one.aggregation))
      added.set(one.aggregation, one.hour)
  for (const tenant of [late, always]) await addMeter(world, tenant, meterInput({ key: 'all' }))
  for (const [aggregation, hour] of added)
    await addMeter(world, always, lateMeter(aggregation as 'sum', hour))
  // Of the one that had them from the beginning nothing is left to be filled, and so nothing is hidden.
  await fillAll(world)
  const made = new Set<string>(['all'])

  const agree = async () => {
    const [is, should] = [await figures(world, late), (await figures(world, always)).shown]
    const counted = (name: string) => made.has(name.split(' ')[1]!) && !is.incomplete.has(name.split(' ')[1]!)
    expect(is.shown).toEqual(Object.fromEntries(Object.entries(should).filter(([name]) => counted(name))))
  }
  for (const one of ops) {
    if (one.op === 'send') {
      const events = one.events.map(sentOf)
      for (const tenant of [late, always]) await sendTo(world, tenant, events)
    }
    if (one.op === 'meter') {
      await addMeter(world, late, lateMeter(one.aggregation, added.get(one.aggregation)!))
      made.add(one.aggregation)
    }
    if (one.op === 'settle') await settleAll()
    if (one.op === 'fill') await fillMeters(dyingAt(one.at, one.dies), { steps: one.steps }).catch(() => {})
    if (one.op === 'twoFill') await Promise.all([fillMeters(world), fillMeters(world)])
    await agree()
  }
  await settleAll()
  await fillAll(world)
  expect((await figures(world, late)).incomplete.size).toBe(0)
  await agree()
  // What is counted from the log was never accepted as that meter's: no account knows of it.
  const { meters } = await reconcile(world, await world.configs.load(late))
  expect(meters.map(({ reason }) => reason)).toEqual(meters.map(() => null))
}

describe('a meter that reaches back', () => {
  it('shows what it would have counted live, unless it says that it is incomplete', async () => {
    await fc.assert(fc.asyncProperty(fc.array(op, { minLength: 6, maxLength: 18 }), run), {
      ...cases(4, 12),
      endOnFailure: true,
    })
  }, 600_000)

  it('counts events from the instant on that it is to count from, sent before it or after', async () => {
    const tenant = await newTenant(world)
    await addMeter(world, tenant, meterInput({ key: 'all' }))
    const at = (hour: number) => rfc3339(FIRST_HOUR_MS + hour * HOUR_MS)
    await sendTo(world, tenant, [{ timestamp: at(0) }, { timestamp: at(1) }])
    await addMeter(world, tenant, meterInput({ key: 'late', counts_from: at(1) }))
    await sendTo(world, tenant, [{ timestamp: at(0) }, { timestamp: at(2) }])
    expect((await figures(world, tenant)).incomplete).toEqual(new Set(['late']))
    expect(await fillAll(world)).toEqual([])
    await settleAll()
    expect((await figures(world, tenant)).incomplete).toEqual(new Set(['late']))
    expect(await fillAll(world)).toEqual(['late'])
    const { shown, incomplete } = await figures(world, tenant)
    expect(incomplete.size).toBe(0)
    expect(shown).toEqual({
      [`alice all ${at(0)}`]: '2',
      [`alice all ${at(1)}`]: '1',
      [`alice all ${at(2)}`]: '1',
      [`alice late ${at(1)}`]: '1',
      [`alice late ${at(2)}`]: '1',
    })
    expect(await fillAll(world)).toEqual([])
  })

  it('leaves out events that it would have refused', async () => {
    const tenant = await newTenant(world)
    const timestamp = rfc3339(FIRST_HOUR_MS)
    await addMeter(world, tenant, meterInput({ key: 'all', aggregation: 'weighted_sum' }))
    await sendTo(world, tenant, [
      { timestamp, quantity: '-3' },
      { timestamp, quantity: '2', properties: { v: 'none' } },
      { timestamp, quantity: '4', properties: { v: 1 } },
    ])
    await settleAll()
    await addMeter(world, tenant, meterInput({ key: 'sum', aggregation: 'sum', counts_from: 'beginning' }))
    await addMeter(
      world,
      tenant,
      meterInput({ key: 'v', aggregation: 'sum', value: 'v', counts_from: 'beginning' }),
    )
    expect(await fillAll(world)).toEqual(['sum', 'v'])
    const { shown } = await figures(world, tenant)
    expect(shown).toMatchObject({ [`alice sum ${timestamp}`]: '6', [`alice v ${timestamp}`]: '1' })
  })

  it('that is filled is opened again by a segment that was recorded without it', async () => {
    const tenant = await newTenant(world)
    await addMeter(world, tenant, meterInput({ key: 'all' }))
    const before = await world.configs.load(tenant)
    await addMeter(world, tenant, meterInput({ key: 'late', counts_from: 'beginning' }))
    expect(await fillAll(world)).toEqual(['late'])
    // A counter store that was put back knows an older configuration, and so does one that calls it.
    await redis.client.flushdb()
    world.configs.put(before, Date.now() + 1)
    world.configs.forget(tenant)
    world.configs.put(before, Date.now())
    await sendTo(world, tenant, [{}])
    world.configs.forget(tenant)
    expect((await figures(world, tenant)).incomplete).toEqual(new Set(['late']))
    await settleAll()
    expect((await figures(world, tenant)).incomplete).toEqual(new Set(['late']))
    expect(await fillAll(world)).toEqual(['late'])
    expect(Object.values((await figures(world, tenant)).shown)).toEqual(['1', '1'])
  })

  it('and one that does not: both get what was recorded by a configuration from before them', async () => {
    const tenant = await newTenant(world)
    await addMeter(world, tenant, meterInput({ key: 'all' }))
    const before = await world.configs.load(tenant)
    const sentByOldConfig = async () => {
      world.configs.forget(tenant)
      world.configs.put(before, Date.now())
      await sendTo(world, tenant, [{}])
      world.configs.forget(tenant)
    }
    await sentByOldConfig()
    await settleAll()
    await sentByOldConfig()
    await addMeter(world, tenant, meterInput({ key: 'plain' }))
    await addMeter(world, tenant, meterInput({ key: 'late', counts_from: 'beginning' }))
    await settleAll()
    expect(await fillAll(world)).toEqual(['late'])
    expect(Object.values((await figures(world, tenant)).shown)).toEqual(['2', '2'])
    // A counter store that was put back knows no newer configuration.
    await redis.client.flushdb()
    await sentByOldConfig()
    await settleAll()
    expect((await figures(world, tenant)).incomplete).toEqual(new Set(['late', 'plain']))
    expect(await fillAll(world)).toEqual(['late', 'plain'])
    const { shown } = await figures(world, tenant)
    expect(Object.entries(shown).map(([name, value]) => [name.split(' ')[1], value])).toEqual([
      ['all', '3'],
      ['late', '3'],
      ['plain', '1'],
    ])
  })

  it('is filled by the next run of the jobs, though nothing is settled by it, and asked for until it is', async () => {
    const tenant = await newTenant(world)
    await addMeter(world, tenant, meterInput({ key: 'all' }))
    await sendTo(world, tenant, [{}])
    await settleAll()
    const asked = async () => (await settleAll()).toFill.sort((x, y) => x.partition - y.partition)
    expect(await asked()).toEqual([])
    await addMeter(world, tenant, meterInput({ key: 'plain' }))
    expect(await asked()).toEqual([])
    await addMeter(world, tenant, meterInput({ key: 'late', counts_from: 'beginning' }))
    const toFill = await asked()
    expect(toFill).toEqual(
      Array.from({ length: partitions() }, (_, partition) => ({ partition, asked: expect.any(String) })),
    )
    const broken = intercept(world.replays, () => Promise.reject(new Error('dead')))
    expect(await fillJob({ ...world, replays: broken }, () => {}, toFill)).toBe(null)
    expect(await asked()).toEqual(toFill)
    // Asked for again meanwhile: the one that is done is not the last one.
    await addMeter(world, tenant, meterInput({ key: 'later', counts_from: 'beginning' }))
    await fillJob(world, () => {}, toFill)
    const again = await asked()
    expect(again).toHaveLength(partitions())
    await fillJob(world, () => {}, again)
    expect(await asked()).toEqual([])
    expect((await figures(world, tenant)).incomplete.size).toBe(0)
  })

  it('that is archived owes nothing', async () => {
    const tenant = await newTenant(world)
    await addMeter(world, tenant, meterInput({ key: 'all' }))
    await sendTo(world, tenant, [{}])
    await settleAll()
    await addMeter(world, tenant, meterInput({ key: 'late', counts_from: 'beginning' }))
    await archiveMeter(world, { tenant: await world.configs.load(tenant) }, { key: 'late' })
    expect(await fillMeters(world)).toMatchObject({ blocks: 0, filled: [], more: false })
  })

  it('holds up no other by a block that can’t be read', async () => {
    const [broken, sound] = [await newTenant(world), await newTenant(world)]
    for (const tenant of [broken, sound]) {
      await addMeter(world, tenant, meterInput({ key: 'all' }))
      await sendTo(world, tenant, [{}])
    }
    await settleAll()
    await addMeter(world, broken, meterInput({ key: 'broken', counts_from: 'beginning' }))
    await addMeter(world, sound, meterInput({ key: 'sound', counts_from: 'beginning' }))
    const blocks = intercept(world.blocks!, async (name, call) => {
      const found = (await call()) as unknown[]
      return name === 'get' ? found.map(() => null) : found
    })
    const report = await fillMeters({ ...world, blocks: { ...blocks, kind: 'postgres' } as never })
    expect(report.failed.map(({ meter }) => meter).sort()).toEqual(['broken', 'sound'])
    expect(await fillAll(world)).toEqual(['broken', 'sound'])
  })
})
