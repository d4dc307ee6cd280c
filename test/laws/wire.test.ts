// Laws 1 and 3 on the wire: the real Upstash client, with its own retries, through a bridge that loses, refuses, doubles
// and delays what it carries.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { flush } from '../../src/metering/flush.ts'
import type { TenantConfig } from '../../src/metering/meter.ts'
import { tenantConfig } from '../support/metering.ts'
import { type PostgresBackend, postgresBackends } from '../support/postgres.ts'
import { type RedisBackend, redisBackends } from '../support/redis.ts'
import { send, totals, type World, worldOn } from '../support/world.ts'

let redis: RedisBackend
let postgres: PostgresBackend
let world: World
let config: TenantConfig

beforeAll(async () => {
  ;[redis, postgres] = await Promise.all([redisBackends[1]!.open(), postgresBackends[0]!.open()])
})
afterAll(() => Promise.all([redis.close(), postgres.close()]))
beforeEach(async () => {
  redis.setFault(undefined)
  await redis.client.flushdb()
  config = tenantConfig()
  world = worldOn(redis, postgres, config)
  await world.counters.state(0) // it has looked at the number of partitions
})

/** The fault for the first `times` requests; the number of requests seen. */
function faultFor(
  times: number,
  fault: 'refuse' | 'lose_reply' | 'twice' | { status: number; error: string },
): { requests: () => number } {
  let seen = 0
  redis.setFault(() => (++seen <= times ? fault : undefined))
  return { requests: () => seen }
}

describe('on the wire', () => {
  it.each(['refuse', 'lose_reply', 'twice'] as const)(
    '%s: the client’s own retries count each event once',
    async (fault) => {
      const seen = faultFor(3, fault)
      expect(await send(world, config, [{ id: 'a', quantity: 5 }, { quantity: 2 }])).toMatchObject({
        events: [{ id: 'a' }, {}],
      })
      expect(seen.requests()).toBeGreaterThan(fault === 'twice' ? 0 : 2)
      redis.setFault(undefined)
      expect(await totals(world, config)).toEqual({ calls: '7' })
    },
  )

  it('every reply lost: the caller learns that the outcome is unknown, tries again, and it is counted once', async () => {
    faultFor(Number.POSITIVE_INFINITY, 'lose_reply')
    await expect(send(world, config, [{ id: 'a', quantity: 5 }])).rejects.toMatchObject({
      code: 'store_unavailable',
      retryAfterSeconds: expect.any(Number),
    })
    redis.setFault(undefined)
    expect(await send(world, config, [{ id: 'a', quantity: 5 }])).toMatchObject({ duplicates: 1 })
    expect(await totals(world, config)).toEqual({ calls: '5' })
  })

  it('a full Redis takes nothing, and says that it may be tried again', async () => {
    faultFor(1, { status: 400, error: "OOM command not allowed when used memory > 'maxmemory'." })
    await expect(send(world, config, [{ id: 'a' }])).rejects.toMatchObject({ code: 'memory_full' })
    redis.setFault(undefined)
    expect(await send(world, config, [{ id: 'a' }])).toMatchObject({ accepted: 1 })
  })

  it.each(['refuse', 'lose_reply', 'twice'] as const)(
    '%s, at every call of a flush: everything is settled once',
    async (fault) => {
      for (let call = 1; call <= 5; call++) {
        await send(world, config, [{ id: `e${call}`, quantity: 1 }])
        let n = 0
        redis.setFault(() => (++n === call ? fault : undefined))
        await flush(world, { leaseMs: 0 }).catch(() => {})
        redis.setFault(undefined)
        await flush(world, { leaseMs: 0 })
        expect(await totals(world, config)).toEqual({ calls: String(call) })
        expect((await world.counters.state(0)).unsettledCounters).toBe(0)
      }
    },
  )
})
