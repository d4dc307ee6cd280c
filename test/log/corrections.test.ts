// Law 4, over real stores: figures are those of the events as they stand, for every aggregation, and a correction and then its
// revert leave nothing. Two tenants: one is sent events that are corrected afterwards, the other what they come to.

import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { rfc3339 } from '../../src/kernel/time.ts'
import type { EventChange } from '../../src/log/act.ts'
import { fillMeters } from '../../src/log/fill-meters.ts'
import { aggregations } from '../../src/metering/meter.ts'
import { type PostgresBackend, postgresBackends } from '../support/postgres.ts'
import { type RedisBackend, redisBackends } from '../support/redis.ts'
import { runs } from '../support/two-databases.ts'
import { corrected, correctedTenant, correctOne, everyMeter, reverted, settleAll } from './correcting.ts'
import {
  addMeter,
  CUSTOMERS,
  FIRST_HOUR_MS,
  figures,
  HOURS,
  type ReplayWorld,
  replayWorld,
  sendTo,
} from './replaying.ts'

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

/** What is sent, and what it is by now. */
type One = {
  id: string
  history: boolean
  customer: number
  hour: number
  minute: number
  v: number
  user: number
}
type Change = Partial<Pick<One, 'customer' | 'hour' | 'v' | 'user'>>

const drawnEvent = fc.record({
  history: fc.boolean(),
  customer: fc.nat(1),
  hour: fc.nat(HOURS - 2),
  minute: fc.nat(59),
  v: fc.integer({ min: 0, max: 5 }),
  user: fc.nat(2),
})
const drawnChange: fc.Arbitrary<Change | null> = fc.option(
  fc.record(
    { customer: fc.nat(1), hour: fc.nat(HOURS - 2), v: fc.integer({ min: 0, max: 5 }), user: fc.nat(2) },
    { requiredKeys: [] },
  ),
)
type Drawn = One extends infer E ? Omit<E & One, 'id'> : never
type Op =
  | { op: 'send'; events: Drawn[] }
  | { op: 'settle' }
  | { op: 'one'; pick: number; change: Change | null }
  | { op: 'many'; customer: number | null; hour: number | null; user: number | null; change: Change | null }
  | { op: 'revert'; pick: number }
  | { op: 'meter'; aggregation: (typeof aggregations)[number] }
  | { op: 'fill' }

const drawnOp: fc.Arbitrary<Op> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      op: fc.constant('send' as const),
      events: fc.array(drawnEvent, { minLength: 1, maxLength: 6 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ op: fc.constant('settle' as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({ op: fc.constant('one' as const), pick: fc.nat(), change: drawnChange }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      op: fc.constant('many' as const),
      customer: fc.option(fc.nat(1)),
      hour: fc.option(fc.nat(HOURS - 2)),
      user: fc.option(fc.nat(2)),
      change: drawnChange,
    }),
  },
  { weight: 3, arbitrary: fc.record({ op: fc.constant('revert' as const), pick: fc.nat() }) },
  {
    weight: 1,
    arbitrary: fc.record({
      op: fc.constant('meter' as const),
      aggregation: fc.constantFrom(...aggregations),
    }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('fill' as const) }) },
)

const timeOf = ({ hour, minute }: { hour: number; minute: number }) =>
  FIRST_HOUR_MS + hour * HOUR_MS + minute * 60_000
const sentOf = (one: One) => ({
  id: one.id,
  customer_id: CUSTOMERS[one.customer]!,
  quantity: String(one.v + 1),
  timestamp: rfc3339(timeOf(one)),
  properties: { v: one.v, user: `u${one.user}` },
})

/** The change as an amendment; an hour moves the event to its first minute. */
const setOf = ({ customer, hour, v, user }: Change): EventChange => ({
  ...(customer !== undefined && { customerId: CUSTOMERS[customer]! }),
  ...(hour !== undefined && { timestampMs: timeOf({ hour, minute: 0 }) }),
  ...(v !== undefined && { quantity: String(v + 1) }),
  properties: { ...(v !== undefined && { v }), ...(user !== undefined && { user: `u${user}` }) },
})

/** The model: what each correction took, and what stands. */
class Model {
  readonly events: { sent: One; isSettled: boolean }[] = []
  #on: { id: string; took: Set<One>; change: Change | null }[] = []

  stands(sent: One): One | null {
    let now: One | null = sent
    for (const { took, change } of this.#on)
      if (took.has(sent))
        now =
          change === null
            ? null
            : now && { ...now, ...change, ...(change.hour !== undefined && { minute: 0 }) }
    return now
  }

  take(fits: (one: One) => boolean): Set<One> {
    const taken = this.events.filter(({ sent, isSettled }) => {
      const now = isSettled ? this.stands(sent) : null
      return now !== null && fits(now)
    })
    return new Set(taken.map(({ sent }) => sent))
  }

  apply(id: string, took: Set<One>, change: Change | null): void {
    this.#on = [...this.#on, { id, took, change }]
  }

  revert(pick: number): string | null {
    const one = this.#on[pick % this.#on.length]
    if (one === undefined) return null
    this.#on = this.#on.filter(({ id }) => id !== one.id)
    return one.id
  }
}

/** Whether a level did not change, or there was nothing to change it, can't be told from its counters. */
async function known(tenant: string, history: boolean): Promise<Record<string, string>> {
  const { shown } = await figures(world, tenant, { history })
  const changed = ([name, value]: [string, string]) => value !== '0' || !name.includes('weighted_sum')
  return Object.fromEntries(Object.entries(shown).filter(changed))
}

async function sendAll(tenant: string, all: One[]): Promise<void> {
  for (const history of [false, true]) {
    const some = all.filter((one) => one.history === history)
    if (some.length > 0) await sendTo(world, tenant, some.map(sentOf), history)
  }
}

let ids = 0

async function run(ops: Op[]): Promise<void> {
  await redis.client.flushdb()
  world = replayWorld(redis, postgres)
  const tenant = await correctedTenant(world)
  const model = new Model()
  const made = new Set<string>()
  for (const one of ops) {
    if (one.op === 'send') {
      const events = one.events.map((event) => ({ ...event, id: `c${ids++}` }))
      model.events.push(...events.map((sent) => ({ sent, isSettled: false })))
      await sendAll(tenant, events)
    }
    if (one.op === 'settle') {
      await settleAll(world)
      for (const event of model.events) event.isSettled = true
    }
    if (one.op === 'one') {
      const picked = model.events[one.pick % model.events.length]
      if (!picked?.isSettled || model.stands(picked.sent) === null) continue
      const set = one.change && setOf(one.change)
      const { correction, byMs } = await correctOne(world, tenant, picked.sent.id, set)
      expect(byMs).toBe(null)
      model.apply(correction.correction, new Set([picked.sent]), one.change)
    }
    if (one.op === 'many') {
      const { customer, hour, user, change } = one
      const took = model.take(
        (now) =>
          (customer === null || now.customer === customer) &&
          (hour === null || now.hour === hour) &&
          (user === null || now.user === user),
      )
      const filter = {
        customerId: customer === null ? null : CUSTOMERS[customer]!,
        ...(hour !== null && {
          fromMs: timeOf({ hour, minute: 0 }),
          toMs: timeOf({ hour: hour + 1, minute: 0 }),
        }),
        properties: user === null ? [] : [['user', `u${user}`] as [string, string]],
      }
      const applying = corrected(world, tenant, filter, change && setOf(change))
      if (took.size === 0) await expect(applying).rejects.toMatchObject({ code: 'state_conflict' })
      else model.apply(await applying, took, change)
    }
    if (one.op === 'revert') {
      const id = model.revert(one.pick)
      if (id !== null) expect((await reverted(world, tenant, id)).state).toBe('reverted')
    }
    // A type feeds ten meters at most, and has eight.
    if (one.op === 'meter' && !made.has(one.aggregation) && made.size < 2) {
      const input = everyMeter('beginning').find(({ aggregation }) => aggregation === one.aggregation)!
      await addMeter(world, tenant, { ...input, key: `${one.aggregation}_late` })
      made.add(one.aggregation)
    }
    if (one.op === 'fill') await fillMeters(world)
  }
  await settleAll(world)
  while ((await fillMeters(world)).more);
  expect((await figures(world, tenant)).incomplete.size).toBe(0)

  const should = await correctedTenant(world)
  for (const aggregation of made) {
    const input = everyMeter().find((one) => one.aggregation === aggregation)!
    await addMeter(world, should, { ...input, key: `${aggregation}_late` })
  }
  const left = model.events.flatMap(({ sent }) => model.stands(sent) ?? [])
  await sendAll(should, left)
  for (const history of [false, true])
    expect(await known(tenant, history)).toEqual(await known(should, history))
}

describe('corrections', () => {
  it('leave the figures of the events as they stand, whatever came between', async () => {
    await fc.assert(fc.asyncProperty(fc.array(drawnOp, { minLength: 8, maxLength: 24 }), run), {
      numRuns: runs(Number(process.env.ACT_RUNS ?? 8)),
      endOnFailure: true,
    })
  }, 600_000)
})
