// Law 5: any order and any grouping of the same events gives the same result, for every aggregation, and it is the exact
// one.

import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { text } from '../../src/kernel/decimal.ts'
import { flush } from '../../src/metering/flush.ts'
import { aggregations } from '../../src/metering/meter.ts'
import { readUsage } from '../../src/metering/read-usage.ts'
import { meter, tenantConfig } from '../support/metering.ts'
import { type Drawn, oracles, quantity, SCALE } from '../support/oracles.ts'
import { type PostgresBackend, postgresBackends } from '../support/postgres.ts'
import { type RedisBackend, redisBackends } from '../support/redis.ts'
import { runs } from '../support/two-databases.ts'
import { send, worldOn } from '../support/world.ts'

const hour = 3_600_000
const end = Math.floor(Date.now() / hour) * hour
const boundariesMs = [end - 10 * hour, end - 5 * hour, end]

const drawn = fc.record({
  // Up to 15 digits before the point and 12 after, small and whole ones often.
  units: fc.oneof(
    fc.bigInt(0n, 1000n).map((n) => n * SCALE),
    fc.bigInt(0n, 10n ** 15n),
    fc.bigInt(0n, 10n ** 27n - 1n),
  ),
  negative: fc.boolean(),
  atMs: fc.integer({ min: end - 12 * hour, max: end - 1 }),
  user: fc.integer({ min: 0, max: 4 }),
})

describe('law 5: aggregations are commutative merges', () => {
  let redis: RedisBackend
  let postgres: PostgresBackend
  beforeAll(async () => {
    ;[redis, postgres] = await Promise.all([redisBackends[0]!.open(), postgresBackends[0]!.open()])
  })
  afterAll(() => Promise.all([redis.close(), postgres.close()]))

  it.each(aggregations)('%s: in any order, in any batches, settled at any time', async (aggregation) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(drawn, { minLength: 1, maxLength: 25 }),
        fc.array(fc.nat(4), { minLength: 30, maxLength: 30 }),
        async (all, cuts) => {
          const config = tenantConfig(
            [meter('m', aggregation, aggregation === 'unique_count' ? { value: 'user' } : {})],
            { timezone: 'Asia/Kathmandu' },
          )
          const world = worldOn(redis, postgres, config)
          const signed: Drawn[] = all.map(({ negative, units, ...rest }) => ({
            ...rest,
            units: negative && aggregation === 'weighted_sum' ? -units : units,
          }))

          let batch: Parameters<typeof send>[2] = []
          for (const [i, event] of signed.entries()) {
            batch.push({
              quantity: quantity(event.units),
              timestamp: new Date(event.atMs).toISOString(),
              properties: { user: `u${event.user}` },
            })
            const cut = cuts[i % cuts.length]!
            if (cut > 0 && i < signed.length - 1) continue
            await send(world, config, batch)
            batch = []
            if (event.user % 2 === 0) await flush(world)
          }
          // Nepal's hours begin at a quarter past: the windows too.
          const shifted = boundariesMs.map((ms) => ms + hour / 4)
          const { quantities } = await readUsage(world, config, {
            customerIds: ['alice'],
            meter: null,
            boundariesMs: shifted,
            groupBy: [],
          })
          const got = [0, 1].map((window) => {
            const found = quantities.find((one) => one.window === window)
            return found ? text(found.quantity) : null
          })
          const want = [0, 1].map((window) => {
            const [from, to] = [shifted[window]!, shifted[window + 1]!]
            const value = oracles[aggregation](
              signed.filter(({ atMs }) => atMs >= from && atMs < to),
              signed.filter(({ atMs }) => atMs < from),
              [from, to],
            )
            return value === null ? null : quantity(value)
          })
          expect(got).toEqual(want)
        },
      ),
      { numRuns: runs(40) },
    )
  })
})
