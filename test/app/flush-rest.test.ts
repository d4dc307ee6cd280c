// The last flush before the server ends: all that can be settled, and then an end.

import { afterAll, beforeAll, expect, it } from 'vitest'
import { flushRest } from '../../src/jobs/flush-job.ts'
import { TollgateError } from '../../src/kernel/errors.ts'
import { tenantConfig } from '../support/metering.ts'
import { type PostgresBackend, postgresBackends } from '../support/postgres.ts'
import { type RedisBackend, redisBackends } from '../support/redis.ts'
import { intercept, send, totals, type World, worldOn } from '../support/world.ts'

const SEGMENTS = 5
const config = tenantConfig()
let redis: RedisBackend
let postgres: PostgresBackend

beforeAll(async () => {
  redis = await redisBackends[0]!.open()
  postgres = await postgresBackends[0]!.open()
})
afterAll(() => Promise.all([redis.close(), postgres.close()]))

/** A segment an event, of which a run settles one. */
async function withSegments(): Promise<World> {
  await redis.client.flushdb()
  const world = worldOn(redis, postgres, config, { segmentMaxCounters: 1, segmentsPerFlush: 1 })
  for (let n = 0; n < SEGMENTS; n++) await send(world, config, [{ customer_id: `customer ${n}` }])
  return world
}

/** Calls of `settle` go to `instead`. */
function settlingBy(world: World, instead: (settle: () => Promise<unknown>) => Promise<unknown>) {
  const seen = { calls: 0, lines: [] as string[] }
  const usage = intercept(world.usage, (name, call) => {
    if (name !== 'settle') return call()
    // So that whoever would go on for ever ends, and is told.
    return ++seen.calls > 2 * SEGMENTS ? call() : instead(call)
  })
  return { services: { ...world, usage }, seen, log: (line: string) => seen.lines.push(line) }
}

it('goes on until nothing is left, however little a run may take', async () => {
  const world = await withSegments()
  const { services, seen, log } = settlingBy(world, (settle) => settle())
  await flushRest(services, log)
  expect((await world.counters.state(0)).unsettledCounters).toBe(0)
  expect(seen.calls).toBe(SEGMENTS)
  expect(await totals(world, config, 'customer 3')).toEqual({ calls: '1' })
})

it('ends when a run settles nothing, and leaves the rest where it is', async () => {
  const world = await withSegments()
  const { services, seen, log } = settlingBy(world, async () => {
    throw new Error('lock timeout')
  })
  await flushRest(services, log)
  expect(seen.calls).toBe(1)
  expect(seen.lines).toEqual([expect.stringContaining('FAILED')])
  expect(await totals(world, config, 'customer 3')).toEqual({ calls: '2' })
})

it('ends when a store is away', async () => {
  const { services, seen, log } = settlingBy(await withSegments(), async () => {
    throw new TollgateError('store_unavailable', 'Postgres is away')
  })
  await flushRest(services, log)
  expect(seen.calls).toBe(1)
  expect(seen.lines).toEqual([expect.stringContaining('failed')])
})
