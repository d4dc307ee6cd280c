// What was accepted is held against what became of it: drift is zero, or it is named, with its size.

import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { flush } from '../../src/metering/flush.ts'
import type { TenantConfig } from '../../src/metering/meter.ts'
import { reconcile } from '../../src/metering/reconcile.ts'
import { reoffer } from '../../src/metering/reoffer.ts'
import { meter, tenantConfig } from '../support/metering.ts'
import { type PostgresBackend, postgresBackends } from '../support/postgres.ts'
import { type RedisBackend, redisBackends } from '../support/redis.ts'
import { alicesHome, sealAll, unsettled } from '../support/two-databases.ts'
import { type LoggedWorld, send, totals, worldOn } from '../support/world.ts'

let redis: RedisBackend
let postgres: PostgresBackend
let world: LoggedWorld
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

const use = (quantity: string, id?: string, by = world) =>
  send(by, config, [{ id, quantity, properties: { user: `u${quantity}` } }])
const calls = async (by = world) => (await reconcile(by, config)).meters.find((one) => one.meter === 'calls')!
const none = { events: '0', quantity: '0' }
const agreeing = { accepted: '0', indexed: '0', unsettled: '0', quarantined: '0', drift: '0', reason: null }

describe('reconciliation', () => {
  it('agrees, wherever the events are', async () => {
    await use('1.5', 'a')
    await flush(world)
    await use('2', 'b')
    await use('2', 'b')
    await sealAll(world)
    await use('4', 'c')
    expect(await reconcile(world, config)).toEqual({
      tenantId: config.tenantId,
      driftSinceMs: null,
      meters: ['calls', 'peak', 'users'].map((key) => ({
        meter: key,
        accepted: { events: '3', quantity: key === 'users' ? expect.any(String) : '7.5' },
        settled: { events: '1', quantity: key === 'users' ? expect.any(String) : '1.5' },
        unsettled: { events: '2', quantity: key === 'users' ? expect.any(String) : '6' },
        quarantined: none,
        drift: none,
        reason: null,
      })),
      log: { ...agreeing, accepted: '3', indexed: '1', unsettled: '2' },
    })
  })

  it('agrees while events and flushes go on', async () => {
    for (let i = 0; i < 15; i++) {
      const going = [use('1'), use('2'), flush(world, { leaseMs: 0 }), use('3')]
      const { meters, log } = await reconcile(world, config)
      expect([...meters, log].map(({ reason }) => reason)).toEqual([null, null, null, null])
      await Promise.all(going)
    }
  })

  it('shows what is quarantined, and misses none of it', async () => {
    await use('3')
    const [segment] = await sealAll(world)
    await world.counters.quarantine(segment!, 'refused')
    expect(await calls()).toMatchObject({
      quarantined: { events: '1', quantity: '3' },
      unsettled: none,
      drift: none,
      reason: null,
    })
  })

  it('names a segment that is gone, with its size and since when', async () => {
    await use('3')
    await flush(world)
    await use('0.5')
    const { open } = await world.counters.state(alicesHome())
    await redis.client.del(`tg:{${alicesHome()}}:seg:${open!.id}`, `tg:{${alicesHome()}}:idx:${open!.id}`)
    expect(await calls()).toMatchObject({
      drift: { events: '1', quantity: '0.5' },
      reason: 'missing_from_totals',
    })
    const { driftSinceMs } = await reconcile(world, config)
    expect(driftSinceMs).toBeGreaterThan(0)
    await use('1')
    expect((await reconcile(world, config)).driftSinceMs).toBe(driftSinceMs)
  })

  it('sizes what Redis had acknowledged and lost, once the server that was answered calls again', async () => {
    await use('3')
    await flush(world)
    const keys = await redis.client.keys('*')
    const before = await Promise.all(
      keys.map(
        async (key) =>
          [
            key,
            await redis.client.type(key),
            key.includes('meta') ? await redis.client.hgetall(key) : null,
          ] as const,
      ),
    )
    await use('0.5', 'lost')
    // A failover to a replica that had all but the last event.
    await redis.client.del(
      (await redis.client.keys('*')).filter((key) => key.includes(':seg:') || key.includes(':idx:')),
    )
    await redis.client.del(`tg:{${alicesHome()}}:meta`)
    for (const [key, , hash] of before) if (hash) await redis.client.hset(key, hash)
    await use('1', 'after')
    expect(await calls()).toMatchObject({
      accepted: { events: '3', quantity: '4.5' },
      settled: { events: '1', quantity: '3' },
      unsettled: { events: '1', quantity: '1' },
      drift: { events: '1', quantity: '0.5' },
      reason: 'lost_by_counters',
    })
  })

  it('names a Redis that was emptied, if nobody is left that was answered', async () => {
    await use('3')
    await flush(world)
    await redis.client.flushdb()
    expect(await calls(worldOn(redis, postgres, config))).toMatchObject({
      drift: { events: '-1', quantity: '-3' },
      reason: 'counters_went_back',
    })
    // Who was answered knows that nothing is missing.
    expect(await calls()).toMatchObject({
      accepted: { events: '1', quantity: '3' },
      drift: none,
      reason: null,
    })
  })

  it('sizes a loss whatever of other servers, gone since, was settled and is forgotten by Redis', async () => {
    const [one, gone] = [0, 8].map((slot) => {
      vi.spyOn(Math, 'random').mockReturnValueOnce(slot / 16)
      return worldOn(redis, postgres, config)
    }) as [LoggedWorld, LoggedWorld]
    for (const quantity of ['10', '20', '30']) await use(quantity, undefined, gone)
    await use('1', undefined, one)
    await flush(one)
    await use('2', undefined, one)
    await use('40', undefined, gone)
    await redis.client.flushdb()
    await use('4', undefined, one)
    expect(await calls()).toMatchObject({
      accepted: { events: '6', quantity: '67' },
      settled: { events: '4', quantity: '61' },
      unsettled: { events: '1', quantity: '4' },
      drift: { events: '1', quantity: '2' },
      reason: 'lost_by_counters',
    })
  })

  it('lets the operator be done with a segment whose counters are gone, and goes on naming what was in it', async () => {
    await use('3')
    await flush(world)
    await use('0.5')
    const [segment] = await sealAll(world)
    await redis.client.del(`tg:{${alicesHome()}}:seg:${segment!.id}`)
    await use('4')
    expect(await flush(world)).toMatchObject({ settledSegments: 1, dropped: [] })
    expect(await unsettled(world)).toBeGreaterThan(0)
    expect(await flush(world)).toMatchObject({ quarantined: [{ id: segment!.id }] })
    expect(await flush(world, { retryQuarantined: true, dropMissing: true })).toMatchObject({
      dropped: [segment!.id],
      quarantined: [],
    })
    expect(await world.counters.state(alicesHome())).toMatchObject({ sealed: [], unsettledCounters: 0 })
    expect(await calls()).toMatchObject({
      drift: { events: '1', quantity: '0.5' },
      reason: 'missing_from_totals',
    })
  })
})

describe('reconciliation of the log', () => {
  const log = async (by = world) => (await reconcile(by, config)).log
  const blocks = (text: string) =>
    postgres.db.execute(sql.raw(text.replace('mine', `tenant_id = '${config.tenantId}'`)))

  it('has every event that was accepted, and none that was refused or a duplicate', async () => {
    await use('1', 'a')
    await use('1', 'a')
    await use('2', 'a').catch(() => {})
    await send(
      world,
      config,
      [{ id: 'b' }, { id: 'c' }].map((one) => ({ ...one, properties: { user: 'u' } })),
    )
    expect(await log()).toEqual({ ...agreeing, accepted: '3', unsettled: '3' })
    await flush(world)
    expect(await log()).toEqual({ ...agreeing, accepted: '3', indexed: '3' })
    await sealAll(world)
    await use('1', 'd')
    const [segment] = await sealAll(world)
    await world.counters.quarantine(segment!, 'refused')
    expect(await log()).toEqual({ ...agreeing, accepted: '4', indexed: '3', quarantined: '1' })
  })

  it('names blocks that the index has lost, with the number of their events, while the meters agree', async () => {
    await use('1', 'a')
    await flush(world)
    await use('2', 'b')
    await use('3', 'c')
    await flush(world)
    await use('4', 'd')
    const before = Date.now()
    await blocks('delete from log_blocks where mine and events = 2')
    const { meters, log, driftSinceMs } = await reconcile(world, config)
    const lost = { drift: '2', reason: 'missing_from_index' }
    expect(log).toEqual({ ...agreeing, accepted: '4', indexed: '1', unsettled: '1', ...lost })
    expect(meters.map(({ reason }) => reason)).toEqual([null, null, null])
    // By Redis's clock, which is this machine's.
    expect(driftSinceMs).toBeGreaterThanOrEqual(before - 1_000)
  })

  it('names what was dropped when the log was turned off over it, and nothing of what came afterwards', async () => {
    await use('1', 'a')
    const off = { ...world, log: null }
    await flush(off)
    await send(off, config, [{ id: 'b', properties: { user: 'u' } }])
    await flush(off)
    expect(await log()).toEqual({ ...agreeing, accepted: '1', drift: '1', reason: 'missing_from_index' })
  })

  it('names a block that is in the index twice', async () => {
    await use('1', 'a')
    await flush(world)
    const [columns, values] = [
      'tenant_id, store, segment_id, events, received_from, received_to, timestamp_from, timestamp_to, types, lists, ids, bytes',
      `name || '-again'`,
    ]
    await blocks(
      `insert into log_blocks (name, ${columns}) select ${values}, ${columns} from log_blocks where mine`,
    )
    expect(await log()).toEqual({
      ...agreeing,
      accepted: '1',
      indexed: '2',
      drift: '-1',
      reason: 'more_in_index',
    })
  })

  it('names what Redis has lost, and what a restored Postgres lacks until it is offered again', async () => {
    await use('1', 'a')
    await flush(world)
    await sql_('delete from usage; delete from segments; delete from log_customers; delete from log_blocks')
    expect(await log()).toEqual({ ...agreeing, accepted: '1', drift: '1', reason: 'missing_from_totals' })
    await reoffer(world)
    expect(await log()).toEqual({ ...agreeing, accepted: '1', unsettled: '1' })
    await flush(world)
    await use('2', 'b')
    const { open } = await world.counters.state(alicesHome())
    await redis.client.del(`tg:{${alicesHome()}}:seg:${open!.id}`)
    expect(await log()).toMatchObject({ indexed: '1', drift: '1', reason: 'missing_from_totals' })
  })
})

describe('Postgres put back to an earlier point', () => {
  it('is repaired by one offer, even if a run of before the restore discards after it', async () => {
    await sql_(`create table usage_then as table usage; create table segments_then as table segments`)
    await use('2', 'b')
    const [segment] = await sealAll(world)
    const content = await world.counters.readSegment(segment!)
    await world.usage.settle(segment!, content.counters)
    await sql_(
      `truncate usage, usage_days, usage_values, segments; insert into usage table usage_then; insert into segments table segments_then; drop table usage_then, segments_then`,
    )
    await reoffer(world)
    await world.counters.discard(segment!, content)
    expect(await totals(world, config)).toMatchObject({ calls: '2' })
    await flush(world)
    expect(await totals(world, config)).toMatchObject({ calls: '2' })
    expect(await calls()).toMatchObject({ settled: { events: '1' }, drift: none, reason: null })
  })

  it('is noticed, and repaired exactly by offering again what Redis kept', async () => {
    await use('1', 'a')
    await flush(world)
    await sql_(`create table usage_then as table usage; create table segments_then as table segments`)
    await use('2', 'b')
    await flush(world)
    await use('4', 'c')
    await sql_(
      `truncate usage, usage_days, usage_values, segments; insert into usage table usage_then; insert into segments table segments_then; drop table usage_then, segments_then`,
    )
    expect(await calls()).toMatchObject({
      drift: { events: '1', quantity: '2' },
      reason: 'missing_from_totals',
    })
    expect(await reoffer(world)).toBe(2)
    expect(await totals(world, config)).toEqual({ calls: '7', peak: '4', users: '3' })
    expect(await flush(world)).toMatchObject({ settledSegments: 2, alreadySettled: 1 })
    expect(await calls()).toMatchObject({
      settled: { events: '3', quantity: '7' },
      drift: none,
      reason: null,
    })
    expect(await totals(world, config)).toEqual({ calls: '7', peak: '4', users: '3' })
  })
})

async function sql_(statements: string): Promise<void> {
  for (const statement of statements.split('; ')) await postgres.db.execute(sql.raw(statement))
}
