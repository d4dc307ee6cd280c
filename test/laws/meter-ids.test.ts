// Counters are named by a meter's id, and people speak of its key.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { text } from '../../src/kernel/decimal.ts'
import { HOUR_MS } from '../../src/kernel/time.ts'
import { flush } from '../../src/metering/flush.ts'
import type { TenantConfig } from '../../src/metering/meter.ts'
import { readHours } from '../../src/metering/read-hours.ts'
import { readSpans } from '../../src/metering/read-spans.ts'
import { readUsage } from '../../src/metering/read-usage.ts'
import { reconcile } from '../../src/metering/reconcile.ts'
import { meter, tenantConfig } from '../support/metering.ts'
import { type PostgresBackend, postgresBackends } from '../support/postgres.ts'
import { type RedisBackend, redisBackends } from '../support/redis.ts'
import { send, totals, type World, worldOn } from '../support/world.ts'

let redis: RedisBackend
let postgres: PostgresBackend
let world: World
let config: TenantConfig

beforeAll(async () => {
  ;[redis, postgres] = await Promise.all([redisBackends[0]!.open(), postgresBackends[0]!.open()])
})
afterAll(() => Promise.all([redis.close(), postgres.close()]))
beforeEach(() => redis.client.flushdb())

const startMs = Math.floor(Date.now() / HOUR_MS) * HOUR_MS - HOUR_MS
const endMs = startMs + 3 * HOUR_MS
const span = { customerId: 'alice', meter: 'calls', startMs, endMs, parts: [] }

/** What every reader shows of the meter `calls`, events that it took included. */
async function shown(by: TenantConfig) {
  const of = async (key: string | null) => {
    const query = { customerIds: ['alice'], meter: key, boundariesMs: [startMs, endMs], groupBy: [] }
    const { quantities } = await readUsage(world, by, query)
    return quantities.filter(({ meter }) => meter.key === 'calls').map(({ quantity }) => text(quantity))
  }
  const [inSpan] = await readSpans(world, by, [span])
  const { hours } = await readHours(world, by, { span, part: null }, { after: null, limit: 10 })
  const account = (await reconcile(world, by)).meters.find((one) => one.meter === 'calls')!
  return {
    usage: [await of(null), await of('calls')],
    span: text(inSpan!.rest.quantity),
    hours: hours.map(({ quantity }) => text(quantity)),
    accepted: account.accepted.quantity,
    reason: account.reason,
  }
}

const nothing = { usage: [[], []], span: '0', hours: [], accepted: '0', reason: null }
const just = (quantity: string) => ({
  ...{ usage: [[quantity], [quantity]], span: quantity, hours: [quantity] },
  ...{ accepted: quantity, reason: null },
})

describe('a meter', () => {
  it('that was made again, with the key of one that Postgres has forgotten, begins at nothing', async () => {
    config = tenantConfig([meter('calls', 'sum', { id: 'first' })])
    world = worldOn(redis, postgres, config)
    await send(world, config, [{ quantity: 3 }])
    await flush(world)
    await send(world, config, [{ quantity: 4 }])
    expect(await shown(config)).toMatchObject({ usage: [['7'], ['7']], span: '7', accepted: '7' })

    const again = { ...config, meters: [meter('calls', 'sum', { id: 'second' })] }
    expect(await shown(again)).toEqual(nothing)
    await send(world, again, [{ quantity: 10 }])
    expect(await shown(again)).toEqual(just('10'))
    await flush(world)
    expect(await shown(again)).toEqual(just('10'))
    expect(await shown(config)).toMatchObject({ usage: [['7'], ['7']], span: '7', accepted: '7' })
  })

  it('whose id is another one’s key is not taken for it', async () => {
    config = tenantConfig([
      meter('calls', 'sum', { id: 'tokens' }),
      meter('tokens', 'count', { id: 'calls' }),
    ])
    world = worldOn(redis, postgres, config)
    await send(world, config, [{ quantity: 3 }, { quantity: 4 }])
    for (const settled of [false, true]) {
      expect(await totals(world, config)).toEqual({ calls: '7', tokens: '2' })
      expect(await shown(config)).toEqual(just('7'))
      if (!settled) await flush(world)
    }
  })

  it('is skipped, and found fault with, by its key', async () => {
    config = tenantConfig([
      meter('calls', 'sum', { id: 'x', value: 'size', missing: 'skip' }),
      meter('tokens', 'sum', { id: 'y', value: 'tokens' }),
    ])
    world = worldOn(redis, postgres, config)
    expect(await send(world, config, [{ properties: { tokens: 1 } }])).toMatchObject({
      events: [{ status: 'accepted', skipped: ['calls'] }],
    })
    await expect(send(world, config, [{ properties: { size: 1 } }])).rejects.toMatchObject({
      issues: [{ detail: expect.stringContaining('the meter tokens aggregates it') }],
    })
  })
})

it('usage comes in the order of the meters’ keys, by customer, whatever their ids are', async () => {
  config = tenantConfig([
    meter('c', 'sum', { id: '1', groupBy: ['g'] }),
    meter('a', 'count', { id: '3' }),
    meter('b', 'max', { id: '2' }),
    meter('level', 'weighted_sum', { id: '0' }),
  ])
  world = worldOn(redis, postgres, config)
  const of = (customer_id: string, g: string) => ({ customer_id, properties: { g } })
  await send(world, config, [of('bob', 'x'), of('alice', 'y'), of('bob', 'y')])
  const read = async (key: string | null, groupBy: string[] = []) => {
    const customerIds = ['bob', 'alice']
    const boundariesMs = [startMs, startMs + HOUR_MS, endMs]
    const { quantities } = await readUsage(world, config, { customerIds, meter: key, boundariesMs, groupBy })
    return quantities.map(({ customerId, meter, group }) => [customerId, meter.key, ...Object.values(group)])
  }
  const keys = ['a', 'b', 'c', 'level']
  const expected = ['alice', 'bob'].flatMap((customer) => keys.map((key) => [customer, key]))
  expect(await read(null)).toEqual(expected)
  await flush(world)
  expect(await read(null)).toEqual(expected)
  expect(await read('c', ['g'])).toEqual([
    ['alice', 'c', 'y'],
    ['bob', 'c', 'x'],
    ['bob', 'c', 'y'],
  ])
})
