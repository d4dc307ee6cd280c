// Laws 1 to 4 of exact counting, each under the fault that would break it.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { TollgateError } from '../../src/kernel/errors.ts'
import { flush } from '../../src/metering/flush.ts'
import type { TenantConfig } from '../../src/metering/meter.ts'
import { SegmentRefused } from '../../src/metering/ports.ts'
import { interleavings, runInOrder } from '../support/interleave.ts'
import { meter, tenantConfig } from '../support/metering.ts'
import { type PostgresBackend, postgresBackends } from '../support/postgres.ts'
import { type RedisBackend, redisBackends } from '../support/redis.ts'
import { isSpread, partitions, sealAll, shortened, unsettled } from '../support/two-databases.ts'
import { intercept, send, totals, type World, worldOn } from '../support/world.ts'

let redis: RedisBackend
let postgres: PostgresBackend
let world: World
let config: TenantConfig

beforeAll(async () => {
  ;[redis, postgres] = await Promise.all([redisBackends[0]!.open(), postgresBackends[0]!.open()])
})
afterAll(() => Promise.all([redis.close(), postgres.close()]))
beforeEach(async () => {
  await redis.client.flushdb()
  config = tenantConfig([
    meter('calls', 'sum'),
    meter('peak', 'max'),
    meter('users', 'unique_count', { value: 'user' }),
  ])
  world = worldOn(redis, postgres, config)
})

const events = [
  { id: 'a', quantity: 2, properties: { user: 'u1' } },
  { id: 'b', quantity: '0.5', properties: { user: 'u2' } },
]
const expected = { calls: '2.5', peak: '2', users: '2' }
const settleAll = (of: World = world) => flush(of, { leaseMs: 0 })
/** Of a flush of one segment: seals, read, settle, discard. */
const CALLS = partitions() + 3

/** What a store throws when its process dies under it: nothing that anybody handles. */
class Crash extends TollgateError {
  constructor() {
    super('store_unavailable', 'crash')
  }
}

/** A world that dies at its nth call: before the call reaches the store, or after it was applied and before its reply. */
function dyingAt(n: number, when: 'before' | 'after'): { world: World; died: () => boolean } {
  let calls = 0
  let dead = false
  const around = async (_name: string, call: () => Promise<unknown>) => {
    if (dead) throw new Crash()
    calls++
    if (calls < n) return call()
    dead = true
    if (when === 'after') await call()
    throw new Crash()
  }
  return {
    world: { ...world, counters: intercept(world.counters, around), usage: intercept(world.usage, around) },
    died: () => dead,
  }
}

describe('law 1: counted once', () => {
  it('the same batch sent by two callers at once', async () => {
    const results = await Promise.all([
      send(world, config, events),
      send(world, config, events),
      send(world, config, events),
    ])
    expect(results.map(({ accepted, duplicates }) => [accepted, duplicates]).sort()).toEqual([
      [0, 2],
      [0, 2],
      [2, 0],
    ])
    expect(await totals(world, config)).toEqual(expected)
  })

  it('a retry after the first try was settled and its segment is gone', async () => {
    await send(world, config, events)
    await settleAll()
    expect(await send(world, config, events)).toMatchObject({ accepted: 0, duplicates: 2 })
    expect(await totals(world, config)).toEqual(expected)
  })

  it.each(['before', 'after'] as const)(
    'a caller that died %s its call reached the store, and tried again',
    async (when) => {
      await expect(send(dyingAt(1, when).world, config, events)).rejects.toThrow(Crash)
      await send(world, config, events)
      expect(await totals(world, config)).toEqual(expected)
    },
  )
})

describe('law 2: the same id with other content is a named conflict', () => {
  it('in a strict batch, which then counts nothing', async () => {
    await send(world, config, events)
    const again = send(
      world,
      config,
      [{ id: 'c' }, { ...events[0]!, quantity: 3 }].map((event) => ({
        properties: { user: 'u3' },
        ...event,
      })),
    )
    await expect(again).rejects.toMatchObject({ code: 'event_conflict', issues: [{ pointer: '#/1/id' }] })
    expect(await totals(world, config)).toEqual(expected)
  })

  it('in a lenient batch, which counts the rest', async () => {
    await send(world, config, events)
    const result = await send(
      world,
      config,
      [
        { id: 'a', quantity: 9, properties: { user: 'u1' } },
        { id: 'c', quantity: 1, properties: { user: 'u1' } },
      ],
      'lenient',
    )
    expect(result.events.map(({ status }) => status)).toEqual(['conflict', 'accepted'])
    expect(await totals(world, config)).toEqual({ ...expected, calls: '3.5' })
  })

  it.each([
    [
      'the spelling of numbers and the order of keys',
      { quantity: '2.00', properties: { z: 1, user: 'u1' } },
      { quantity: 2, properties: { user: 'u1', z: 1 } },
      'duplicate',
    ],
    [
      'a default and its absence',
      { quantity: 1, properties: { user: 'u1' } },
      { properties: { user: 'u1' } },
      'duplicate',
    ],
    [
      'one instant in two offsets',
      { timestamp: '2026-11-01T00:00:00Z', properties: { user: 'u1' } },
      { timestamp: '2026-11-01T05:30:00+05:30', properties: { user: 'u1' } },
      'duplicate',
    ],
    [
      'another property',
      { properties: { user: 'u1' } },
      { properties: { user: 'u1', extra: null } },
      'conflict',
    ],
    [
      'another customer',
      { properties: { user: 'u1' } },
      { customer_id: 'bob', properties: { user: 'u1' } },
      // Of a tenant that is spread, ids are its customers'.
      isSpread() ? 'accepted' : 'conflict',
    ],
    [
      'a timestamp and none',
      { timestamp: '2026-11-01T00:00:00Z', properties: { user: 'u1' } },
      { properties: { user: 'u1' } },
      'conflict',
    ],
  ])('%s', async (_name, first, second, status) => {
    world.clock = () => Date.UTC(2026, 10, 2)
    await send(world, config, [{ id: 'x', ...first }])
    const { events } = await send(world, config, [{ id: 'x', ...second }], 'lenient')
    expect(events[0]!.status).toBe(status)
  })
})

describe('law 3: nothing acknowledged is lost', () => {
  const steps = Array.from({ length: CALLS }, (_, i) => i + 1).flatMap((n) => [
    [n, 'before'] as const,
    [n, 'after'] as const,
  ])
  it.each(steps)('a flush that dies at its step %i, %s it is applied', async (n, when) => {
    await send(world, config, events)
    const { world: dying, died } = dyingAt(n, when)
    await expect(settleAll(dying)).rejects.toThrow(Crash)
    expect(died()).toBe(true)
    expect(await totals(world, config)).toEqual(expected)
    await send(world, config, [{ id: 'late', quantity: 4, properties: { user: 'u1' } }])
    await settleAll()
    expect(await totals(world, config)).toEqual({ calls: '6.5', peak: '4', users: '2' })
    expect(await unsettled(world)).toBe(0)
  })

  it('a run of dying flushes, one after the other, ends with everything settled once', async () => {
    await send(world, config, events)
    for (let n = 1; n <= CALLS; n++)
      for (const when of ['before', 'after'] as const) await settleAll(dyingAt(n, when).world).catch(() => {})
    await settleAll()
    expect(await totals(world, config)).toEqual(expected)
  })

  it('a segment that fails holds up no other, and is tried again', async () => {
    await send(world, config, events)
    await sealAll(world)
    await send(world, config, [{ id: 'more', quantity: 1, properties: { user: 'u1' } }])
    let first = true
    const stumbling: World = {
      ...world,
      usage: intercept(world.usage, async (name, call) => {
        if (name === 'settle' && first) {
          first = false
          throw new Error('413')
        }
        return call()
      }),
    }
    expect(await settleAll(stumbling)).toMatchObject({ settledSegments: 1, failed: [{ reason: '413' }] })
    expect(await totals(world, config)).toEqual({ ...expected, calls: '3.5' })
    expect(await settleAll()).toMatchObject({ settledSegments: 1, failed: [] })
  })

  it('a flush that breaks off takes no other segment, and ends what it has under way first', async () => {
    const segments = 4
    for (let n = 0; n < segments; n++) {
      await send(world, config, [{ id: `e${n}`, quantity: 1, properties: { user: 'u1' } }])
      await sealAll(world)
    }
    const settles: ('lost' | 'under way' | 'ended')[] = []
    const breaking: World = {
      ...world,
      usage: intercept(world.usage, async (_name, call) => {
        const n = settles.push(settles.length === 0 ? 'lost' : 'under way') - 1
        if (n === 0) throw new Crash()
        await new Promise((resolve) => setTimeout(resolve, 50))
        const result = await call()
        settles[n] = 'ended'
        return result
      }),
    }
    await expect(settleAll(breaking)).rejects.toThrow(Crash)
    expect(settles).toEqual(['lost', 'ended'])
    expect(await settleAll()).toMatchObject({ settledSegments: segments - 1, alreadySettled: 0 })
    expect(await totals(world, config)).toEqual({ calls: '4', peak: '1', users: '1' })
  })

  it('a flush takes no more segments than it may, and says how many remain', async () => {
    for (let n = 0; n < 5; n++) {
      await send(world, config, [{ id: `e${n}`, quantity: 1, properties: { user: 'u1' } }])
      await sealAll(world)
    }
    const bounded = { ...world, limits: { ...world.limits, segmentsPerFlush: 3 } }
    expect(await settleAll(bounded)).toMatchObject({ settledSegments: 3, remaining: 2 })
    expect(await settleAll(bounded)).toMatchObject({ settledSegments: 2, remaining: 0 })
  })

  it('a quarantined segment stays in every bill, holds up nothing, and is settled when it is asked for', async () => {
    await send(world, config, events)
    const refusing: World = {
      ...world,
      usage: intercept(world.usage, async () => Promise.reject(new SegmentRefused('22P02 no'))),
    }
    expect(await flush(refusing)).toMatchObject({ quarantined: [{ reason: '22P02 no' }] })
    expect(await flush(world)).toMatchObject({
      settledSegments: 0,
      quarantined: [{ reason: '22P02 no' }],
      leased: [],
    })
    expect(await totals(world, config)).toEqual(expected)
    expect(await flush(world, { retryQuarantined: true })).toMatchObject({ settledSegments: 1, leased: [] })
    expect(await totals(world, config)).toEqual(expected)
  })

  it('Postgres away: events are taken, nothing is lost, and it settles when Postgres is back', async () => {
    const gone = new TollgateError('store_unavailable', 'away')
    const away: World = { ...world, usage: intercept(world.usage, async () => Promise.reject(gone)) }
    await send(away, config, events)
    await expect(settleAll(away)).rejects.toThrow(gone)
    await send(away, config, [{ id: 'more', quantity: 1, properties: { user: 'u9' } }])
    await expect(settleAll(away)).rejects.toThrow(gone)
    expect(await totals(world, config)).toEqual({ calls: '3.5', peak: '2', users: '3' })
    expect(await settleAll()).toMatchObject({ settledSegments: 2 })
    expect(await totals(world, config)).toEqual({ calls: '3.5', peak: '2', users: '3' })
  })
})

describe('two at once', () => {
  it.each(shortened(interleavings(CALLS, CALLS)).map((order) => [order.join('')]))(
    'two flushes in the order %s settle everything once',
    async (order) => {
      await send(world, config, events)
      await runInOrder(world, [...order] as ('a' | 'b')[], { a: settleAll, b: settleAll })
      await settleAll()
      expect(await totals(world, config)).toEqual(expected)
      expect(await unsettled(world)).toBe(0)
    },
  )
})

describe('law 4: a bill read is exact at every instant', () => {
  it.each(shortened(interleavings(CALLS, 2)).map((order) => [order.join('')]))(
    'with the steps of a flush (a) and of a read (b) in the order %s',
    async (order) => {
      await send(world, config, events.slice(0, 1))
      await settleAll()
      await send(world, config, events.slice(1))
      const { b } = await runInOrder(world, [...order] as ('a' | 'b')[], {
        a: settleAll,
        b: (of) => totals(of, config),
      })
      expect(b).toEqual(expected)
    },
  )

  it('holds what was acknowledged before it began, while events go on', async () => {
    for (let i = 1; i <= 20; i++) {
      await send(world, config, [{ id: `e${i}`, quantity: 1, properties: { user: 'u' } }])
      const going = [
        send(world, config, [{ id: `g${i}`, quantity: 1000, properties: { user: 'u' } }]),
        settleAll(),
      ]
      const seen = Number((await totals(world, config)).calls)
      expect(seen % 1000).toBe(i)
      await Promise.all(going)
    }
  })
})
