// Law 3 when Redis comes back from the past: after a failover to a replica that lags, or a restore, a segment may be open
// again that Postgres has settled. What is counted into it would vanish; the fence of the segment's age prevents it.

import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { flush } from '../../src/metering/flush.ts'
import { loadSnapshot } from '../../src/stores/redis/embedded-snapshot.ts'
import { tenantConfig } from '../support/metering.ts'
import { type PostgresBackend, postgresBackends } from '../support/postgres.ts'
import { type RedisBackend, redisBackends } from '../support/redis.ts'
import { saveSnapshot } from '../support/redis-snapshot.ts'
import { send, totals, worldOn } from '../support/world.ts'

let redis: RedisBackend
let postgres: PostgresBackend
beforeAll(async () => {
  ;[redis, postgres] = await Promise.all([redisBackends[0]!.open(), postgresBackends[0]!.open()])
})
afterAll(() => Promise.all([redis.close(), postgres.close()]))

const MAX_AGE_MS = 300
const SETTLE_AFTER_MS = 600

/** Redis is put back to the state before the flush that settled its open segment; then another event comes. */
async function backFromThePast(limits: {
  segmentMaxAgeMs: number
  settleAfterMs: number
}): Promise<string | undefined> {
  await redis.client.flushdb()
  const config = tenantConfig()
  const world = worldOn(redis, postgres, config, limits)
  const file = join(await mkdtemp(join(tmpdir(), 'tollgate-')), 'redis.json')
  await send(world, config, [{ id: 'before', quantity: 10 }])
  await saveSnapshot(redis.client, file)
  await sleep(limits.settleAfterMs + 50)
  expect(await flush(world)).toMatchObject({ settledSegments: 1 })
  await redis.client.flushdb()
  await loadSnapshot(redis.client, file)
  expect((await world.counters.state(0)).open).not.toBeNull()
  await send(world, config, [{ id: 'after', quantity: 1 }])
  expect((await totals(world, config)).calls).toBe(limits.segmentMaxAgeMs === MAX_AGE_MS ? '11' : '10')
  await sleep(limits.settleAfterMs + 50)
  await flush(world)
  await flush(world)
  expect((await world.counters.state(0)).unsettledCounters).toBe(0)
  return (await totals(world, config)).calls
}

it('loses nothing that comes after a failover to a state with a settled segment open', async () => {
  expect(await backFromThePast({ segmentMaxAgeMs: MAX_AGE_MS, settleAfterMs: SETTLE_AFTER_MS })).toBe('11')
})

it('would lose it without the fence: this is what it is for', async () => {
  expect(await backFromThePast({ segmentMaxAgeMs: Number.POSITIVE_INFINITY, settleAfterMs: 0 })).toBe('10')
})

it('settles nothing younger than the fence, and bills it all the same', async () => {
  await redis.client.flushdb()
  const config = tenantConfig()
  const world = worldOn(redis, postgres, config, { segmentMaxAgeMs: 60_000, settleAfterMs: 75_000 })
  await send(world, config, [{ quantity: 3 }])
  expect(await flush(world)).toMatchObject({ settledSegments: 0, tooYoung: 1 })
  expect(await totals(world, config)).toEqual({ calls: '3' })
})
