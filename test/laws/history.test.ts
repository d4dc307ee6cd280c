// Usage that is imported as history is counted as all usage is, and no bill can see it: with it a tenant has what one has who
// counted everything live, and without it what one has who was never sent it.

import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { text } from '../../src/kernel/decimal.ts'
import { rfc3339 } from '../../src/kernel/time.ts'
import { describeEvents } from '../../src/log/describe-event.ts'
import { fillMeters } from '../../src/log/fill-meters.ts'
import { flush } from '../../src/metering/flush.ts'
import { HISTORY_MAX_AGE_MS } from '../../src/metering/limits.ts'
import { aggregations } from '../../src/metering/meter.ts'
import { readSpans } from '../../src/metering/read-spans.ts'
import { reconcile } from '../../src/metering/reconcile.ts'
import { recordUsage } from '../../src/metering/record-usage.ts'
import { RedisCounterStore } from '../../src/stores/redis/counter-store.ts'
import {
  addMeter,
  CUSTOMERS,
  FIRST_HOUR_MS,
  figures,
  HOURS,
  meterInput,
  newTenant,
  type ReplayWorld,
  replayWorld,
} from '../log/replaying.ts'
import { logOf } from '../support/log.ts'
import { type PostgresBackend, postgresBackends } from '../support/postgres.ts'
import { type RedisBackend, redisBackends } from '../support/redis.ts'
import { runs } from '../support/two-databases.ts'

const HOUR_MS = 3_600_000

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

type Step =
  | {
      step: 'send'
      history: boolean
      customer: number
      hour: number
      minute: number
      v: number
      user: number
    }
  | { step: 'settle' }

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      step: fc.constant('send' as const),
      history: fc.boolean(),
      customer: fc.nat(1),
      hour: fc.nat(HOURS - 1),
      minute: fc.nat(59),
      v: fc.integer({ min: 0, max: 5 }),
      user: fc.nat(2),
    }),
  },
  { weight: 1, arbitrary: fc.record({ step: fc.constant('settle' as const) }) },
)

const meterOf = (aggregation: (typeof aggregations)[number]) =>
  meterInput({
    key: aggregation,
    aggregation,
    value: aggregation === 'count' ? 'quantity' : aggregation === 'unique_count' ? 'user' : 'v',
    group_by: aggregation === 'sum' ? ['user'] : [],
    counts_from: 'beginning',
  })

async function record(tenantId: string, events: object[], history = false) {
  return recordUsage(world, await world.configs.load(tenantId), {
    events: events.map((sent) => ({ sent, pointer: '#' })),
    handling: 'lenient',
    history,
  })
}

const settle = () => flush(world, { leaseMs: 0 })

/** What invoices read: a span of each customer and meter, by group where the meter has any. */
async function spans(tenantId: string, history: boolean) {
  const asked = CUSTOMERS.flatMap((customerId) =>
    aggregations.map((meter) => ({
      ...{ customerId, meter, startMs: FIRST_HOUR_MS + HOUR_MS, endMs: FIRST_HOUR_MS + HOURS * HOUR_MS },
      parts: meter === 'sum' ? [{ user: 'u0' }, { user: 'u1' }] : [],
    })),
  )
  const found = await readSpans(world, await world.configs.load(tenantId), asked, { history })
  return found.map(({ parts, rest }, i) => [
    `${asked[i]!.customerId} ${asked[i]!.meter}`,
    ...[...parts, rest].map(({ quantity, events }) => `${text(quantity)} of ${text(events)}`),
  ])
}

describe('history', () => {
  it('is all of usage, and nothing of bills, for every aggregation, live, settled and counted from the log', () =>
    fc.assert(
      fc.asyncProperty(fc.array(anyStep, { minLength: 1, maxLength: 12 }), async (steps) => {
        await redis.client.flushdb()
        const [mixed, all, live] = await Promise.all([newTenant(world), newTenant(world), newTenant(world)])
        for (const [i, aggregation] of aggregations.entries()) {
          for (const tenant of [all, live]) await addMeter(world, tenant, meterOf(aggregation))
          if (i % 2 === 0) await addMeter(world, mixed, meterOf(aggregation))
        }
        for (const [i, step] of steps.entries()) {
          if (step.step === 'settle') {
            await settle()
            continue
          }
          const sent = {
            id: `e${i}`,
            customer_id: CUSTOMERS[step.customer]!,
            resource_type: 'api_call',
            timestamp: rfc3339(FIRST_HOUR_MS - HOUR_MS + step.hour * HOUR_MS + step.minute * 60_000),
            properties: { v: step.v, user: `u${step.user}` },
          }
          await record(mixed, [sent], step.history)
          await record(all, [sent])
          if (!step.history) await record(live, [sent])
        }
        for (const [i, aggregation] of aggregations.entries())
          if (i % 2 === 1) await addMeter(world, mixed, meterOf(aggregation))
        await settle()
        for (let runs = 0; (await fillMeters(world)).more; runs++) expect(runs).toBeLessThan(20)

        expect((await figures(world, mixed)).incomplete.size).toBe(0)
        expect((await figures(world, mixed, { history: true })).shown).toEqual(
          (await figures(world, all)).shown,
        )
        expect((await figures(world, mixed)).shown).toEqual((await figures(world, live)).shown)
        expect(await spans(mixed, true)).toEqual(await spans(all, false))
        expect(await spans(mixed, false)).toEqual(await spans(live, false))
        const { meters, log, driftSinceMs } = await reconcile(world, await world.configs.load(mixed))
        expect({ driftSinceMs, reason: log.reason }).toEqual({ driftSinceMs: null, reason: null })
        const sends = steps.filter((one) => one.step === 'send')
        const taken = (history: boolean) =>
          Number(
            meters.find((one) => one.meter === 'count' && (one.history ?? false) === history)?.accepted
              .events ?? 0,
          )
        // Of a meter that came later, the counter store took nothing.
        const countedLive = aggregations.indexOf('count') % 2 === 0
        for (const history of [true, false])
          expect(taken(history)).toBe(countedLive ? sends.filter((one) => one.history === history).length : 0)
      }),
      { numRuns: runs(25) },
    ))

  it('goes by ids as live usage does: what was one is not counted as the other', async () => {
    const tenant = await newTenant(world)
    await addMeter(world, tenant, meterOf('count'))
    const sent = (id: string) => ({ id, customer_id: 'alice', resource_type: 'api_call' })
    expect(await record(tenant, [sent('a')])).toMatchObject({ accepted: 1 })
    expect(await record(tenant, [sent('a'), sent('b')], true)).toMatchObject({ accepted: 1, duplicates: 1 })
    expect(await record(tenant, [sent('b')])).toMatchObject({ accepted: 0, duplicates: 1 })
    const config = await world.configs.load(tenant)
    const described = await describeEvents(world, config, await logOf(world, config))
    expect(described.map(({ id, history, countings }) => [id, history, countings.length])).toEqual([
      ['a', false, 1],
      ['b', true, 1],
    ])
  })

  it('may be ten years old, and no older, and is of the past', async () => {
    const tenant = await newTenant(world)
    await addMeter(world, tenant, meterOf('count'))
    const ages = [HISTORY_MAX_AGE_MS - HOUR_MS, HISTORY_MAX_AGE_MS + HOUR_MS, -HOUR_MS]
    const events = ages.map((ageMs, i) => ({
      ...{ id: `e${i}`, customer_id: 'alice', resource_type: 'api_call' },
      timestamp: rfc3339(Date.now() - ageMs),
    }))
    const { events: verdicts } = await record(tenant, events, true)
    expect(verdicts.map(({ status }) => status)).toEqual(['accepted', 'invalid', 'invalid'])
    expect(verdicts[1]!.errors![0]!.detail).toContain('lies more than 3653 days back')
  })

  it('shares no call with what is live: each event has the list that it was counted by', async () => {
    const tenant = await newTenant(world)
    await addMeter(world, tenant, meterOf('count'))
    const shared = RedisCounterStore.inOne(redis.connection, world.limits, 1, { coalesce: true })
    const config = await world.configs.load(tenant)
    const one = (id: string, history: boolean) =>
      recordUsage({ ...world, counters: shared }, config, {
        events: [{ sent: { id, customer_id: 'alice', resource_type: 'api_call' }, pointer: '#' }],
        handling: 'strict',
        history,
      })
    await Promise.all(Array.from({ length: 12 }, (_, i) => one(`e${i}`, i % 2 === 0)))
    await settle()
    await fillMeters(world)
    const described = await describeEvents(world, config, await logOf(world, config))
    for (const { id, history } of described) expect(history).toBe(Number(id.slice(1)) % 2 === 0)
    expect((await figures(world, tenant)).shown).toMatchObject({
      [`alice count ${rfc3339(Math.floor(Date.now() / HOUR_MS) * HOUR_MS)}`]: '6',
    })
  })
})
